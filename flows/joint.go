package flows

import (
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Part is a base of some columns.
type Part struct {
	Columns []int
	Base    Base
}

// Joint is the density of independent parts, each a base of columns of its own.
type Joint struct {
	parts []Part
	back  []int // where each column stands in the parts, one after the other
}

// NewJoint makes it; each column 0 … dim-1 is in one part.
func NewJoint(p *graph.Params, parts ...Part) *Joint {
	var order []int
	if len(parts) == 0 {
		p.Fail("flows: joint base: no parts given")
	}
	for _, part := range parts {
		if part.Base == nil {
			p.Fail("flows: joint base: a part without a base for columns %v", part.Columns)
			return &Joint{}
		}
		if len(part.Columns) != part.Base.Dim() {
			p.Fail("flows: joint base: a part of %d columns for columns %v", part.Base.Dim(), part.Columns)
		}
		order = append(order, part.Columns...)
	}
	b := &Joint{parts: parts, back: make([]int, len(order))}
	for c := range order {
		i := slices.Index(order, c)
		if i < 0 {
			p.Fail("flows: joint base: column %d of %d is in no part", c, len(order))
			i = 0
		}
		b.back[c] = i
	}
	return b
}

// Dim is the number of columns.
func (b *Joint) Dim() int { return len(b.back) }

// LogProb is the sum of the parts'.
func (b *Joint) LogProb(u, context graph.Expr) graph.Expr {
	total := u.Zeros(1)
	for _, part := range b.parts {
		total = total.Add(part.Base.LogProb(u.Columns(part.Columns), context))
	}
	return total
}

// Sample emits noise of each part.
func (b *Joint) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	var out []graph.Expr
	for _, part := range b.parts {
		out = append(out, part.Base.Sample(g, context, temperature))
	}
	return graph.Concat(out...).Columns(b.back)
}
