package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

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

func (t RationalQuadratic) check() error {
	s := t.spline()
	return cmp.Or(checkBins(s.Bins, 1, s.Bound, max(s.MinWidth, s.MinHeight)), checkSize("least slope", t.MinSlope), checkSize("slope at zero", t.ZeroSlope),
		checkSize("soft clip", t.SoftClip), checkSize("logit scale", t.LogitScale))
}

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
		s.SlopeShift = inverseSoftplus(max(orDefault(t.ZeroSlope, 1)-s.MinSlope, 1e-6))
	}
	return s
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
