package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Scale says how an affine transformer makes its scale s > 0 of a raw number a.
type Scale string

const (
	// ScaleTanh, the default, is exp(limit·tanh(a/limit)).
	ScaleTanh Scale = "tanh"
	// ScaleSoftclip is exp(a/(1+|a|/limit)), as in zuko.
	ScaleSoftclip Scale = "softclip"
	// ScaleAtan is exp(2/π limit·atan(a/limit)), the soft clamp of Ardizzone et al.
	// (2019), arXiv:1907.02392.
	ScaleAtan Scale = "atan"
	// ScaleSigmoid is sigmoid(a+2) + 0.001, as in nflows' coupling layers.
	ScaleSigmoid Scale = "sigmoid"
	// ScaleSoftplus is softplus(a) + 0.001, as in nflows' autoregressive layers.
	ScaleSoftplus Scale = "softplus"
	// ScaleSigmoidPlain is sigmoid(a + 2), which normalizing-flows calls sigmoid_inv. It
	// comes as near to zero as a goes below.
	ScaleSigmoidPlain Scale = "sigmoid-plain"
	// ScaleGlow is 1/sigmoid(a + 2), so that u = (x - m) sigmoid(a + 2): Glow, Kingma &
	// Dhariwal (2018), arXiv:1807.03039. It has no upper bound.
	ScaleGlow Scale = "glow"
	// ScaleExp is exp(a): unbounded, the papers' own. A few far rows can ruin it.
	ScaleExp Scale = "exp"
)

// Affine is the transformer of RealNVP and MAF,
//
//	x = u s + m,  log-slope log s
//
// with h = (m, a) and s made of a. The zero value is ready to use.
type Affine struct {
	Scale Scale
	// Limit bounds |log s|; default 2 for ScaleTanh, log 1000 for ScaleSoftclip, 1.9 for
	// ScaleAtan.
	Limit float64
	// Data says that s and m act on the data instead, u = x s + m, as in nflows.
	Data bool
	// ScaleFirst is the order h = (a, m).
	ScaleFirst bool
}

// Params is 2.
func (Affine) Params() int { return 2 }

func (t Affine) check() error {
	switch t.Scale {
	case "", ScaleTanh, ScaleSoftclip, ScaleAtan, ScaleSigmoid, ScaleSoftplus, ScaleSigmoidPlain, ScaleGlow, ScaleExp:
	default:
		return fmt.Errorf("scale %q: want %q, %q, %q, %q, %q, %q, %q or %q",
			t.Scale, ScaleTanh, ScaleSoftclip, ScaleAtan, ScaleSigmoid, ScaleSoftplus, ScaleSigmoidPlain, ScaleGlow, ScaleExp)
	}
	if t.Limit < 0 {
		return fmt.Errorf("scale limit %v: must not be negative", t.Limit)
	}
	return checkSize("scale limit", t.Limit)
}

func (t Affine) limit(d float64) float64 {
	if t.Limit > 0 {
		return t.Limit
	}
	return d
}

// parts returns the shift and the logarithm of the scale.
func (t Affine) parts(h graph.Expr) (m, logS graph.Expr) {
	m, a := h.Stride(0, 2), h.Stride(1, 2)
	if t.ScaleFirst {
		m, a = a, m
	}
	switch t.Scale {
	case ScaleSoftclip:
		l := t.limit(math.Log(1000))
		return m, a.Div(a.Abs().Affine(1/l, 1))
	case ScaleAtan:
		l := t.limit(1.9)
		return m, a.Scale(1 / l).Atan().Scale(2 / math.Pi * l)
	case ScaleSigmoid:
		return m, a.Shift(2).Sigmoid().Shift(1e-3).Log()
	case ScaleSigmoidPlain:
		return m, a.Shift(2).Neg().Softplus().Neg()
	case ScaleGlow:
		return m, a.Shift(2).Neg().Softplus()
	case ScaleSoftplus:
		return m, a.Softplus().Shift(1e-3).Log()
	case ScaleExp:
		return m, a
	}
	l := t.limit(2)
	return m, a.Scale(1 / l).Tanh().Scale(l)
}

// Forward is x = u s + m.
func (t Affine) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	m, logS := t.parts(h)
	if t.Data {
		return undo(u, m, logS)
	}
	return u.Mul(logS.Exp()).Add(m), logS
}

// Inverse is u = (x - m)/s.
func (t Affine) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	m, logS := t.parts(h)
	if t.Data {
		return x.Mul(logS.Exp()).Add(m), logS
	}
	return undo(x, m, logS)
}

func undo(x, m, logS graph.Expr) (u, logSlope graph.Expr) {
	return x.Sub(m).Mul(logS.Neg().Exp()), logS.Neg()
}
