package models

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Kind says what numbers a column has. The zero value is any real number.
type Kind struct {
	// Of is one of [Kinds].
	Of string `json:"kind,omitempty" yaml:"kind"`
	// Lo and Hi are the ends of a bounded column.
	Lo float64 `json:"lo,omitempty" yaml:"lo"`
	Hi float64 `json:"hi,omitempty" yaml:"hi"`
}

// The names of kinds; the empty name is KindReal.
const (
	KindReal     = "real"
	KindPositive = "positive" // modelled through its logarithm
	KindBounded  = "bounded"  // between Lo and Hi, modelled through the logit of its place
	// KindInteger is whole numbers: uniform noise of width one is added in training, so
	// that a density is about the probability of the number, and samples are rounded.
	KindInteger = "integer"
)

// Kinds lists the names of kinds.
func Kinds() []string { return []string{KindReal, KindPositive, KindBounded, KindInteger} }

func (k Kind) check() error {
	switch k.Of {
	case "", KindReal, KindPositive, KindInteger:
		if k.Lo != 0 || k.Hi != 0 {
			return fmt.Errorf("lo and hi are for kind %q", KindBounded)
		}
	case KindBounded:
		if !(k.Lo < k.Hi) || math.IsInf(k.Hi-k.Lo, 0) {
			return fmt.Errorf("bounded by %v and %v: want finite lo < hi", k.Lo, k.Hi)
		}
	default:
		return fmt.Errorf("kind %q%s: want one of %v", k.Of, Nearest(k.Of, Kinds()), Kinds())
	}
	return nil
}

// holds says why x is not of the kind, nil if it is.
func (k Kind) holds(x float64) error {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return fmt.Errorf("%v is not a finite number", x)
	case k.Of == KindPositive && !(x > 0):
		return fmt.Errorf("%v in a column of positive numbers", x)
	case k.Of == KindBounded && !(x > k.Lo && x < k.Hi):
		return fmt.Errorf("%v in a column bounded by %v and %v", x, k.Lo, k.Hi)
	case k.Of == KindInteger && x != math.Trunc(x):
		return fmt.Errorf("%v in a column of whole numbers", x)
	}
	return nil
}

// toLine is g(x), on the real line.
func (k Kind) toLine(x float64) float64 {
	switch k.Of {
	case KindPositive:
		return math.Log(x)
	case KindBounded:
		return math.Log((x - k.Lo) / (k.Hi - x))
	}
	return x
}

// fromLine is the x with g(x) = v, of the kind whatever v is.
func (k Kind) fromLine(v float64) float64 {
	switch k.Of {
	case KindPositive:
		return math.Min(math.Max(math.Exp(v), math.SmallestNonzeroFloat64), math.MaxFloat64)
	case KindBounded:
		x := k.Lo + (k.Hi-k.Lo)/(1+math.Exp(-v))
		return math.Min(math.Max(x, math.Nextafter(k.Lo, k.Hi)), math.Nextafter(k.Hi, k.Lo))
	case KindInteger:
		return math.Round(v)
	}
	return v
}

// slopes returns log g'(x), g'(x) and the derivative of the first.
func (k Kind) slopes(x float64) (log, slope, dlog float64) {
	switch k.Of {
	case KindPositive:
		return -math.Log(x), 1 / x, -1 / x
	case KindBounded:
		a, b := x-k.Lo, k.Hi-x
		return math.Log((k.Hi - k.Lo) / a / b), (k.Hi - k.Lo) / a / b, 1/b - 1/a
	}
	return 0, 1, 0
}

// logSlope is log|dv/dx| of a row: what a log-density gains in the user's units.
func (s Schema) logSlope(x mat.Matrix, row int) float64 {
	t := 0.0
	for j, c := range s.Columns {
		t -= math.Log(c.Scale)
		l, _, _ := c.slopes(x.At(row, j))
		t += l
	}
	return t
}
