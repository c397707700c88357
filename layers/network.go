package layers

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// network is a conditioner, plain or masked. Hidden units are kept sorted by
// degree, so that masks are staircases and the units of one degree are
// neighbours: the whole network and its part of one degree are the same code.
type network struct {
	Net
	in, out int
	lin     []linearLayer
	context *linearLayer
	gates   []linearLayer
	degrees [][]int // of the units of each hidden layer; nil for a plain network
}

type linearLayer struct {
	w, b  *graph.Param
	reach graph.Reach
}

func newLinear(p *graph.Params, name string, out, in int, gain float64, reach graph.Reach, bias bool) linearLayer {
	l := linearLayer{w: p.New(name+".weight", out, in, graph.FanIn(gain)), reach: reach}
	if bias {
		l.b = p.New(name+".bias", 1, out, nil)
	}
	return l
}

// newNetwork makes a plain network from in columns to out.
func newNetwork(p *graph.Params, in, out, context int, s Net) *network {
	return buildNetwork(p, in, out, context, s, nil)
}

func buildNetwork(p *graph.Params, in, out, context int, s Net, degrees [][]int) *network {
	if err := s.check(); err != nil {
		p.Fail("layers: network %w", err)
		s = Net{}
	}
	if context < 0 {
		p.Fail("layers: network: %d columns of context: must not be negative", context)
	}
	if err := checkAngles(s.Angles, in); err != nil {
		p.Fail("layers: network %w", err)
		s.Angles = nil
	}
	n := &network{Net: s, in: in, out: out, degrees: degrees}
	gain := math.Sqrt2
	if s.Activation == Tanh {
		gain = 1
	}
	widths := s.widths()
	prev := n.before(in)
	for l, h := range widths {
		g := gain
		if s.Blocks > 0 && (l == 0 || l%2 == 0) {
			g = 1
			if l > 0 {
				g = 0.1 // blocks start near the identity
			}
		}
		n.lin = append(n.lin, newLinear(p, fmt.Sprintf("hidden%d", l), h, prev, g, n.hiddenReach(l), true))
		prev = h
	}
	last := newLinear(p, "output", out, prev, s.outputGain(), n.outputReach(), !s.addend)
	n.lin = append(n.lin, last)
	if context > 0 {
		c := linearLayer{w: p.New("context.weight", widths[0], context, graph.FanIn(gain))}
		if s.ActivateContext {
			c.b = p.New("context.bias", 1, widths[0], nil)
		}
		n.context = &c
		for k := range s.Blocks {
			if s.GateContext {
				n.gates = append(n.gates, newLinear(p, fmt.Sprintf("gate%d", k), widths[0], context, 1, nil, true))
			}
		}
	}
	return n
}

// use is the expression of a parameter, zero for none.
func use(e graph.Expr, p *graph.Param) graph.Expr {
	if p == nil {
		return graph.Expr{}
	}
	return e.Graph().Use(p)
}

// of is what a network of the given columns is told: those of its angles that are
// among them.
func (n Net) of(columns []int) Net {
	var angles []int
	for i, c := range columns {
		if slices.Contains(n.Angles, c) {
			angles = append(angles, i)
		}
	}
	n.Angles = angles
	return n
}

// apply evaluates the whole network.
func (n *network) apply(x, c graph.Expr) graph.Expr {
	s := n.start(x, c)
	s.advance(-1)
	return s.output(0, n.out)
}

// activate is the activation with dropout. Whether a unit is dropped before ReLU or
// after makes no difference to it; before, its derivative needs nothing but the result.
func (n *network) activate(h graph.Expr) graph.Expr {
	switch {
	case n.Dropout == 0 || h.IsZero() || h.Graph().Mode() != graph.Train:
		return n.Activation.apply(h)
	case n.Activation == "" || n.Activation == ReLU:
		return n.Activation.apply(h.Dropout(n.Dropout))
	}
	return n.Activation.apply(h).Dropout(n.Dropout)
}
