package layers

import "github.com/gorgeflow/gorge/graph"

// pass is an evaluation of a network, all at once or degree by degree. The
// inputs of each linear layer fill up as degrees come.
type pass struct {
	n        *network
	x, c     graph.Expr
	slots    []graph.Expr
	ctx      graph.Expr
	gates    []graph.Expr
	template graph.Expr // something with rows, to take zeros from
}

func (n *network) start(x, c graph.Expr) *pass {
	s := &pass{n: n, c: c, slots: make([]graph.Expr, len(n.lin)), template: x}
	if n.context != nil {
		if c.IsZero() {
			c = x.Graph().Fail("conditioner", "the layer has a context, none was given")
		}
		s.template = c
		s.ctx = c.Linear(use(c, n.context.w), use(c, n.context.b))
		if n.ActivateContext {
			s.ctx = n.Activation.apply(s.ctx)
		}
		for _, g := range n.gates {
			s.gates = append(s.gates, c.Linear(use(c, g.w), use(c, g.b)).Sigmoid())
		}
	}
	s.setInput(x)
	return s
}

// setInput gives the inputs; in an evaluation by degrees, those that are known.
func (s *pass) setInput(x graph.Expr) {
	if !x.IsZero() {
		x = s.n.told(x)
	}
	s.x = x
}

// apply evaluates the units lo … hi of linear layer l.
func (s *pass) apply(l int, input graph.Expr, lo, hi int) graph.Expr {
	lin := s.n.lin[l]
	w, b := use(input, lin.w).TakeRows(lo, hi), graph.Expr{}
	if lin.b != nil {
		b = use(input, lin.b).Slice(lo, hi)
	}
	if lin.reach == nil {
		return input.Linear(w, b)
	}
	return input.MaskedLinear(w, b, lin.reach[lo:hi])
}

// fill puts a block of units into the input of linear layer l.
func (s *pass) fill(l int, lo int, block graph.Expr) {
	s.reserve(l, block.Cols())
	if s.slots[l].IsZero() {
		s.slots[l] = block
		return
	}
	s.slots[l] = s.slots[l].Place(lo, block)
}

// reserve makes room for the input of linear layer l before the first of its blocks
// of units is computed, unless that is all of them.
func (s *pass) reserve(l, units int) {
	if width, _ := s.n.lin[l-1].w.Shape(); s.slots[l].IsZero() && units != width {
		s.slots[l] = s.template.Zeros(width)
	}
}

// units returns the run of units of hidden layer l with degree d; all if d < 0.
func (s *pass) units(l, d int) (lo, hi int) {
	width, _ := s.n.lin[l].w.Shape()
	if d < 0 || s.n.degrees == nil {
		return 0, width
	}
	return countUpTo(s.n.degrees[l], d-1), countUpTo(s.n.degrees[l], d)
}

// advance evaluates the hidden units of degree d, or all if d < 0. Layers may
// have no units of a degree while others have some.
func (s *pass) advance(d int) {
	if s.n.Blocks > 0 {
		s.advanceResidual(d)
		return
	}
	n := s.n
	input := s.x
	for l := range len(n.lin) - 1 {
		if lo, hi := s.units(l, d); hi > lo {
			s.reserve(l+1, hi-lo)
			h := s.apply(l, s.filled(l, input), lo, hi)
			if l == 0 && !s.ctx.IsZero() {
				h = h.Add(s.ctx.Slice(lo, hi))
			}
			s.fill(l+1, lo, n.activate(h))
		}
		input = s.slots[l+1]
	}
}

// filled is the input of linear layer l; zeros where no unit has been seen.
func (s *pass) filled(l int, input graph.Expr) graph.Expr {
	if input.IsZero() {
		width, _ := s.n.lin[l-1].w.Shape()
		s.slots[l] = s.template.Zeros(width)
		return s.slots[l]
	}
	return input
}

func (s *pass) advanceResidual(d int) {
	n := s.n
	lo, hi := s.units(0, d)
	if hi == lo {
		return
	}
	for l := 1; l < len(n.lin); l++ {
		s.reserve(l, hi-lo)
	}
	h := s.apply(0, s.x, lo, hi)
	if !s.ctx.IsZero() {
		h = h.Add(s.ctx.Slice(lo, hi))
	}
	for k := range n.Blocks {
		l := 1 + 2*k
		s.fill(l, lo, n.Activation.apply(h))
		t := s.apply(l, s.slots[l], lo, hi)
		s.fill(l+1, lo, n.activate(t))
		t = s.apply(l+1, s.slots[l+1], lo, hi)
		if len(s.gates) > 0 {
			t = t.Mul(s.gates[k].Slice(lo, hi))
		}
		h = h.Add(t)
	}
	s.fill(len(n.lin)-1, lo, h.Clamp(-ceiling, ceiling))
}

// output evaluates the outputs lo … hi.
func (s *pass) output(lo, hi int) graph.Expr {
	last := len(s.n.lin) - 1
	return s.apply(last, s.filled(last, s.slots[last]), lo, hi)
}
