package kernel

// Spline is a rational-quadratic spline as vector kernels want it: half the box,
// sizes in units of the axis, and how slopes are made.
type Spline[T Float] struct {
	Bins        int
	Exponential bool // slopes are exp(raw), not softplus(raw + shift)
	numbers     [7]T
}

// NewSpline makes the numbers of a spline on [-bound, bound] with the given least
// shares of width and height and least slope.
func NewSpline[T Float](bins int, bound, minWidth, minHeight, minSlope, shift float64, exponential bool) *Spline[T] {
	k := float64(bins)
	return &Spline[T]{bins, exponential, [7]T{T(bound), T(2 * bound * minWidth), T(2 * bound * (1 - k*minWidth)),
		T(2 * bound * minHeight), T(2 * bound * (1 - k*minHeight)), T(minSlope), T(shift)}}
}

// SplineScratch is how many elements of scratch the kernels want: three vectors for each
// bin and some more.
func SplineScratch[T Float](bins int) int { return (bins + (bins+1)/2 + shelfLines) * PanelRows[T]() }

// shelfLines is what the generator's constant of that name says.
const shelfLines = 16

// HasSpline reports whether there is assembly for splines. Without, the methods of
// [Spline] do nothing.
func HasSpline[T Float]() bool { return hasSpline[T]() }

// Value maps a line x by the splines whose parameters stand in the lines of h, or by
// their inverses: widths, heights, inner slopes. It sets y and the log-slopes l. Of y
// that ends before the line does, what is beyond its end has no meaning. Over says that
// exponentials of widths and heights are written over them, for [Spline.Grad].
func (s *Spline[T]) Value(y, l, x, h []T, inverse, over bool, scratch []T) {
	fastSpline(s, y, l, x, h, inverse, over, scratch)
}

// Grad sets gx and the lines gh to the gradients in x and h from those in value and
// log-slope, gy and gl. Over says that h has what [Spline.Value] wrote over it; gh may
// then be h.
func (s *Spline[T]) Grad(gx, gh, x, h, gy, gl []T, inverse, over bool, scratch []T) {
	fastSplineGrad(s, gx, gh, x, h, gy, gl, inverse, over, scratch)
}
