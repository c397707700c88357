package graph

import "fmt"

// Operations on values without rows.

// transpose swaps rows and columns of a value without rows.
type transpose struct{}

func (transpose) String() string { return "transpose" }
func (transpose) shape(in []dims) (dims, error) {
	if in[0].rows {
		return dims{}, fmt.Errorf("%v has rows", in[0])
	}
	return dims{r: in[0].c, c: in[0].r}, nil
}
func (transpose) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.Transpose()} }

// reshape reads the elements, row by row, as another matrix.
type reshape struct{ r, c int }

func (o reshape) String() string { return fmt.Sprintf("reshape(%d,%d)", o.r, o.c) }
func (o reshape) shape(in []dims) (dims, error) {
	if in[0].rows || in[0].r*in[0].c != o.r*o.c {
		return dims{}, fmt.Errorf("%v as (%d, %d)", in[0], o.r, o.c)
	}
	return dims{r: o.r, c: o.c}, nil
}
func (o reshape) diff(xs []Expr, _, g Expr) []Expr {
	d, _ := xs[0].dims()
	return []Expr{g.Reshape(d.r, d.c)}
}

// takeRows takes a run of rows; putRows, its transpose, puts it among zeros.
type (
	takeRows struct{ lo, hi int }
	putRows  struct{ lo, rows int }
)

func (o takeRows) String() string { return fmt.Sprintf("takeRows(%d,%d)", o.lo, o.hi) }
func (o putRows) String() string  { return fmt.Sprintf("putRows(%d,%d)", o.lo, o.rows) }
func (o takeRows) shape(in []dims) (dims, error) {
	if in[0].rows || o.lo < 0 || o.hi <= o.lo || o.hi > in[0].r {
		return dims{}, fmt.Errorf("rows %d to %d of %v", o.lo, o.hi, in[0])
	}
	return dims{r: o.hi - o.lo, c: in[0].c}, nil
}
func (o putRows) shape(in []dims) (dims, error) {
	if in[0].rows || o.lo+in[0].r > o.rows {
		return dims{}, fmt.Errorf("%v at row %d of %d", in[0], o.lo, o.rows)
	}
	return dims{r: o.rows, c: in[0].c}, nil
}
func (o takeRows) diff(xs []Expr, _, g Expr) []Expr {
	d, _ := xs[0].dims()
	return []Expr{g.apply1(putRows{o.lo, d.r})}
}
func (o putRows) diff(xs []Expr, _, g Expr) []Expr {
	d, _ := xs[0].dims()
	return []Expr{g.TakeRows(o.lo, o.lo+d.r)}
}

// triInverse inverts a triangular matrix, reading one triangle only.
type triInverse struct{ upper bool }

func (o triInverse) String() string { return fmt.Sprintf("triInverse(%t)", o.upper) }
func (o triInverse) shape(in []dims) (dims, error) {
	if in[0].rows || in[0].r != in[0].c {
		return dims{}, fmt.Errorf("%v is not a square matrix", in[0])
	}
	return in[0], nil
}

// d(A⁻¹) = -A⁻¹ dA A⁻¹, so the gradient in A is -A⁻ᵀ G A⁻ᵀ.
func (o triInverse) diff(xs []Expr, y, g Expr) []Expr {
	t := y.Transpose()
	return []Expr{t.Times(g).Times(t).Neg().Mul(triangle(xs[0], o.upper))}
}

func triangle(x Expr, upper bool) Expr {
	n := x.Cols()
	v := make([]float64, n*n)
	for i := range n {
		for j := range n {
			if i == j || (j > i) == upper {
				v[i*n+j] = 1
			}
		}
	}
	return x.g.Constant(n, n, v)
}

// Transpose swaps rows and columns of a value without rows.
func (e Expr) Transpose() Expr { return e.apply1(transpose{}) }

// Reshape reads a value without rows, row by row, as an r×c matrix.
func (e Expr) Reshape(r, c int) Expr { return e.apply1(reshape{r, c}) }

// TakeRows takes the rows from lo up to hi of a value without rows.
func (e Expr) TakeRows(lo, hi int) Expr {
	if d, ok := e.dims(); ok && !d.rows && lo == 0 && hi == d.r {
		return e
	}
	return e.apply1(takeRows{lo, hi})
}

// Stack puts values without rows, of the same columns, one below the other.
func Stack(parts ...Expr) Expr {
	total := 0
	for _, p := range parts {
		d, _ := p.dims()
		total += d.r
	}
	var out Expr
	at := 0
	for _, p := range parts {
		d, _ := p.dims()
		block := p
		if len(parts) > 1 {
			block = p.apply1(putRows{at, total})
		}
		at += d.r
		if out.IsZero() {
			out = block
		} else {
			out = out.Add(block)
		}
	}
	return out
}

// TriInverse inverts a triangular matrix without rows, of which only the upper
// or lower triangle is read.
func (e Expr) TriInverse(upper bool) Expr { return e.apply1(triInverse{upper}) }
