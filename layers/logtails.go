package layers

import "github.com/gorgeflow/gorge/graph"

// LogTails draws far outliers in, so that what stands before it in the flow
// never sees them: with a = |x| and threshold t,
//
//	u = x                               for a ≤ t
//	u = sign(x) (t + log(1 + a - t))    beyond
//
// It has no parameters, and its slope is continuous. A row at 400 standard
// deviations is seen at t + 6; densities fall off there like those of a
// distribution with tails lighter than any power but heavier than a Gaussian's.
type LogTails struct {
	dim int
	t   float64
}

// NewLogTails makes the layer with threshold t > 0.
func NewLogTails(p *graph.Params, dim int, t float64) *LogTails {
	if !(t > 0) {
		p.Fail("layers: log tails: threshold %v: must be positive", t)
	}
	return &LogTails{dim, t}
}

// Inverse draws tails in.
func (l *LogTails) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "log tails") {
		return x, x
	}
	over := x.Abs().Shift(-l.t).ReLU()
	in := x.Clamp(-l.t, l.t)
	log := over.Log1p()
	return in.Add(x.Sign().Mul(log)), log.SumCols().Neg()
}

// Forward draws them out again; noise beyond t+80 comes out at that of t+80, e⁸⁰
// away, where float32 has no larger numbers to give.
func (l *LogTails) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "log tails") {
		return u, u
	}
	over := u.Abs().Shift(-l.t).ReLU().Min(u.Graph().Scalar(80))
	return u.Clamp(-l.t, l.t).Add(u.Sign().Mul(over.Expm1())), over.SumCols()
}
