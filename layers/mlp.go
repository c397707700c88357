package layers

import "github.com/gorgeflow/gorge/graph"

// MLP is a plain network as a building block: an embedding of contexts, for one.
type MLP struct{ n *network }

// NewMLP makes a network from in columns to out, with the usual initial weights
// in its last layer unless s.OutputGain says otherwise.
func NewMLP(p *graph.Params, in, out int, s Net) *MLP {
	if s.OutputGain == 0 {
		s.OutputGain = 1
	}
	return &MLP{newNetwork(p, in, out, 0, s)}
}

// Apply evaluates the network on the rows of x.
func (m *MLP) Apply(x graph.Expr) graph.Expr { return m.n.apply(x, graph.Expr{}) }
