package layers

import "github.com/gorgeflow/gorge/graph"

// Moments returns mean and variance of the columns over the rows of a run, the
// variance with the number of rows as divisor.
func Moments(x graph.Expr) (mean, variance graph.Expr) {
	n := x.Zeros(1).Shift(1).SumRows()
	mean = x.SumRows().Div(n)
	return mean, x.Sub(mean).Square().SumRows().Div(n)
}

// unbiased turns a variance over the rows of x into that of divisor n-1.
func unbiased(x, variance graph.Expr) graph.Expr {
	n := x.Zeros(1).Shift(1).SumRows()
	return variance.Mul(n).Div(n.Shift(-1).Max(x.Graph().Scalar(1)))
}
