package kernel

import "math"

// The polynomials below are from testdata/normal.py; the assembly has the same.

// tailTerms approximate (1 + 0.75 t) (h(t) - t), h(t) = φ(-t)/Φ(-t), in
// (t-3.5)/(t+3.5): one polynomial from zero to infinity, in the manner of Shepherd &
// Laframboise (1981).
var tailTerms = [...]float64{
	0.91129333510916154292, -0.12487086013623283546, -0.12999156978443560278, 0.12851335754054925797, -0.016511072461764001361,
	-0.034883704636101845745, 0.013280297998320074689, 0.0093125764382800961918, -0.0056719325339179726557, -0.0026128836224966234931,
	0.0020661534494913854656, 0.00079204345672160764297, -0.00068525662845721823773, -0.00025714560740552165149, 0.00020775162557869047057,
	0.000085087028945116361574, -0.000056544583220659477237, -0.000026726861357289824941, 0.000013405816803939512584, 7.3770422919088033742e-6,
	-2.6661096598709358776e-6, -1.6333911528029763507e-6, 4.2591134053172259257e-7, 2.5218673850400599518e-7, -5.1042260080399832984e-8,
	-1.9766089357481959824e-8, 3.6344519275299403264e-9, -7.4122900439341408158e-11,
}

// centerTerms approximate z/q in q², q = Φ(z) - 1/2, for |q| ≤ 0.213.
var centerTerms = [...]float64{
	2.5066282746310004755, 2.6249349909539069488, 5.7725335384338244407, 15.667609035874586889, 47.035772225120528708,
	149.83168153230261444, 496.12672454651956124, 1697.3476515117564003, 5622.3978171616620693, 26234.853977814611232,
	941.82210495997950929, 780909.76434820147531,
}

// startTerms approximate (√2 + z/v) v² in 1/v, v = √-l and l = log Φ(z), for
// l < -1.2: z to three digits, the better the further out.
var startTerms = [...]float64{
	3.2333834163220862298, -8.9575549043430354525, 20.851416179397202836, -28.822619256848386141, 20.839234326568468178,
	-6.0762360668825953578,
}

func polynomial(c []float64, x float64) float64 {
	p := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		p = p*x + c[i]
	}
	return p
}

// tail is the hazard h = φ/Φ at -t, t ≥ 0, and its excess h - t; Φ(-t) is
// exp(-t²/2)/(√2π h).
func tail(t float64) (h, excess float64) {
	excess = polynomial(tailTerms[:], 1-7/(t+3.5)) / (1 + 0.75*t)
	return t + excess, excess
}

// gauss is exp(-t²/2), the rounding of t² made good.
func gauss(t float64) float64 {
	t = math.Min(t, 40)
	hi := float64(t * t) // rounded, whatever the compiler would fuse
	return math.Exp(-0.5*hi) * (1 - 0.5*math.FMA(t, t, -hi))
}

// logCDF is log Φ(x), to five units in the last place on either side.
func logCDF(x float64) float64 {
	t := math.Abs(x)
	h, _ := tail(t)
	if x > 0 {
		return math.Log1p(-gauss(t) / (sqrt2Pi * h))
	}
	return -math.FMA(0.5*t, t, math.Log(sqrt2Pi*h))
}

// hazard is φ(x)/Φ(x), about -x far below zero.
func hazard(x float64) float64 {
	h, _ := tail(math.Abs(x))
	if x > 0 {
		g := gauss(x)
		return g / (sqrt2Pi - g/h)
	}
	return h
}

// hazardExcess is x + φ(x)/Φ(x), about -1/x far below zero.
func hazardExcess(x float64) float64 {
	if x > 0 {
		return x + hazard(x)
	}
	_, excess := tail(-x)
	return excess
}

const (
	sqrt2Pi  = 2.50662827463100050242
	ln2Rest  = 2.3190468138462996e-17 // what float64(log 2) lacks
	farthest = 1e20                   // -l from where z is √-2l
)

// quantile is the z with log Φ(z) = l. Next to log 1/2 it is a polynomial of
// Φ(z) - 1/2; else the lower of z and -z, which has the logarithm of the probability,
// is a polynomial polished once.
func quantile(l float64) float64 {
	w := l + math.Ln2 + ln2Rest
	switch {
	case w > 0.35:
		return lowerQuantile(logOf(-math.Expm1(l)))
	case w < -0.55:
		return -lowerQuantile(l)
	}
	q := 0.5 * math.Expm1(w)
	return q * polynomial(centerTerms[:], q*q)
}

// lowerQuantile is the t > 0 with log Φ(-t) = l. With s the error of the logarithm at
// the first guess, h the hazard there, y = s/h and e = (h-t)/h, the series of the inverse
// function is
//
//	t + y - e s y/2 + ((2e²-e) s² + y²) y/6 + ((6e²-e-6e³) s² + (1-7e) y²) s y/24
func lowerQuantile(l float64) float64 {
	v := math.Sqrt(-l)
	if l < -farthest {
		return v * math.Sqrt2
	}
	i := 1 / v
	t := v * (math.Sqrt2 - i*i*polynomial(startTerms[:], i))
	h, excess := tail(t)
	s := math.FMA(-0.5*t, t, -l-math.Log(sqrt2Pi*h))
	y, e := s/h, excess/h
	ss, yy := s*s, y*y
	c := e*(2*e-1)*ss + yy
	d := e*(6*e*(1-e)-1)*ss + (1-7*e)*yy
	return t + y*(1-0.5*e*s+c/6+d*s/24)
}
