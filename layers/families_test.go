package layers_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// inverseOf runs a layer's Inverse on the rows x.
func inverseOf(t *testing.T, p *graph.Params, l flows.Layer, dim int, x []float64) []float64 {
	t.Helper()
	g := graph.New(p, graph.Eval)
	u, _ := l.Inverse(g.Rows("x", dim), graph.Expr{})
	g.Output("u", u)
	return evaluate(t, g, len(x)/dim, map[string][]float64{"x": x}, map[string]int{"u": dim})["u"]
}

func grid(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = -7 + 14*float64(i)/float64(n-1)
	}
	return x
}

// Splines whose bins are equal are the identity; sums of squares of degree one with
// coefficients zero, Bernstein polynomials at zero and a Möbius map of ω = 0 too.
func TestIdentities(t *testing.T) {
	for name, tr := range map[string]layers.Transformer{
		"linear": layers.LinearSpline{}, "rational-quadratic": layers.RationalQuadratic{},
		"rational-quadratic of one bin": layers.RationalQuadratic{Bins: 1, Bound: 2}, // as in TensorFlow Probability's tests
		"linear-rational":               layers.LinearRational{},
		"circular":                      layers.CircularSpline{}, "moebius": layers.Moebius{}, "bernstein": layers.Bernstein{},
		"sum of squares": layers.SumOfSquares{MinSlope: -1}, "sinh-arcsinh": layers.SinhArcsinh{},
		"deep sigmoidal": layers.DeepSigmoidal{}, "deep dense sigmoidal": layers.DeepDenseSigmoidal{}, "logistic mixture": layers.LogisticMixture{},
	} {
		g := graph.New(graph.NewParams(graph.Float64, 1), graph.Eval)
		x := g.Rows("x", 1)
		u, ls := tr.Inverse(x, x.Zeros(tr.Params()))
		g.Output("u", u)
		g.Output("ls", ls)
		in := grid(101)
		got := evaluate(t, g, len(in), map[string][]float64{"x": in}, map[string]int{"u": 1, "ls": 1})
		near(t, name, in, got["u"], 1e-9)
		near(t, name+" log-slope", make([]float64, len(in)), got["ls"], 1e-9)
	}
}

// A sum of one squared polynomial with nothing but a constant is affine.
func TestSumOfSquaresAffine(t *testing.T) {
	tr := layers.SumOfSquares{Polynomials: 1, Degree: 1, MinSlope: -1}
	g := graph.New(graph.NewParams(graph.Float64, 1), graph.Eval)
	u, _ := tr.Inverse(g.Rows("x", 1), g.Rows("h", 3))
	g.Output("u", u)
	x := grid(50)
	var h, want []float64
	for _, v := range x {
		h, want = append(h, 0.7, 0, -2), append(want, 1.7*1.7*v-2)
	}
	near(t, "affine", want, evaluate(t, g, len(x), map[string][]float64{"x": x, "h": h}, map[string]int{"u": 1})["u"], 1e-12)
}

// One matrix, made by LU, QR, SVD and, where it is a rotation, the exponential.
func TestSameMatrix(t *testing.T) {
	const n = 3
	axis := mat.NewDense(n, n, []float64{0, -0.3, 0.5, 0.3, 0, -0.8, -0.5, 0.8, 0})
	var r mat.Dense
	r.Exp(axis)
	rows := []float64{1, 0, 0, 0, 1, 0, 0, 0, 1, 0.3, -2, 5}
	want := make([]float64, len(rows))
	for i := 0; i < len(rows); i += n {
		for j := range n {
			for k := range n {
				want[i+j] += r.At(j, k) * rows[i+k]
			}
		}
	}
	check := func(name string, set map[string][]float64, l func(p *graph.Params) flows.Layer) {
		p := graph.NewParams(graph.Float64, 1)
		layer := l(p)
		for k, v := range set {
			require.NoError(t, p.ByName(k).Set(v), name)
		}
		near(t, name, want, inverseOf(t, p, layer, n, rows), 1e-10)
	}
	// exp(A - Aᵀ) with A half of the generator, through the bound of A.
	half := make([]float64, n*n)
	for i, v := range axis.RawMatrix().Data {
		half[i] = 100 * math.Atanh(v/2/100)
	}
	check("rotation", map[string][]float64{"generator": half}, func(p *graph.Params) flows.Layer { return layers.NewRotation(p, n) })
	// A rotation is two reflections in planes that hold its axis: v of the first, and of
	// the first turned by half the angle.
	w := []float64{0.8, 0.5, 0.3} // of the generator
	angle := math.Sqrt(0.64 + 0.25 + 0.09)
	a := []float64{w[1], -w[0], 0} // across the axis
	la := math.Hypot(a[0], a[1])
	for i := range a {
		a[i] /= la
	}
	cross := []float64{(w[1]*a[2] - w[2]*a[1]) / angle, (w[2]*a[0] - w[0]*a[2]) / angle, (w[0]*a[1] - w[1]*a[0]) / angle}
	turned := make([]float64, n)
	for i := range n {
		turned[i] = math.Cos(angle/2)*a[i] + math.Sin(angle/2)*cross[i]
	}
	check("qr", map[string][]float64{"q": append(append([]float64{}, a...), turned...)}, func(p *graph.Params) flows.Layer { return layers.NewQR(p, n, 2) })
	one := inverseSoftplus([]float64{1, 1, 1}, 1e-3)
	same := []float64{1, 2, 3, 1, 2, 3}
	check("svd", map[string][]float64{"u": append(append([]float64{}, a...), turned...), "v": same, "singular_values": one}, func(p *graph.Params) flows.Layer { return layers.NewSVD(p, n, 2) })
	lower, upper, d := make([]float64, 9), make([]float64, 9), make([]float64, 3)
	left := mat.DenseCopyOf(&r) // by elimination
	for k := range n {
		d[k] = left.At(k, k)
		for i := k + 1; i < n; i++ {
			lower[i*n+k], upper[k*n+i] = left.At(i, k)/d[k], left.At(k, i)
			for j := range n {
				left.Set(i, j, left.At(i, j)-lower[i*n+k]*left.At(k, j))
			}
		}
	}
	check("lu", map[string][]float64{"lower": lower, "upper": upper, "diagonal": inverseSoftplus(d, 1e-3)}, func(p *graph.Params) flows.Layer { return layers.NewLU(p, n, layers.LUOptions{}) })
	w9, b, err := layers.Whitening(rows, n)
	require.NoError(t, err)
	p := graph.NewParams(graph.Float64, 1)
	white := inverseOf(t, p, layers.NewFixedAffine(p, n, w9, b), n, rows)
	for i := range n {
		for j := range n {
			c := 0.0
			for k := 0; k < len(white); k += n {
				c += white[k+i] * white[k+j] / float64(len(white)/n)
			}
			require.InDelta(t, map[bool]float64{true: 1, false: 0}[i == j], c, 1e-9)
		}
	}
}

// Reflections of TensorFlow Probability's documentation and tests (bijectors/householder):
// axes, a vector, and what becomes of it. With a context the axis comes of its network.
func TestHouseholderAxes(t *testing.T) {
	for _, c := range []struct{ axis, x, want []float64 }{
		{[]float64{-0.8, 0.6}, []float64{1, 0}, []float64{-0.28, 0.96}},
		{[]float64{-0.8, 0.6}, []float64{1, 1}, []float64{0.68, 1.24}},
		{[]float64{0.8, 0.6}, []float64{1, 1}, []float64{-1.24, -0.68}},
	} {
		p := graph.NewParams(graph.Float64, 1)
		l := layers.NewHouseholder(p, 2, 1, layers.HouseholderOptions{})
		require.NoError(t, p.ByName("v").Set(c.axis))
		near(t, "reflected", c.want, inverseOf(t, p, l, 2, c.x), 1e-15)
		near(t, "and back", c.x, inverseOf(t, p, l, 2, c.want), 1e-15)
		// Of any length; and two axes in a layer, the first first.
		two := layers.NewHouseholder(p.In("two"), 2, 2, layers.HouseholderOptions{})
		require.NoError(t, p.ByName("two.v").Set([]float64{-3 * c.axis[0], -3 * c.axis[1], 1, 0}))
		near(t, "twice", []float64{-c.want[0], c.want[1]}, inverseOf(t, p, two, 2, c.x), 1e-14)
	}
}

// Densities through every layer integrate, between the ends of a wide grid, to what
// the normal density has between their images: one but for heavy tails.
func TestIntegrals(t *testing.T) {
	for _, row := range table {
		for _, skip := range []string{"reverse", "shuffle", "log tails", "flow", "batchnorm"} {
			if row.name == skip {
				row.c.Make = nil
			}
		}
		if row.c.Make == nil || row.c.Context > 0 {
			continue
		}
		p := graph.NewParams(graph.Float64, 3)
		l := row.c.Make(p, 1)
		for i, q := range p.Trainable() {
			v := q.Get()
			for j := range v {
				v[j] += 0.4 * math.Sin(float64(3*i+2*j+1))
			}
			require.NoError(t, q.Set(v))
		}
		g := graph.New(p, graph.Eval)
		g.Output("lp", flows.New(flows.NewStandardNormal(p, 1), l).LogProb(g.Rows("x", 1), graph.Expr{}))
		const n, half = 60000, 60.0
		x := make([]float64, n)
		for i := range x {
			x[i] = -half + 2*half/n*(float64(i)+0.5)
		}
		sum := 0.0
		for _, v := range evaluate(t, g, n, map[string][]float64{"x": x}, map[string]int{"lp": 1})["lp"] {
			sum += math.Exp(v) * 2 * half / n
		}
		ends := inverseOf(t, p, l, 1, []float64{-half, half})
		want := (math.Erf(ends[1]/math.Sqrt2) - math.Erf(ends[0]/math.Sqrt2)) / 2
		require.Greater(t, want, 0.9, row.name)
		require.InDelta(t, want, sum, 1e-3, row.name)
	}
}

// A positive low-rank map by updates is the one by Woodbury's inverse.
func TestPositiveLowRank(t *testing.T) {
	const dim, rank, rows = 5, 3, 4
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float64, rows*dim)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	s, v := make([]float64, dim), make([]float64, rank*dim)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	for i := range s {
		s[i] = rng.NormFloat64()
	}
	u := make([]float64, dim*rank) // the vectors as columns
	for k := range rank {
		for i := range dim {
			u[i*rank+k] = v[k*dim+i]
		}
	}
	out := func(make func(p *graph.Params) flows.Layer, params map[string][]float64) map[string][]float64 {
		p := graph.NewParams(graph.Float64, 1)
		l := make(p)
		for name, v := range params {
			require.NoError(t, p.ByName(name).Set(v), name)
		}
		g := graph.New(p, graph.Eval)
		in := g.Rows("x", dim)
		y, ld := l.Inverse(in, graph.Expr{})
		back, lb := l.Forward(in, graph.Expr{})
		g.Output("y", y)
		g.Output("ld", ld)
		g.Output("back", back)
		g.Output("lb", lb)
		return evaluate(t, g, rows, map[string][]float64{"x": x}, map[string]int{"y": dim, "ld": 1, "back": dim, "lb": 1})
	}
	got := out(func(p *graph.Params) flows.Layer {
		return layers.NewPositiveLowRank(p, dim, rank, layers.PositiveLowRankOptions{})
	}, map[string][]float64{"diagonal": s, "v": v})
	want := out(func(p *graph.Params) flows.Layer { return layers.NewLowRank(p, dim, rank, true) }, map[string][]float64{"diagonal": s, "u": u})
	for name := range want {
		near(t, name, want[name], got[name], 1e-12)
	}
}
