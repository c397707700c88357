package layers

import "github.com/gorgeflow/gorge/graph"

// layer is what flows.Layer is; declared here since flows builds on layers.
type layer interface {
	Forward(u, context graph.Expr) (x, logDet graph.Expr)
	Inverse(x, context graph.Expr) (u, logDet graph.Expr)
}

// checkCols reports whether x has the columns the layer was made for, and nothing was
// wrong before.
func checkCols(x graph.Expr, dim int, layer string) bool {
	if x.Node() == nil || x.Graph().Err() != nil {
		return false
	}
	if x.Cols() != dim {
		x.Graph().Fail(layer, "%d columns, the layer was made for %d", x.Cols(), dim)
		return false
	}
	return true
}

func atLeastOne(p *graph.Params, name string, dim int) int {
	if dim < 1 {
		p.Fail("layers: %s: %d columns: need at least one", name, dim)
		return 1
	}
	return dim
}
