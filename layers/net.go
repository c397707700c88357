package layers

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Net are the settings of a conditioner network. The zero value is an MLP with
// two hidden layers of 64 units and ReLU.
type Net struct {
	// Hidden are the widths of the hidden layers; default {64, 64}. A residual
	// network uses the first for all.
	Hidden []int
	// Blocks makes it a residual network of that many pre-activation blocks of two
	// linear layers (He et al. 2016, arXiv:1603.05027).
	Blocks     int
	Activation Activation
	// Dropout is the probability of dropping a hidden unit in training.
	Dropout float64
	// Saturate limits what the network is told of each input smoothly to
	// ±Saturate, x/√(1+(x/Saturate)²), so that far outliers do not drive it where
	// it was never trained. 0 is no limit.
	Saturate float64
	// Circle tells a plain network the sine and the cosine of each input, an angle in
	// radians, instead of the angle.
	Circle bool
	// ActivateContext passes the context's part of the first layer through the
	// activation before it is added, as nflows does in masked networks.
	ActivateContext bool
	// GateContext multiplies the output of each residual block by a sigmoid of a
	// linear map of the context.
	GateContext bool
	// OutputGain scales the initial weights of the last layer; default 0.01, so
	// that layers start near the identity.
	OutputGain float64
	// Degrees are, in masked networks, the degrees of the hidden units of every
	// hidden layer, in 0 … dim-1 and not decreasing: a unit of degree m sees the
	// first m inputs. Default: spread evenly over 1 … dim-1 (0 … dim-1 with a
	// context).
	Degrees []int
}

func (n Net) check() error {
	for _, h := range n.Hidden {
		if h < 1 {
			return fmt.Errorf("hidden width %d: must be positive", h)
		}
	}
	if n.Blocks < 0 {
		return fmt.Errorf("%d residual blocks: must not be negative", n.Blocks)
	}
	if n.Dropout < 0 || n.Dropout >= 1 {
		return fmt.Errorf("dropout %v: want 0 ≤ p < 1", n.Dropout)
	}
	if n.Circle && n.Degrees != nil {
		return fmt.Errorf("sines and cosines are for plain networks")
	}
	if n.Saturate < 0 {
		return fmt.Errorf("saturate %v: must not be negative", n.Saturate)
	}
	return n.Activation.check()
}

func (n Net) widths() []int {
	h := n.Hidden
	if len(h) == 0 {
		h = []int{64, 64}
	}
	if n.Blocks > 0 {
		return slices.Repeat(h[:1], 2*n.Blocks+1)
	}
	return h
}

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

func newLinear(p *graph.Params, name string, out, in int, gain float64, reach graph.Reach) linearLayer {
	return linearLayer{p.New(name+".weight", out, in, graph.FanIn(gain)), p.New(name+".bias", 1, out, nil), reach}
}

// newNetwork makes a plain network from in columns to out.
func newNetwork(p *graph.Params, in, out, context int, s Net) *network {
	if s.Circle {
		in *= 2
	}
	return buildNetwork(p, in, out, context, s, nil)
}

// newMasked makes a network in which the outputs of element i, perElement of
// them, depend on the inputs before i alone (MADE; Germain et al. 2015,
// arXiv:1502.03509).
func newMasked(p *graph.Params, dim, perElement, context int, s Net) *network {
	if s.Circle {
		p.Fail("layers: network sines and cosines of inputs are for plain networks, not masked ones")
		s.Circle = false
	}
	widths := s.widths()
	degrees := make([][]int, len(widths))
	for l, h := range widths {
		d := s.Degrees
		if d == nil {
			d = spreadDegrees(h, dim, context > 0)
		}
		if len(d) != h || !slices.IsSorted(d) || d[0] < 0 || d[len(d)-1] > max(dim-1, 0) {
			p.Fail("layers: degrees %v: want %d in 0 … %d, not decreasing", d, h, dim-1)
			d = make([]int, h)
		}
		degrees[l] = d
	}
	return buildNetwork(p, dim, dim*perElement, context, s, degrees)
}

func spreadDegrees(hidden, dim int, context bool) []int {
	first := 1
	if context || dim == 1 {
		first = 0
	}
	d := make([]int, hidden)
	for i := range d {
		d[i] = first + i*max(dim-first, 1)/hidden
	}
	return d
}

func buildNetwork(p *graph.Params, in, out, context int, s Net, degrees [][]int) *network {
	if err := s.check(); err != nil {
		p.Fail("layers: network %w", err)
		s = Net{}
	}
	n := &network{Net: s, in: in, out: out, degrees: degrees}
	gain := math.Sqrt2
	if s.Activation == Tanh {
		gain = 1
	}
	widths := s.widths()
	prev := in
	for l, h := range widths {
		g := gain
		if s.Blocks > 0 && (l == 0 || l%2 == 0) {
			g = 1
			if l > 0 {
				g = 0.1 // blocks start near the identity
			}
		}
		n.lin = append(n.lin, newLinear(p, fmt.Sprintf("hidden%d", l), h, prev, g, n.hiddenReach(l)))
		prev = h
	}
	og := s.OutputGain
	if og == 0 {
		og = 0.01
	}
	n.lin = append(n.lin, newLinear(p, "output", out, prev, og, n.outputReach()))
	if context > 0 {
		c := linearLayer{w: p.New("context.weight", widths[0], context, graph.FanIn(gain))}
		if s.ActivateContext {
			c.b = p.New("context.bias", 1, widths[0], nil)
		}
		n.context = &c
		for k := range s.Blocks {
			if s.GateContext {
				n.gates = append(n.gates, newLinear(p, fmt.Sprintf("gate%d", k), widths[0], context, 1, nil))
			}
		}
	}
	return n
}

func (n *network) hiddenReach(l int) graph.Reach {
	if n.degrees == nil {
		return nil
	}
	reach := make(graph.Reach, len(n.degrees[l]))
	for j, d := range n.degrees[l] {
		reach[j] = int32(d)
		if l > 0 {
			reach[j] = int32(countUpTo(n.degrees[l-1], d))
		}
	}
	return reach
}

func (n *network) outputReach() graph.Reach {
	if n.degrees == nil {
		return nil
	}
	last := n.degrees[len(n.degrees)-1]
	reach := make(graph.Reach, n.out)
	for j := range reach {
		reach[j] = int32(countUpTo(last, j/(n.out/n.in)))
	}
	return reach
}

// countUpTo returns how many of the sorted degrees are at most d.
func countUpTo(degrees []int, d int) int {
	k, _ := slices.BinarySearch(degrees, d+1)
	return k
}

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
			x.Graph().Fail("conditioner", "the layer has a context, none was given")
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

// use is the expression of a parameter, zero for none.
func use(e graph.Expr, p *graph.Param) graph.Expr {
	if p == nil {
		return graph.Expr{}
	}
	return e.Graph().Use(p)
}

// setInput gives the inputs; in an evaluation by degrees, those that are known.
func (s *pass) setInput(x graph.Expr) {
	if s.n.Circle && !x.IsZero() {
		x = graph.Concat(x.Sin(), x.Cos())
	} else if l := s.n.Saturate; l > 0 && !x.IsZero() {
		x = Saturate(x, l)
	}
	s.x = x
}

// Saturate limits x smoothly to ±limit: x/√(1+(x/limit)²). It is written so that
// no finite x overflows on the way.
func Saturate(x graph.Expr, limit float64) graph.Expr {
	big := x.Abs().Shift(limit) // ≥ limit
	a := x.Div(big)
	b := big.Recip().Scale(limit)
	return a.Scale(limit).Div(a.Square().Add(b.Square()).Sqrt())
}

// apply evaluates the units lo … hi of linear layer l.
func (s *pass) apply(l int, input graph.Expr, lo, hi int) graph.Expr {
	lin := s.n.lin[l]
	w, b := use(input, lin.w).TakeRows(lo, hi), use(input, lin.b).Slice(lo, hi)
	if lin.reach == nil {
		return input.Linear(w, b)
	}
	return input.MaskedLinear(w, b, lin.reach[lo:hi])
}

// fill puts a block of units into the input of linear layer l.
func (s *pass) fill(l int, lo int, block graph.Expr) {
	width, _ := s.n.lin[l-1].w.Shape()
	if s.slots[l].IsZero() && block.Cols() != width {
		s.slots[l] = s.template.Zeros(width)
	}
	if s.slots[l].IsZero() {
		s.slots[l] = block
		return
	}
	s.slots[l] = s.slots[l].Place(lo, block)
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
			h := s.apply(l, s.filled(l, input), lo, hi)
			if l == 0 && !s.ctx.IsZero() {
				h = h.Add(s.ctx.Slice(lo, hi))
			}
			s.fill(l+1, lo, n.drop(n.Activation.apply(h)))
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
	h := s.apply(0, s.x, lo, hi)
	if !s.ctx.IsZero() {
		h = h.Add(s.ctx.Slice(lo, hi))
	}
	for k := range n.Blocks {
		l := 1 + 2*k
		s.fill(l, lo, n.Activation.apply(h))
		t := s.apply(l, s.slots[l], lo, hi)
		s.fill(l+1, lo, n.drop(n.Activation.apply(t)))
		t = s.apply(l+1, s.slots[l+1], lo, hi)
		if len(s.gates) > 0 {
			t = t.Mul(s.gates[k].Slice(lo, hi))
		}
		h = h.Add(t)
	}
	s.fill(len(n.lin)-1, lo, h)
}

// output evaluates the outputs lo … hi.
func (s *pass) output(lo, hi int) graph.Expr {
	last := len(s.n.lin) - 1
	return s.apply(last, s.filled(last, s.slots[last]), lo, hi)
}

// apply evaluates the whole network.
func (n *network) apply(x, c graph.Expr) graph.Expr {
	s := n.start(x, c)
	s.advance(-1)
	return s.output(0, n.out)
}

func (n *network) drop(h graph.Expr) graph.Expr {
	if n.Dropout == 0 || h.IsZero() || h.Graph().Mode() != graph.Train {
		return h
	}
	keep := h.Graph().Uniform(h.Cols()).Shift(-n.Dropout).Step()
	return h.Mul(keep).Scale(1 / (1 - n.Dropout))
}

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
