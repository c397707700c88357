package graph

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

type unaryKind = kernel.UnaryOp

// The functions of package kernel, under the names that this package uses.
const (
	uExp      = kernel.Exp
	uLog      = kernel.Log
	uLog1p    = kernel.Log1p
	uExpm1    = kernel.Expm1
	uTanh     = kernel.Tanh
	uSigmoid  = kernel.Sigmoid
	uSoftplus = kernel.Softplus
	uErf      = kernel.Erf
	uSin      = kernel.Sin
	uCos      = kernel.Cos
	uSqrt     = kernel.Sqrt
	uSquare   = kernel.Square
	uRecip    = kernel.Recip
	uAbs      = kernel.Abs
	uSign     = kernel.Sign
	uReLU     = kernel.ReLU
	uStep     = kernel.Step
	uAffine   = kernel.Affine
	uClamp    = kernel.Clamp
	uInside   = kernel.Inside
	uFloor    = kernel.Floor
	uAtan     = kernel.Atan
	uLogCDF   = kernel.LogCDF
	uHazard   = kernel.Hazard
	uExcess   = kernel.HazardExcess
	uQuantile = kernel.Quantile
	uStop     = kernel.Copy
)

var unaryNames = [...]string{"exp", "log", "log1p", "expm1", "tanh", "sigmoid", "softplus", "erf", "sin", "cos",
	"sqrt", "square", "recip", "abs", "sign", "relu", "step", "affine", "clamp", "inside", "floor",
	"atan", "logcdf", "hazard", "hazardexcess", "quantile", "stopgrad"}

// unary is an elementwise function of one argument, with up to two numbers.
type unary struct {
	kind unaryKind
	a, b float64
}

func (u unary) String() string {
	switch u.kind {
	case uAffine, uClamp, uInside:
		return fmt.Sprintf("%s(%v,%v)", unaryNames[u.kind], u.a, u.b)
	}
	return unaryNames[u.kind]
}

func (u unary) shape(in []dims) (dims, error) { return in[0], nil }

func (u unary) diff(xs []Expr, y, g Expr) []Expr {
	x := xs[0]
	var d Expr
	switch u.kind {
	case uExp:
		d = g.Mul(y)
	case uLog:
		d = g.Div(x)
	case uLog1p:
		d = g.Div(x.Shift(1))
	case uExpm1:
		d = g.Mul(y.Shift(1))
	case uTanh:
		d = g.Mul(y.Square().Affine(-1, 1))
	case uSigmoid:
		d = g.Mul(y.Mul(y.Affine(-1, 1)))
	case uSoftplus:
		d = g.Mul(x.Sigmoid())
	case uErf:
		d = g.Mul(x.Square().Neg().Exp().Scale(2 / math.Sqrt(math.Pi)))
	case uSin:
		d = g.Mul(x.Cos())
	case uCos:
		d = g.Mul(x.Sin().Neg())
	case uSqrt:
		d = g.Div(y).Scale(0.5)
	case uSquare:
		d = g.Mul(x.Scale(2))
	case uRecip:
		d = g.Mul(y.Square()).Neg()
	case uAbs:
		d = g.Mul(x.Sign())
	case uReLU:
		d = g.Mul(x.Step())
	case uAffine:
		d = g.Scale(u.a)
	case uAtan:
		d = g.Div(x.Square().Shift(1))
	case uLogCDF:
		d = g.Mul(x.Hazard())
	case uHazard:
		d = g.Mul(y.Mul(x.apply1(unary{kind: uExcess}))).Neg()
	case uExcess:
		d = g.Mul(x.Hazard().Mul(y).Affine(-1, 1))
	case uQuantile:
		d = g.Div(y.Hazard())
	case uClamp:
		d = g.Mul(y.apply1(unary{kind: uInside, a: u.a, b: u.b})) // where x is inside, y is
	}
	return []Expr{d}
}

// f is the function itself, for one number in float64.
func (u unary) f(x float64) float64 { return u.kind.Of(x, u.a, u.b) }

func (u unary) differentiable() bool {
	switch u.kind {
	case uSign, uStep, uInside, uFloor, uStop:
		return false
	}
	return true
}

type binaryKind = kernel.BinaryOp

const (
	bAdd  = kernel.Add
	bSub  = kernel.Sub
	bMul  = kernel.Mul
	bDiv  = kernel.Div
	bMax  = kernel.Max
	bMin  = kernel.Min
	bLess = kernel.Less
)

var binaryNames = [...]string{"add", "sub", "mul", "div", "max", "min", "less"}

// binary is an elementwise function of two arguments, broadcast.
type binary struct{ kind binaryKind }

func (b binary) String() string { return binaryNames[b.kind] }

func (b binary) shape(in []dims) (dims, error) { return broadcast(in) }

func broadcast(in []dims) (dims, error) {
	out := in[0]
	for _, d := range in[1:] {
		rows, ok := joinRows(out, d)
		if !ok {
			return dims{}, fmt.Errorf("%v and %v: rows differ", out, d)
		}
		if out.c != d.c && out.c != 1 && d.c != 1 {
			return dims{}, fmt.Errorf("%v and %v: columns differ", out, d)
		}
		rows.c = max(out.c, d.c)
		out = rows
	}
	return out, nil
}

func joinRows(a, b dims) (dims, bool) {
	switch {
	case a.rows && b.rows:
		return a, true
	case a.rows:
		return a, b.r == 1
	case b.rows:
		return b, a.r == 1
	case a.r == b.r || b.r == 1:
		return a, true
	}
	return b, a.r == 1
}

func (b binary) diff(xs []Expr, y, g Expr) []Expr {
	p, q := xs[0], xs[1]
	var dp, dq Expr
	switch b.kind {
	case bAdd:
		dp, dq = g, g
	case bSub:
		dp, dq = g, g.Neg()
	case bMul:
		dp, dq = g.Mul(q), g.Mul(p)
	case bDiv:
		dp = g.Div(q)
		dq = dp.Mul(y).Neg()
	case bMax:
		m := q.Less(p)
		dp, dq = g.Mul(m), g.Mul(m.Affine(-1, 1))
	case bMin:
		m := p.Less(q)
		dp, dq = g.Mul(m), g.Mul(m.Affine(-1, 1))
	case bLess:
		return []Expr{{}, {}}
	}
	return []Expr{dp.reduceLike(p), dq.reduceLike(q)}
}

func (b binary) f(x, y float64) float64 { return b.kind.Of(x, y) }

// where picks p where c is not zero, q elsewhere. What is not picked has
// gradient zero even where it is not finite.
type where struct{}

func (where) String() string                { return "where" }
func (where) shape(in []dims) (dims, error) { return broadcast(in) }
func (where) diff(xs []Expr, _, g Expr) []Expr {
	c, zero := xs[0], g.Scale(0)
	return []Expr{{}, c.Where(g, zero).reduceLike(xs[1]), c.Where(zero, g).reduceLike(xs[2])}
}

// expand repeats a single row or column until it has the shape d.
type expand struct{ d dims }

func (x expand) String() string { return "expand" + x.d.String() }
func (x expand) shape(in []dims) (dims, error) {
	out, err := broadcast([]dims{in[0], x.d})
	if err == nil && (out.c != x.d.c || out.rows != x.d.rows || !out.rows && out.r != x.d.r) {
		err = fmt.Errorf("%v does not expand to %v", in[0], x.d)
	}
	return x.d, err
}
func (x expand) diff(xs []Expr, _, g Expr) []Expr { return []Expr{g.reduceLike(xs[0])} }

// zeros is a matrix of zeros with the rows of its argument.
type zeros struct{ d dims }

func (z zeros) String() string                { return fmt.Sprintf("zeros(%d)", z.d.c) }
func (z zeros) shape(in []dims) (dims, error) { return dims{in[0].rows, in[0].r, z.d.c}, nil }
func (z zeros) diff(_ []Expr, _, _ Expr) []Expr {
	return []Expr{{}}
}
func (z zeros) constant() {}

func (e Expr) apply1(k rule) Expr {
	if e.g == nil {
		return e
	}
	return e.g.apply(k, e)
}

func (e Expr) apply2(k rule, o Expr) Expr {
	switch {
	case e.g != nil:
		return e.g.apply(k, e, o)
	case o.g != nil:
		return o.g.apply(k, e, o)
	}
	return e
}

// Add returns e + o.
func (e Expr) Add(o Expr) Expr { return e.apply2(binary{bAdd}, o) }

// Sub returns e - o.
func (e Expr) Sub(o Expr) Expr { return e.apply2(binary{bSub}, o) }

// Mul returns the elementwise product.
func (e Expr) Mul(o Expr) Expr { return e.apply2(binary{bMul}, o) }

// Div returns the elementwise quotient e / o.
func (e Expr) Div(o Expr) Expr { return e.apply2(binary{bDiv}, o) }

// Max returns the elementwise maximum.
func (e Expr) Max(o Expr) Expr { return e.apply2(binary{bMax}, o) }

// Min returns the elementwise minimum.
func (e Expr) Min(o Expr) Expr { return e.apply2(binary{bMin}, o) }

// Less returns 1 where e < o, else 0. It has no gradient.
func (e Expr) Less(o Expr) Expr { return e.apply2(binary{bLess}, o) }

// Where returns p where e is not zero and q elsewhere.
func (e Expr) Where(p, q Expr) Expr {
	if e.g == nil {
		return e
	}
	return e.g.apply(where{}, e, p, q)
}

// Zeros returns cols columns of zeros beside each row of e.
func (e Expr) Zeros(cols int) Expr { return e.apply1(zeros{dims{c: cols}}) }

// Exp returns eᵉ.
func (e Expr) Exp() Expr { return e.apply1(unary{kind: uExp}) }

// Log returns the natural logarithm.
func (e Expr) Log() Expr { return e.apply1(unary{kind: uLog}) }

// Log1p returns log(1+e).
func (e Expr) Log1p() Expr { return e.apply1(unary{kind: uLog1p}) }

// Expm1 returns exp(e)-1.
func (e Expr) Expm1() Expr { return e.apply1(unary{kind: uExpm1}) }

// Tanh returns the hyperbolic tangent.
func (e Expr) Tanh() Expr { return e.apply1(unary{kind: uTanh}) }

// Sigmoid returns 1/(1+exp(-e)).
func (e Expr) Sigmoid() Expr { return e.apply1(unary{kind: uSigmoid}) }

// Softplus returns log(1+exp(e)).
func (e Expr) Softplus() Expr { return e.apply1(unary{kind: uSoftplus}) }

// Erf returns the error function.
func (e Expr) Erf() Expr { return e.apply1(unary{kind: uErf}) }

// Sin returns the sine.
func (e Expr) Sin() Expr { return e.apply1(unary{kind: uSin}) }

// Cos returns the cosine.
func (e Expr) Cos() Expr { return e.apply1(unary{kind: uCos}) }

// Sqrt returns the square root.
func (e Expr) Sqrt() Expr { return e.apply1(unary{kind: uSqrt}) }

// Square returns e².
func (e Expr) Square() Expr { return e.apply1(unary{kind: uSquare}) }

// Recip returns 1/e.
func (e Expr) Recip() Expr { return e.apply1(unary{kind: uRecip}) }

// Abs returns |e|; its gradient at 0 is 0.
func (e Expr) Abs() Expr { return e.apply1(unary{kind: uAbs}) }

// Sign returns -1, 0 or 1. It has no gradient.
func (e Expr) Sign() Expr { return e.apply1(unary{kind: uSign}) }

// ReLU returns max(e, 0); its gradient at 0 is 0.
func (e Expr) ReLU() Expr { return e.apply1(unary{kind: uReLU}) }

// Step returns 1 where e > 0, else 0. It has no gradient.
func (e Expr) Step() Expr { return e.apply1(unary{kind: uStep}) }

// Floor returns the largest integer not above e. It has no gradient.
func (e Expr) Floor() Expr { return e.apply1(unary{kind: uFloor}) }

// Atan returns the arc tangent.
func (e Expr) Atan() Expr { return e.apply1(unary{kind: uAtan}) }

// LogNormalCDF returns log Φ(e), Φ the standard normal distribution function,
// exact to rounding however far out e is.
func (e Expr) LogNormalCDF() Expr { return e.apply1(unary{kind: uLogCDF}) }

// Hazard returns φ(e)/Φ(e), the derivative of log Φ.
func (e Expr) Hazard() Expr { return e.apply1(unary{kind: uHazard}) }

// NormalQuantile returns z with log Φ(z) = e, for e ≤ 0: the inverse of
// [Expr.LogNormalCDF].
func (e Expr) NormalQuantile() Expr { return e.apply1(unary{kind: uQuantile}) }

// Clamp limits e to [lo, hi]; outside, the gradient is 0.
func (e Expr) Clamp(lo, hi float64) Expr { return e.apply1(unary{kind: uClamp, a: lo, b: hi}) }

// StopGrad returns e as something that no gradient passes.
func (e Expr) StopGrad() Expr { return e.apply1(unary{kind: uStop}) }

// Affine returns a·e + b.
func (e Expr) Affine(a, b float64) Expr { return e.apply1(unary{kind: uAffine, a: a, b: b}) }

// Scale returns a·e.
func (e Expr) Scale(a float64) Expr { return e.Affine(a, 0) }

// Shift returns e + b.
func (e Expr) Shift(b float64) Expr { return e.Affine(1, b) }

// Neg returns -e.
func (e Expr) Neg() Expr { return e.Scale(-1) }

// Expand repeats the single row or column of e until it has the shape of o.
func (e Expr) Expand(o Expr) Expr {
	d, ok := o.dims()
	if have, ok2 := e.dims(); !ok || !ok2 || have == d {
		return e
	}
	return e.apply1(expand{d})
}

// reduceLike sums a gradient of the broadcast shape down to the shape of x.
func (e Expr) reduceLike(x Expr) Expr {
	have, ok := e.dims()
	want, ok2 := x.dims()
	if !ok || !ok2 {
		return e
	}
	if have.c != want.c && want.c == 1 {
		e = e.SumCols()
	}
	if have.rows != want.rows || !have.rows && have.r != want.r {
		e = e.SumRows()
	}
	return e
}
