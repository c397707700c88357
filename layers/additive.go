package layers

import "github.com/gorgeflow/gorge/graph"

// Additive is the transformer of NICE (Dinh et al. 2015, arXiv:1410.8516),
// x = u + m, of slope one.
type Additive struct {
	// Data says that m is added to the data instead, u = x + m, as in nflows.
	Data bool
}

// Params is 1.
func (Additive) Params() int { return 1 }

// Forward is x = u + h.
func (t Additive) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	if t.Data {
		return u.Sub(h), u.Scale(0)
	}
	return u.Add(h), u.Scale(0)
}

// Inverse is u = x - h.
func (t Additive) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	if t.Data {
		return x.Add(h), x.Scale(0)
	}
	return x.Sub(h), x.Scale(0)
}
