package kernel

import "math"

// UnaryOp is an elementwise function of one argument, some with two numbers a, b.
type UnaryOp int

// The functions. They are right at NaN, ±Inf, subnormals and ±0.
const (
	Exp UnaryOp = iota
	Log
	Log1p
	Expm1
	Tanh
	Sigmoid
	Softplus
	Erf
	Sin
	Cos
	Sqrt
	Square
	Recip
	Abs
	Sign
	ReLU
	Step   // 1 where x > 0, else 0
	Affine // a x + b
	Clamp  // min(max(x, a), b)
	Inside // 1 where a < x < b, else 0
	Floor
	Atan
	LogCDF       // log Φ(x), Φ the normal distribution function
	Hazard       // φ(x)/Φ(x), its derivative
	HazardExcess // x + φ(x)/Φ(x)
	Quantile     // z with log Φ(z) = x, for x ≤ 0
	Copy
	unaryOps
)

// BinaryOp is an elementwise function of two arguments.
type BinaryOp int

// The functions. Max and Min give NaN where either argument is.
const (
	Add BinaryOp = iota
	Sub
	Mul
	Div
	Max
	Min
	Less // 1 where x < y, else 0
	binaryOps
)

// Apply sets dst[i] = op(src[i]) for i < len(dst); dst and src may be the same.
func Apply[T Float](op UnaryOp, dst, src []T, a, b T) {
	src = src[:len(dst)]
	if !fastUnary(op, dst, src, a, b) {
		refUnary(op, dst, src, a, b)
	}
}

// Pairs sets dst[i] = op(x[i], y[i]) for i < len(dst).
func Pairs[T Float](op BinaryOp, dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	if !fastPairs(op, dst, x, y) {
		refPairs(op, dst, x, y)
	}
}

// Line is how an argument meets the lines of a panel: one line of [PanelRows]
// elements for each feature, or one number. With Same, it is the same line or
// number for every feature.
type Line[T Float] struct {
	Data         []T
	Number, Same bool
}

// Lines sets the lines of dst to op(x, y), feature by feature. At most one of x
// and y is of numbers.
func Lines[T Float](op BinaryOp, dst []T, x, y Line[T], features int) {
	if !fastLines(op, dst, x, y, features) {
		refLines(op, dst, x, y, features)
	}
}

// Where sets dst[i] to x[i] where c[i] is not zero, to y[i] elsewhere.
func Where[T Float](dst, c, x, y []T) {
	c, x, y = c[:len(dst)], x[:len(dst)], y[:len(dst)]
	if !fastWhere(dst, c, x, y) {
		refWhere(dst, c, x, y)
	}
}

// FoldLines sets the line dst to the sum, or the maximum if top, of count lines.
func FoldLines[T Float](dst, src []T, count int, top bool) {
	n := PanelRows[T]()
	dst, src = dst[:n], src[:count*n]
	if fastFold(dst, src, count, top) {
		return
	}
	op := Add
	if top {
		op = Max
	}
	copy(dst, src)
	for f := 1; f < count; f++ {
		refPairs(op, dst, dst, src[f*n:])
	}
}

// SigmoidOf is the logistic function of one number, without overflow.
func SigmoidOf(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// SoftplusOf is log(1+eˣ) of one number, without overflow.
func SoftplusOf(x float64) float64 {
	return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

// logOf is the logarithm; package math has another for subnormals on amd64.
func logOf(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		return math.Log(x*0x1p60) - 60*math.Ln2
	}
	return math.Log(x)
}

// Of is the function of one number in float64.
func (op UnaryOp) Of(x, a, b float64) float64 {
	switch op {
	case Exp:
		return math.Exp(x)
	case Log:
		return logOf(x)
	case Log1p:
		return math.Log1p(x)
	case Expm1:
		return math.Expm1(x)
	case Tanh:
		return math.Tanh(x)
	case Sigmoid:
		return SigmoidOf(x)
	case Softplus:
		return SoftplusOf(x)
	case Erf:
		return math.Erf(x)
	case Sin:
		return sinOf(x)
	case Cos:
		return cosOf(x)
	case Sqrt:
		return math.Sqrt(x)
	case Square:
		return x * x
	case Recip:
		return 1 / x
	case Abs:
		return math.Abs(x)
	case Sign:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	case ReLU:
		return math.Max(x, 0)
	case Step:
		return indicator(x > 0)
	case Affine:
		return a*x + b
	case Clamp:
		return math.Min(math.Max(x, a), b)
	case Inside:
		return indicator(x > a && x < b)
	case Floor:
		return math.Floor(x)
	case Atan:
		return math.Atan(x)
	case LogCDF:
		return logCDF(x)
	case Hazard:
		return hazard(x)
	case HazardExcess:
		return hazardExcess(x)
	case Quantile:
		return quantile(x)
	}
	return x
}

// Of is the function of two numbers in float64.
func (op BinaryOp) Of(x, y float64) float64 {
	switch op {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y
	case Max:
		return math.Max(x, y)
	case Min:
		return math.Min(x, y)
	}
	return indicator(x < y)
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func refUnary[T Float](op UnaryOp, dst, src []T, a, b T) {
	switch op { // those a network without assembly spends its time in
	case Copy:
		copy(dst, src)
	case ReLU:
		for i, x := range src {
			dst[i] = max(x, 0)
		}
	case Affine:
		for i, x := range src {
			dst[i] = a*x + b
		}
	case Clamp:
		for i, x := range src {
			dst[i] = min(max(x, a), b)
		}
	case Square:
		for i, x := range src {
			dst[i] = x * x
		}
	default:
		for i, x := range src {
			dst[i] = T(op.Of(float64(x), float64(a), float64(b)))
		}
	}
}

func refPairs[T Float](op BinaryOp, dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	switch op {
	case Add:
		for i := range dst {
			dst[i] = x[i] + y[i]
		}
	case Sub:
		for i := range dst {
			dst[i] = x[i] - y[i]
		}
	case Mul:
		for i := range dst {
			dst[i] = x[i] * y[i]
		}
	case Div:
		for i := range dst {
			dst[i] = x[i] / y[i]
		}
	case Max:
		for i := range dst {
			dst[i] = max(x[i], y[i])
		}
	case Min:
		for i := range dst {
			dst[i] = min(x[i], y[i])
		}
	default:
		for i := range dst {
			dst[i] = T(indicator(x[i] < y[i]))
		}
	}
}

func refLines[T Float](op BinaryOp, dst []T, x, y Line[T], features int) {
	n := PanelRows[T]()
	var numbers [128]T
	line := func(l Line[T], f int) []T {
		if l.Same {
			f = 0
		}
		if !l.Number {
			return l.Data[f*n:][:n]
		}
		for i := range n {
			numbers[i] = l.Data[f]
		}
		return numbers[:n]
	}
	for f := range features {
		refPairs(op, dst[f*n:][:n], line(x, f), line(y, f))
	}
}

func refWhere[T Float](dst, c, x, y []T) {
	for i := range dst {
		if c[i] != 0 {
			dst[i] = x[i]
		} else {
			dst[i] = y[i]
		}
	}
}
