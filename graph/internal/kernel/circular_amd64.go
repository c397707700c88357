//go:build amd64 && !noasm

package kernel

import "math"

// circularReach is how far the kernels of sine and cosine reduce their argument.
func circularReach[T Float]() float64 {
	if single[T]() {
		return 0x1p16
	}
	return 0x1p30
}

// fastCircular runs a kernel that stops before a vector with elements beyond its
// reach: these take package math, their neighbours the kernel.
func fastCircular[T Float](f circularFunc[T], op UnaryOp, dst, src []T) {
	for len(dst) > 0 {
		left := f(&dst[0], &src[0], len(dst))
		done := len(dst) - left
		dst, src = dst[done:], src[done:]
		n := min(len(dst), PanelRows[T]())
		var beyond [32]bool
		var far [32]T
		for i, x := range src[:n] {
			if beyond[i] = math.Abs(float64(x)) > circularReach[T](); beyond[i] {
				far[i], x = T(op.Of(float64(x), 0, 0)), 0
			}
			dst[i] = x
		}
		if n > 0 {
			f(&dst[0], &dst[0], n)
		}
		for i, b := range beyond[:n] {
			if b {
				dst[i] = far[i]
			}
		}
		dst, src = dst[n:], src[n:]
	}
}

// circular is the kernel of sine or cosine, nil if op is neither.
func (s *set[T]) circular(op UnaryOp) circularFunc[T] {
	switch op {
	case Sin:
		return s.sin
	case Cos:
		return s.cos
	}
	return nil
}
