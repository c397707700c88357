package layers

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// BlockAutoregressive is the block neural autoregressive flow of De Cao et al.
// (2019), arXiv:1904.04676: one masked network is itself the map,
//
//	h ← tanh(W h + b) + 0.01·(W h + b)
//
// with several units for each column, blocks of W on the diagonal positive, exp of
// a parameter, those below free, those above zero. The last layer has no
// activation; the straight part of the others makes the image all of ℝ. A gate g in
// (0, 1) for each column, if there is one, adds the column itself,
//
//	u = g x + (1 - g) f(x)
//
// so that the map starts near the identity, which tanh alone does not where it is
// flat, and several can be stacked. Forward is solved for column by column.
type BlockAutoregressive struct {
	dim     int
	units   []int // of one column in each layer, ones at both ends
	w, b    []*graph.Param
	context *graph.Param
	gate    *graph.Param // logit of g
}

// BlockAutoregressiveOptions are the settings of a BlockAutoregressive.
type BlockAutoregressiveOptions struct {
	Hidden  []int // units for each column in the hidden layers; default {8}
	Context int   // columns of context
	Gated   bool
}

// leak is the straight part of the activation.
const leak = 0.01

// diagonalLimit bounds the parameters of the diagonal blocks, and of the gate, smoothly.
const diagonalLimit = 10

// NewBlockAutoregressive makes the layer of dim columns.
func NewBlockAutoregressive(p *graph.Params, dim int, opts BlockAutoregressiveOptions) *BlockAutoregressive {
	dim = atLeastOne(p, "block autoregressive", dim)
	if opts.Context < 0 {
		p.Fail("layers: block autoregressive: %d columns of context: must not be negative", opts.Context)
	}
	hidden := opts.Hidden
	if len(hidden) == 0 {
		hidden = []int{8}
	}
	for _, h := range hidden {
		if h < 1 {
			p.Fail("layers: block autoregressive: %d hidden units a column: need at least one", h)
			hidden = []int{1}
			break
		}
	}
	l := &BlockAutoregressive{dim: dim, units: append(append([]int{1}, hidden...), 1)}
	for i := range len(l.units) - 1 {
		in, out := l.units[i], l.units[i+1]
		w := p.New(fmt.Sprintf("weight%d", i), dim*out, dim*in, graph.FanIn(0.3))
		v := w.Get()
		if len(v) < dim*out*dim*in { // too many, which is said by p
			break
		}
		for r := range dim * out { // diagonal blocks add up to about one
			for c := range dim * in {
				if r/out == c/in {
					v[r*dim*in+c] = 0.3*v[r*dim*in+c] - logOf(in)
				}
			}
		}
		_ = w.Set(v) // as many as there are
		l.w, l.b = append(l.w, w), append(l.b, p.New(fmt.Sprintf("bias%d", i), 1, dim*out, nil))
	}
	if opts.Context > 0 {
		l.context = p.New("context.weight", dim*l.units[1], opts.Context, graph.FanIn(0.3))
	}
	if opts.Gated {
		l.gate = p.New("gate", 1, dim, nil)
	}
	return l
}

// weights returns the matrix of a layer, with its mask, and the raw diagonal blocks
// side by side: for each column, for each unit, those of its inputs.
func (l *BlockAutoregressive) weights(g *graph.Graph, i int) (w, diagonal graph.Expr) {
	in, out := l.units[i], l.units[i+1]
	rows, cols := l.dim*out, l.dim*in
	on, below := make([]float64, rows*cols), make([]float64, rows*cols)
	var idx []int
	for r := range rows {
		for c := range cols {
			on[r*cols+c], below[r*cols+c] = step(r/out == c/in), step(r/out > c/in)
			if r/out == c/in {
				idx = append(idx, r*cols+c)
			}
		}
	}
	raw := g.Use(l.w[i])
	bounded := limited(raw, diagonalLimit)
	w = bounded.Exp().Mul(g.Constant(rows, cols, on)).Add(raw.Mul(g.Constant(rows, cols, below)))
	return w, bounded.Reshape(1, rows*cols).Columns(idx)
}

// activate returns the value and the log-slope.
func activate(pre graph.Expr) (y, logSlope graph.Expr) {
	t := pre.Tanh()
	return t.Add(pre.Scale(leak)), t.Square().Affine(-1, 1+leak).Log()
}

func (l *BlockAutoregressive) fromContext(g *graph.Graph, context graph.Expr) graph.Expr {
	switch {
	case l.context == nil:
		return graph.Expr{}
	case context.IsZero():
		return g.Fail("block autoregressive", "the layer has a context, none was given")
	}
	return context.Linear(use(context, l.context), graph.Expr{})
}

// Inverse emits u.
func (l *BlockAutoregressive) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "block autoregressive") {
		return x, x
	}
	ctx := l.fromContext(x.Graph(), context)
	h := x
	slope := x.Zeros(l.dim) // log ∂h/∂x of each unit in its own column
	for i := range l.w {
		w, d := l.weights(x.Graph(), i)
		in, out := l.units[i], l.units[i+1]
		h = h.Linear(w, use(x, l.b[i]))
		if i == 0 && !ctx.IsZero() {
			h = h.Add(ctx)
		}
		slope = copies(slope, in, out).Add(d).LogSumExp(in)
		if i < len(l.w)-1 {
			var s graph.Expr
			h, s = activate(h)
			slope = slope.Add(s)
		}
	}
	u, slope = l.gated(x, h, slope, 0, l.dim)
	return u, slope.SumCols()
}

// gated adds columns lo … hi themselves to what the network makes of them.
func (l *BlockAutoregressive) gated(x, y, logSlope graph.Expr, lo, hi int) (u, logSlopeU graph.Expr) {
	if l.gate == nil {
		return y, logSlope
	}
	g := limited(use(x, l.gate), diagonalLimit).Slice(lo, hi)
	p, q := g.Sigmoid(), g.Neg().Sigmoid()
	return x.Mul(p).Add(y.Mul(q)), logSlope.Exp().Mul(q).Add(p).Log()
}

// Forward emits x, column by column: the units of a column are its own number
// through the diagonal blocks, and what earlier columns add.
func (l *BlockAutoregressive) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "block autoregressive") {
		return u, u
	}
	ctx := l.fromContext(u.Graph(), context)
	last := len(l.w) - 1
	known := make([]graph.Expr, len(l.w)) // inputs of each layer, zero where unknown
	for i := range known {
		known[i] = u.Zeros(l.dim * l.units[i])
	}
	slopes := make([]graph.Expr, l.dim)
	for c := range l.dim {
		args := make([]graph.Expr, len(l.w))
		for i := range l.w {
			out := l.units[i+1]
			w, _ := l.weights(u.Graph(), i)
			args[i] = known[i].Linear(w.TakeRows(c*out, (c+1)*out), use(u, l.b[i]).Slice(c*out, (c+1)*out))
			if i == 0 && !ctx.IsZero() {
				args[i] = args[i].Add(ctx.Slice(c*out, (c+1)*out))
			}
		}
		h := u.Slice(c, c+1).Solve(func(x graph.Expr, args []graph.Expr) (y, logSlope graph.Expr) {
			units, slope := l.column(c, x, args)
			return units[last+1], slope
		}, args...)
		var units []graph.Expr
		units, slopes[c] = l.column(c, h, args)
		for i := range known {
			known[i] = known[i].Place(c*l.units[i], units[i])
		}
	}
	// Of huge columns, what they add to others may be infinite.
	return known[0].InverseOf(u), graph.Concat(slopes...).SumCols().Neg()
}

// column runs one column's units given what the others add to each layer. It returns
// the inputs of each layer, the result behind them, and the log-slope.
func (l *BlockAutoregressive) column(c int, x graph.Expr, add []graph.Expr) (units []graph.Expr, logSlope graph.Expr) {
	slope := x.Zeros(1)
	h := x
	for i := range l.w {
		units = append(units, h)
		in, out := l.units[i], l.units[i+1]
		raw := limited(use(x, l.w[i]).TakeRows(c*out, (c+1)*out).Slice(c*in, (c+1)*in), diagonalLimit)
		h = h.Linear(raw.Exp(), graph.Expr{}).Add(add[i])
		slope = copies(slope, in, out).Add(raw.Reshape(1, in*out)).LogSumExp(in)
		if i < len(l.w)-1 {
			var s graph.Expr
			h, s = activate(h)
			slope = slope.Add(s)
		}
	}
	h, slope = l.gated(x, h, slope, c, c+1)
	return append(units, h), slope
}
