package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Transformer maps each element by parameters h of its own, monotonically. The
// Params numbers of one element stand together in h. Zeros are (near) the
// identity. LogSlope is log|∂/∂element| of the map that the method computes.
type Transformer interface {
	Params() int
	Forward(u, h graph.Expr) (x, logSlope graph.Expr)
	Inverse(x, h graph.Expr) (u, logSlope graph.Expr)
}

// Scale says how an affine transformer makes its scale s > 0 of a raw number a.
type Scale string

const (
	// ScaleTanh, the default, is exp(limit·tanh(a/limit)).
	ScaleTanh Scale = "tanh"
	// ScaleSoftclip is exp(a/(1+|a|/limit)), as in zuko.
	ScaleSoftclip Scale = "softclip"
	// ScaleSigmoid is sigmoid(a+2) + 0.001, as in nflows' coupling layers.
	ScaleSigmoid Scale = "sigmoid"
	// ScaleSoftplus is softplus(a) + 0.001, as in nflows' autoregressive layers.
	ScaleSoftplus Scale = "softplus"
	// ScaleSigmoidPlain is sigmoid(a + 2), as in normalizing-flows.
	ScaleSigmoidPlain Scale = "sigmoid-plain"
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
	// Limit bounds |log s|; default 2 for ScaleTanh, log 1000 for ScaleSoftclip.
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
	case "", ScaleTanh, ScaleSoftclip, ScaleSigmoid, ScaleSoftplus, ScaleSigmoidPlain, ScaleExp:
	default:
		return fmt.Errorf("scale %q: want %q, %q, %q, %q, %q or %q", t.Scale, ScaleTanh, ScaleSoftclip, ScaleSigmoid, ScaleSoftplus, ScaleSigmoidPlain, ScaleExp)
	}
	if t.Limit < 0 {
		return fmt.Errorf("scale limit %v: must not be negative", t.Limit)
	}
	return nil
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
	case ScaleSigmoid:
		return m, a.Shift(2).Sigmoid().Shift(1e-3).Log()
	case ScaleSigmoidPlain:
		return m, a.Shift(2).Neg().Softplus().Neg()
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

// Additive is the transformer of NICE (Dinh et al. 2015, arXiv:1410.8516),
// x = u + m, of slope one.
type Additive struct {
	// Data says that m is added to the data instead, u = x + m, as in nflows.
	Data bool
}

// Params is 1.
func (Additive) Params() int { return 1 }

// Forward is x = u + h.
func (t Additive) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	if t.Data {
		return u.Sub(h), u.Scale(0)
	}
	return u.Add(h), u.Scale(0)
}

// Inverse is u = x - h.
func (t Additive) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	if t.Data {
		return x.Add(h), x.Scale(0)
	}
	return x.Sub(h), x.Scale(0)
}

// RationalQuadratic is the monotone rational-quadratic spline with linear tails
// of Durkan et al. (2019), arXiv:1906.04032. The zero value has 8 bins on
// [-5, 5] and is the identity at h = 0.
type RationalQuadratic struct {
	Bins                          int     // default 8
	Bound                         float64 // default 5
	MinWidth, MinHeight, MinSlope float64 // default 1e-3 each; negative for none
	// ZeroSlope is the slope at the inner knots where h = 0; default 1. Nflows'
	// is log 2 + MinSlope: set it negative for that.
	ZeroSlope float64
	// ExpSlope makes slopes exp(h) instead of MinSlope + softplus(h).
	ExpSlope bool
	// SoftClip, when positive, passes h through h/(1+|c h|) first, c = 2/SoftClip
	// for widths and heights and 1/SoftClip for slopes, as in zuko, where it is
	// log 1000.
	SoftClip float64
	// LogitScale multiplies the logits of widths and heights; default 1. Nflows
	// has 1/√hidden in coupling layers with residual networks.
	LogitScale float64
	// Noise makes the spline act on the noise, x = S(u). By default it acts on the
	// data, u = S(x), so that densities need no root, as in nflows and zuko.
	Noise bool
}

// Params is 3·Bins - 1.
func (t RationalQuadratic) Params() int { return t.spline().Params() }

func (t RationalQuadratic) spline() graph.Spline {
	s := graph.Spline{Bins: t.Bins, Bound: t.Bound, ExpSlope: t.ExpSlope,
		MinWidth: orDefault(t.MinWidth, 1e-3), MinHeight: orDefault(t.MinHeight, 1e-3), MinSlope: orDefault(t.MinSlope, 1e-3)}
	if s.Bins == 0 {
		s.Bins = 8
	}
	if s.Bound == 0 {
		s.Bound = 5
	}
	if t.ExpSlope {
		s.MinSlope = 0
		return s
	}
	if t.ZeroSlope >= 0 { // softplus(shift) = ZeroSlope - MinSlope
		s.SlopeShift = math.Log(math.Expm1(math.Max(orDefault(t.ZeroSlope, 1)-s.MinSlope, 1e-6)))
	}
	return s
}

// orDefault is d for zero and zero for a negative v.
func orDefault(v, d float64) float64 {
	switch {
	case v == 0:
		return d
	case v < 0:
		return 0
	}
	return v
}

func (t RationalQuadratic) params(x, h graph.Expr) graph.Expr {
	s := t.spline()
	p := s.Params()
	row := func(f func(i int) float64) graph.Expr {
		v := make([]float64, h.Cols())
		for i := range v {
			v[i] = f(i % p)
		}
		return x.Graph().Constant(1, len(v), v)
	}
	if t.SoftClip > 0 && h.Cols() > 0 {
		c := row(func(i int) float64 {
			if i < 2*s.Bins {
				return 2 / t.SoftClip
			}
			return 1 / t.SoftClip
		})
		h = h.Div(h.Mul(c).Abs().Shift(1))
	}
	if t.LogitScale > 0 && t.LogitScale != 1 && h.Cols() > 0 {
		h = h.Mul(row(func(i int) float64 {
			if i < 2*s.Bins {
				return t.LogitScale
			}
			return 1
		}))
	}
	return h
}

// Forward maps noise to data.
func (t RationalQuadratic) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	h = t.params(u, h)
	if t.Noise {
		return u.Spline(h, t.spline())
	}
	return u.SplineInverse(h, t.spline())
}

// Inverse maps data to noise.
func (t RationalQuadratic) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	h = t.params(x, h)
	if t.Noise {
		return x.SplineInverse(h, t.spline())
	}
	return x.Spline(h, t.spline())
}

func checkTransformer(t Transformer) error {
	if t == nil {
		return fmt.Errorf("transformer: none given")
	}
	if c, ok := t.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}
