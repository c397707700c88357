package layers

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Acyclic is the layer of graphical normalizing flows (Wehenkel & Louppe 2020,
// arXiv:2006.02548) with a given graph: column i is transformed given its parents
// alone,
//
//	x_i = τ(u_i; h_i),  h_i = c(x_parents(i))
//
// Coupling layers and autoregressive layers of any order are special graphs; [Passes] has
// those between. Forward takes one pass of the conditioner for each level of the graph.
type Acyclic struct {
	t       Transformer
	dim     int
	parents [][]int
	levels  [][]int // columns by the length of the longest path to them
	w, b    []*graph.Param
	masks   [][]float64
	context *graph.Param
	net     Net
}

// NewAcyclic makes the layer; parents[i] are the columns that column i depends on.
// Residual networks, degrees, angles, dropout and activated contexts in net are not for
// this layer. Where columns have parents of their own, hidden layers want at least a unit
// for each.
func NewAcyclic(p *graph.Params, parents [][]int, t Transformer, net Net, context int) *Acyclic {
	levels, err := topology(parents)
	if err == nil {
		err = checkAlone(t)
	}
	if err == nil {
		err = net.check()
	}
	if err == nil && (net.Blocks > 0 || net.Degrees != nil || net.Angles != nil || net.Dropout > 0 || net.ActivateContext) {
		err = fmt.Errorf("residual blocks, degrees, angles, dropout and activated contexts are for other layers")
	}
	if err == nil && context < 0 {
		err = fmt.Errorf("%d columns of context: must not be negative", context)
	}
	if err != nil {
		p.Fail("layers: acyclic: %w", err)
		parents, levels, t, net = [][]int{nil}, [][]int{{0}}, Affine{}, Net{}
	}
	l := &Acyclic{t: t, dim: len(parents), parents: parents, levels: levels, net: net}
	l.network(p)
	if context > 0 {
		l.context = p.New("context.weight", net.widths()[0], context, graph.FanIn(1))
	}
	return l
}

// network makes the masked network. A hidden unit belongs to a column i and may see
// what i may: inputs among its parents, and units of columns whose parents are all
// among i's.
func (l *Acyclic) network(p *graph.Params) {
	isParent := func(i, j int) bool { return slices.Contains(l.parents[i], j) }
	within := func(i, j int) bool { // the parents of j are all parents of i
		return !slices.ContainsFunc(l.parents[j], func(k int) bool { return !isParent(i, k) })
	}
	owners, sees := identity(l.dim), isParent
	layer := func(name string, units []int, gain float64) {
		rows, cols := len(units), len(owners)
		mask := make([]float64, rows*cols)
		for r, i := range units {
			for c, j := range owners {
				mask[r*cols+c] = step(sees(i, j))
			}
		}
		l.w, l.b, l.masks = append(l.w, p.New(name+".weight", rows, cols, graph.FanIn(gain))), append(l.b, p.New(name+".bias", 1, rows, nil)), append(l.masks, mask)
		owners, sees = units, within
	}
	for k, width := range l.net.widths() {
		units := make([]int, width)
		for j := range units {
			units[j] = j * l.dim / width
			if width < l.dim { // the last of each run of columns: in an order, it may see most
				units[j] = (j+1)*l.dim/width - 1
			}
		}
		layer(fmt.Sprintf("hidden%d", k), units, math.Sqrt2)
	}
	var out []int
	for i := range l.dim {
		out = append(out, slices.Repeat([]int{i}, l.t.Params())...)
	}
	layer("output", out, l.net.outputGain())
}

func (l *Acyclic) conditioner(x, context graph.Expr) graph.Expr {
	h := x
	if l.net.Saturate > 0 {
		h = Saturate(h, l.net.Saturate)
	}
	for i, w := range l.w {
		rows, cols := w.Shape()
		h = h.Linear(use(x, w).Mul(x.Graph().Constant(rows, cols, l.masks[i])), use(x, l.b[i]))
		if i == 0 && l.context != nil {
			if context.IsZero() {
				return x.Graph().Fail("acyclic", "the layer has a context, none was given")
			}
			h = h.Add(context.Linear(use(x, l.context), graph.Expr{}))
		}
		if i < len(l.w)-1 {
			h = l.net.Activation.apply(h)
		}
	}
	return h
}

// Inverse emits u.
func (l *Acyclic) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "acyclic") {
		return x, x
	}
	u, s := at(l.t, identity(l.dim)).Inverse(x, l.conditioner(x, context))
	return u, s.SumCols()
}

// Forward emits x, level by level.
func (l *Acyclic) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "acyclic") {
		return u, u
	}
	x = u.Zeros(l.dim)
	var slopes graph.Expr
	n := l.t.Params()
	for _, level := range l.levels {
		h := l.conditioner(x, context)
		var params []int
		for _, i := range level {
			for j := range n {
				params = append(params, i*n+j)
			}
		}
		y, s := at(l.t, level).Forward(u.Columns(level), h.Columns(params))
		for k, i := range level {
			x = x.Place(i, y.Slice(k, k+1))
		}
		if s = s.SumCols(); slopes.IsZero() {
			slopes = s
		} else {
			slopes = slopes.Add(s)
		}
	}
	return x, slopes
}
