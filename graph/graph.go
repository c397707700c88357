package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Mode says what a graph is for. Layers that behave differently while fitting
// (dropout, batch normalisation, data-dependent starts) ask the graph for it.
type Mode int

const (
	// Eval is scoring and sampling: nothing is random, nothing changes.
	Eval Mode = iota
	// Train is a step of an optimiser.
	Train
	// Start is a pass over the first rows of data, before the first step, in
	// which layers set parameters from what they see.
	Start
)

// nominalRows is the number of rows that gorgonia is told of. Nothing in a
// Program depends on it; it differs from 1 so that shapes stay matrices.
const nominalRows = 2

// Graph collects the expressions of one program. Graphs built on the same
// Params share its memory. A Graph is not safe for concurrent use; the Program
// made of it is.
type Graph struct {
	params *Params
	mode   Mode
	once   bool
	rows   int
	g      *gorgonia.ExprGraph
	err    error // the first mistake

	nextID   uint32
	dropouts uint64 // how many there are
	scopes   []string
	inputs   []*input
	byNode   map[*gorgonia.Node]*input
	cse      map[string]Expr
	outputs  []output
	assigns  []assign
	grads    bool // gorgonia.Grad was called
}

type inputKind int

const (
	dataInput inputKind = iota
	uniformNoise
	normalNoise
	paramInput
	constInput
)

// input is a leaf of the graph.
type input struct {
	kind   inputKind
	name   string
	d      dims
	node   *gorgonia.Node
	param  *Param
	value  []float64 // of constants
	stream uint64    // of noise
}

type output struct {
	name string
	e    Expr
}

type assign struct {
	to   *Param
	from Expr
	grad bool
}

// New returns an empty graph on the parameters p.
func New(p *Params, mode Mode) *Graph { return newGraph(p, mode, nominalRows) }

// NewFixed is [New] with the number of rows that gorgonia's own machines see:
// such a graph can be run on gorgonia.NewTapeMachine, given inputs of that many
// rows. Programs compiled from it still take any number.
func NewFixed(p *Params, mode Mode, rows int) *Graph { return newGraph(p, mode, rows) }

func newGraph(p *Params, mode Mode, rows int) *Graph {
	return &Graph{
		params: p, mode: mode, rows: rows, g: gorgonia.NewGraph(),
		err:    p.Err(), // after it, nothing that layers were given can be relied on
		byNode: map[*gorgonia.Node]*input{}, cse: map[string]Expr{},
	}
}

// RunOnce says that the program will run about once for each change of the parameters.
// What could be made of them beforehand, to be faster at the cost of memory, is then left
// out: copies of weights in the order in which they are read.
func (g *Graph) RunOnce() { g.once = true }

// Mode returns what the graph is for.
func (g *Graph) Mode() Mode { return g.mode }

// Params returns the parameters the graph is built on.
func (g *Graph) Params() *Params { return g.params }

// ExprGraph returns gorgonia's view of the graph.
func (g *Graph) ExprGraph() *gorgonia.ExprGraph { return g.g }

// Err returns the first mistake made while building, or nil.
func (g *Graph) Err() error { return g.err }

// Rows returns a new input of cols columns with one row per sample.
func (g *Graph) Rows(name string, cols int) Expr {
	return g.rowsInput(&input{kind: dataInput, name: name, d: dims{rows: true, r: g.rows, c: cols}})
}

// Uniform returns a fresh input of cols columns whose entries are uniform on
// (0, 1): a function of the run's seed and step, the row and the column, and of
// how many such inputs the graph had before. No tiling changes it.
func (g *Graph) Uniform(cols int) Expr { return g.noise(uniformNoise, "uniform", cols) }

// Normal is like [Graph.Uniform] with standard normal entries.
func (g *Graph) Normal(cols int) Expr { return g.noise(normalNoise, "normal", cols) }

func (g *Graph) noise(kind inputKind, name string, cols int) Expr {
	n := uint64(0)
	for _, in := range g.inputs {
		if in.kind == uniformNoise || in.kind == normalNoise {
			n++
		}
	}
	return g.rowsInput(&input{kind: kind, name: fmt.Sprintf("%s%d", name, n), d: dims{rows: true, r: g.rows, c: cols}, stream: n})
}

func (g *Graph) rowsInput(in *input) Expr {
	if in.d.c < 1 {
		return g.fail("input "+in.name, "%d columns: need at least one", in.d.c)
	}
	for _, old := range g.inputs {
		if old.name == in.name && old.kind == in.kind {
			return g.fail("input "+in.name, "there is an input of that name already")
		}
	}
	return g.leaf(in)
}

// Constant returns a matrix that does not change, given row by row.
func (g *Graph) Constant(rows, cols int, values []float64) Expr {
	if rows < 1 || cols < 1 || len(values) != rows*cols {
		return g.fail("constant", "%d values for (%d, %d)", len(values), rows, cols)
	}
	name := fmt.Sprintf("const%d", len(g.inputs))
	return g.leaf(&input{kind: constInput, name: name, d: dims{r: rows, c: cols}, value: slices.Clone(values)})
}

// Scalar returns the constant v as a matrix of one element.
func (g *Graph) Scalar(v float64) Expr { return g.Constant(1, 1, []float64{v}) }

// Use returns the expression that stands for a parameter in this graph.
func (g *Graph) Use(p *Param) Expr {
	if p == nil {
		return g.fail("parameter", "nil parameter")
	}
	if p.owner != g.params.root() {
		return g.fail("parameter "+p.name, "belongs to other Params than the graph")
	}
	for _, in := range g.inputs {
		if in.param == p {
			return Expr{g, in.node}
		}
	}
	return g.leaf(&input{kind: paramInput, name: p.name, d: dims{r: p.rows, c: p.cols}, param: p})
}

func (g *Graph) leaf(in *input) Expr {
	prefix := [...]string{"row:", "noise:", "noise:", "param:", "const:"}[in.kind]
	in.node = gorgonia.NewUniqueNode(
		gorgonia.WithType(gorgonia.TensorType{Dims: 2, Of: g.dtype()}), gorgonia.WithShape(in.d.r, in.d.c),
		gorgonia.WithName(prefix+in.name), gorgonia.In(g.g))
	g.inputs = append(g.inputs, in)
	g.byNode[in.node] = in
	return Expr{g, in.node}
}

// Output names an expression whose values a Run can read.
func (g *Graph) Output(name string, e Expr) {
	if e.node == nil {
		if g.err == nil {
			g.fail("output "+name, "no expression")
		}
		return
	}
	g.outputs = append(g.outputs, output{name, e})
}

// Assign sets the parameter to the value of e, which must have its shape and no
// rows, at the end of each run. Running statistics and data-dependent starts
// are made of it.
func (g *Graph) Assign(p *Param, e Expr) {
	if d, ok := e.dims(); ok {
		if d.rows || d.r != p.rows || d.c != p.cols {
			g.fail("assign to "+p.name, "value of shape %v, parameter of (%d, %d)", d, p.rows, p.cols)
			return
		}
		g.assigns = append(g.assigns, assign{to: p, from: e})
	}
}

// In runs f with name added to the scope of the nodes it makes. Scopes are the
// layer boundaries in error messages, profiles and pictures.
func (g *Graph) In(name string, f func()) {
	g.scopes = append(g.scopes, name)
	defer func() { g.scopes = g.scopes[:len(g.scopes)-1] }()
	f()
}

func (g *Graph) scope() string {
	s := ""
	for i, part := range g.scopes {
		if i > 0 {
			s += "/"
		}
		s += part
	}
	return s
}

func (g *Graph) dtype() tensor.Dtype {
	if g.params.DType() == Float64 {
		return tensor.Float64
	}
	return tensor.Float32
}

// Assigns returns how many parameters the graph assigns.
func (g *Graph) Assigns() int { return len(g.assigns) }

// Named is an output by its name.
type Named struct {
	Name string
	Expr Expr
}

// Outputs lists the outputs in the order they were named.
func (g *Graph) Outputs() []Named {
	var out []Named
	for _, o := range g.outputs {
		out = append(out, Named{o.name, o.e})
	}
	return out
}
