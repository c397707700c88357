package layers

import "github.com/gorgeflow/gorge/graph"

// Linear maps of rows by matrices that are either the same for all rows, values without
// rows, or, given by a context, one for each row: its numbers side by side, row by row.

// product is A v of an m×k matrix.
func product(a, v graph.Expr, m int) graph.Expr {
	if !a.HasRows() {
		return v.Linear(a, graph.Expr{})
	}
	k := v.Cols()
	return a.Mul(copies(v, k, m)).SumGroups(k)
}

// productT is Aᵀ v of a k×m matrix.
func productT(a, v graph.Expr, m int) graph.Expr {
	if !a.HasRows() {
		return v.Times(a)
	}
	k := v.Cols()
	byColumn := make([]int, 0, k*m)
	for j := range m {
		for i := range k {
			byColumn = append(byColumn, i*m+j)
		}
	}
	return product(a.Columns(byColumn), v, m)
}

// dot is the product of two vectors, the first the same for all rows or one for each.
func dot(w, v graph.Expr) graph.Expr {
	if !w.HasRows() {
		return v.Linear(w, graph.Expr{})
	}
	return w.Mul(v).SumCols()
}

// line is line i of an m×k matrix.
func line(a graph.Expr, i, k int) graph.Expr {
	if !a.HasRows() {
		return a.TakeRows(i, i+1)
	}
	return a.Slice(i*k, (i+1)*k)
}
