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

// SplineScratch is how many elements of scratch the kernels want.
func SplineScratch[T Float](bins int) int { return (bins + 10) * PanelRows[T]() }

// Value maps a line x by the splines whose parameters stand in the lines of h:
// widths, heights, inner slopes. It sets y and the log-slopes l, and reports
// whether there is assembly for it: if not, nothing is done.
func (s *Spline[T]) Value(y, l, x, h []T, inverse bool, scratch []T) bool {
	return fastSpline(s, y, l, x, h, inverse, scratch)
}

// Grad sets gx and the lines gh to the gradients in x and h from those in value
// and log-slope, gy and gl, of the forward spline.
func (s *Spline[T]) Grad(gx, gh, x, h, gy, gl, scratch []T) bool {
	return fastSplineGrad(s, gx, gh, x, h, gy, gl, scratch)
}
