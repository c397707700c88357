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
// Coupling layers and autoregressive layers of any order are special graphs.
// Forward takes one pass of the conditioner for each level of the graph.
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

// Passes returns the parents of dim columns in k passes: the columns of each pass,
// dim/k of them, see those of all passes before. Two passes are a coupling layer, as
// many as columns an autoregressive one.
func Passes(dim, k int) [][]int {
	parents := make([][]int, max(dim, 0))
	for i := range parents {
		pass := i * k / dim
		for j := range i {
			if j*k/dim < pass {
				parents[i] = append(parents[i], j)
			}
		}
	}
	return parents
}

// NewAcyclic makes the layer; parents[i] are the columns that column i depends on.
// Residual networks and degrees in net are not for this layer.
func NewAcyclic(p *graph.Params, parents [][]int, t Transformer, net Net, context int) *Acyclic {
	dim := len(parents)
	levels, err := topology(parents)
	if err == nil {
		err = checkTransformer(t)
	}
	if err == nil {
		err = net.check()
	}
	if err == nil && (net.Blocks > 0 || net.Degrees != nil) {
		err = fmt.Errorf("residual blocks and degrees are for other layers")
	}
	if err != nil {
		p.Fail("layers: acyclic: %w", err)
		dim, parents, levels, t, net = 1, [][]int{nil}, [][]int{{0}}, Affine{}, Net{}
	}
	l := &Acyclic{t: t, dim: dim, parents: parents, levels: levels, net: net}
	// A hidden unit belongs to a column i and may see what i may: inputs among its
	// parents, and units of columns whose parents are all among i's.
	sets := make([]map[int]bool, dim)
	for i, ps := range parents {
		sets[i] = map[int]bool{}
		for _, j := range ps {
			sets[i][j] = true
		}
	}
	within := func(a, b int) bool {
		for j := range sets[a] {
			if !sets[b][j] {
				return false
			}
		}
		return true
	}
	owner := func(width int) []int {
		o := make([]int, width)
		for j := range o {
			o[j] = j * dim / width
			if width < dim {
				o[j] = j
			}
		}
		return o
	}
	prev := identity(dim)
	sees := func(unit, input int) bool { return sets[unit][input] }
	layer := func(name string, owners []int, gain float64) {
		rows, cols := len(owners), len(prev)
		mask := make([]float64, rows*cols)
		for r, o := range owners {
			for c, q := range prev {
				mask[r*cols+c] = step(sees(o, q))
			}
		}
		l.w, l.b, l.masks = append(l.w, p.New(name+".weight", rows, cols, graph.FanIn(gain))), append(l.b, p.New(name+".bias", 1, rows, nil)), append(l.masks, mask)
		prev, sees = owners, func(unit, input int) bool { return within(input, unit) }
	}
	for i, width := range net.widths() {
		layer(fmt.Sprintf("hidden%d", i), owner(width), math.Sqrt2)
	}
	var out []int
	for i := range dim {
		out = append(out, slices.Repeat([]int{i}, t.Params())...)
	}
	layer("output", out, net.outputGain())
	if context > 0 {
		l.context = p.New("context.weight", net.widths()[0], context, graph.FanIn(1))
	}
	return l
}

// topology returns the columns in levels, or says which lie on a cycle.
func topology(parents [][]int) ([][]int, error) {
	n := len(parents)
	if n == 0 {
		return nil, fmt.Errorf("no columns")
	}
	level := slices.Repeat([]int{-1}, n)
	var levels [][]int
	for done := 0; done < n; {
		var now []int
		for i, ps := range parents {
			ready := level[i] < 0
			for _, j := range ps {
				if j < 0 || j >= n {
					return nil, fmt.Errorf("parent %d of column %d: want 0 to %d", j, i, n-1)
				}
				ready = ready && level[j] >= 0
			}
			if ready {
				now = append(now, i)
			}
		}
		if len(now) == 0 {
			var rest []int
			for i, v := range level {
				if v < 0 {
					rest = append(rest, i)
				}
			}
			return nil, fmt.Errorf("columns %v depend on each other in a cycle", rest)
		}
		for _, i := range now {
			level[i] = len(levels)
		}
		levels = append(levels, now)
		done += len(now)
	}
	return levels, nil
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
