package layers

import "github.com/gorgeflow/gorge/graph"

// triangle is one above (or below) the diagonal of an n×n matrix.
func triangle(g *graph.Graph, n int, upper bool) graph.Expr {
	v := make([]float64, n*n)
	for i := range n {
		for j := range n {
			v[i*n+j] = step(i != j && (j > i) == upper)
		}
	}
	return g.Constant(n, n, v)
}

// triangular is the triangle of a with d on the diagonal; without d, ones. It is one
// for each row if a is.
func triangular(a, d graph.Expr, n int, upper bool) graph.Expr {
	g := a.Graph()
	one, strict := eye(g, n), triangle(g, n, upper)
	if a.HasRows() {
		one, strict = one.Reshape(1, n*n), strict.Reshape(1, n*n)
		if !d.IsZero() {
			d = d.Repeat(n)
		}
	}
	if !d.IsZero() {
		one = one.Mul(d)
	}
	return a.Mul(strict).Add(one)
}

// solveTriangular returns the x with A x = y, A triangular.
func solveTriangular(a, y graph.Expr, upper bool) graph.Expr {
	if !a.HasRows() {
		return y.Linear(a.TriInverse(upper), graph.Expr{})
	}
	n := y.Cols()
	x := y.Zeros(n)
	for k := range n {
		i := k
		if upper {
			i = n - 1 - k
		}
		l := line(a, i, n)
		left := y.Slice(i, i+1).Sub(dot(l, x)) // x is zero from i on
		x = x.Place(i, left.Div(l.Slice(i, i+1)))
	}
	return x
}
