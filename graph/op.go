package graph

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// rule is what an operation knows of itself. The evaluations for the two
// kinds of values are chosen in bind.go (values with rows) and flat.go (without).
type rule interface {
	// String names the operation with its settings; two operations of the same
	// string and arguments are the same value.
	fmt.Stringer
	// shape checks the arguments and gives the shape of the result.
	shape(in []dims) (dims, error)
	// diff gives the gradient in each argument from the gradient g in y; a zero
	// Expr where there is none.
	diff(x []Expr, y, g Expr) []Expr
}

// op is a rule placed in a graph: the gorgonia operation of one node.
type op struct {
	rule
	g     *Graph
	id    uint32
	d     dims
	in    []*gorgonia.Node
	scope string
	pcs   []uintptr
	loss  bool // a scalar in gorgonia's eyes
}

// apply makes a node, or finds the one that already has the same value.
func (g *Graph) apply(k rule, args ...Expr) Expr {
	name := k.String()
	ds := make([]dims, len(args))
	nodes := make([]*gorgonia.Node, len(args))
	key := name
	for i, a := range args {
		if a.g == nil {
			return g.fail(name, "argument %d is no expression", i+1)
		}
		if a.g != g {
			return g.fail(name, "argument %d belongs to another graph", i+1)
		}
		if a.node == nil || g.err != nil {
			return Expr{g: g}
		}
		ds[i] = g.nodeDims(a.node)
		nodes[i] = a.node
		key += fmt.Sprintf(",%d", a.node.ID())
	}
	if e, ok := g.cse[key]; ok {
		return e
	}
	d, err := k.shape(ds)
	if err != nil {
		return g.fail(name, "%v", err)
	}
	if d.rows {
		d.r = g.rows
	}
	g.nextID++
	o := &op{rule: k, g: g, id: g.nextID, d: d, in: nodes, scope: g.scope(), pcs: callers()}
	_, o.loss = k.(lossOp)
	var t hm.Type = gorgonia.TensorType{Dims: 2, Of: g.dtype()}
	opts := []gorgonia.NodeConsOpt{gorgonia.WithType(t), gorgonia.WithShape(d.r, d.c)}
	if o.loss {
		t = g.dtype()
		opts = []gorgonia.NodeConsOpt{gorgonia.WithType(t), gorgonia.WithShape()}
	}
	opts = append(opts, gorgonia.WithOp(o), gorgonia.WithChildren(nodes), gorgonia.In(g.g))
	e := Expr{g, gorgonia.NewUniqueNode(opts...)}
	g.cse[key] = e
	return e
}

func (o *op) Arity() int           { return len(o.in) }
func (o *op) ReturnsPtr() bool     { return false }
func (o *op) CallsExtern() bool    { return false }
func (o *op) OverwritesInput() int { return -1 }
func (o *op) WriteHash(h hash.Hash) {
	fmt.Fprintf(h, "gorge %d", o.id)
}

// Hashcode is the operation's number: gorgonia takes two nodes with equal
// hashes of operation and shape for one, whatever their arguments, so that an
// honest hash would merge different nodes by chance.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "gorge")
	return h.Sum32() ^ o.id
}

// Type gives each argument and the result gorgonia's matrix type.
func (o *op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.in)+1)
	for _, n := range o.in {
		ts = append(ts, n.Type())
	}
	if o.loss {
		ts = append(ts, o.g.dtype())
	} else {
		ts = append(ts, gorgonia.TensorType{Dims: 2, Of: o.g.dtype()})
	}
	if len(ts) == 1 {
		return ts[0]
	}
	return hm.NewFnType(ts...)
}

func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	if o.loss {
		return tensor.ScalarShape(), nil
	}
	return tensor.Shape{o.d.r, o.d.c}, nil
}

// DiffWRT lists the arguments the operation can be differentiated in.
func (o *op) DiffWRT(n int) []bool {
	out := make([]bool, n)
	if _, stop := o.rule.(constantOp); !stop {
		for i := range out {
			out[i] = true
		}
	}
	return out
}

// SymDiff emits the gradients in the arguments. Where there is none, gorgonia
// still wants a node: zeros.
func (o *op) SymDiff(inputs gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	grads := o.emitDiff(output, grad)
	if o.g.err != nil {
		return nil, o.g.err
	}
	out := make(gorgonia.Nodes, len(grads))
	for i, e := range grads {
		if e.IsZero() {
			x := Expr{o.g, inputs[i]}
			e = o.g.apply(zeros{o.g.nodeDims(x.node)}, x)
		}
		out[i] = e.node
	}
	return out, o.g.err
}

func (o *op) emitDiff(output, grad *gorgonia.Node) []Expr {
	g := o.g
	x := make([]Expr, len(o.in))
	for i, n := range o.in {
		x[i] = Expr{g, n}
	}
	saved := g.scopes
	g.scopes = nil
	if o.scope != "" {
		g.scopes = []string{o.scope}
	}
	defer func() { g.scopes = saved }()
	return o.diff(x, Expr{g, output}, Expr{g, grad})
}

// Do evaluates the operation on row-major values: gorgonia's own machines call
// it, which makes them the oracle of compiled programs.
func (o *op) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	if o.g.params.DType() == Float64 {
		return doFlat[float64](o, values)
	}
	return doFlat[float32](o, values)
}

// constantOp marks operations without a derivative.
type constantOp interface{ constant() }
