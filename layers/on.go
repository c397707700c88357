package layers

import (
	"cmp"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// On maps the interval [Lo, Hi] by a transformer made for [-Bound, Bound].
type On struct {
	T             Transformer
	Bound, Lo, Hi float64
}

// Params is T's.
func (t On) Params() int { return t.T.Params() }

func (t On) check() error {
	if !(t.Bound > 0) || !(t.Lo < t.Hi) {
		return fmt.Errorf("interval [%v, %v] for a bound of %v: want lo < hi and a positive bound", t.Lo, t.Hi, t.Bound)
	}
	return cmp.Or(checkSize("bound", t.Bound), checkSize("interval from", t.Lo), checkSize("interval to", t.Hi), checkInner(t.T))
}

func (t On) apply(x, h graph.Expr, f func(x, h graph.Expr) (y, l graph.Expr)) (y, logSlope graph.Expr) {
	scale, mid := 2*t.Bound/(t.Hi-t.Lo), (t.Lo+t.Hi)/2
	y, logSlope = f(x.Affine(scale, -mid*scale), h)
	return y.Affine(1/scale, mid), logSlope
}

// Forward maps noise to data.
func (t On) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return t.apply(u, h, t.T.Forward) }

// Inverse maps data to noise.
func (t On) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) { return t.apply(x, h, t.T.Inverse) }
