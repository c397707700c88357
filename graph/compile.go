package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// Program is a compiled graph. It may be run by several goroutines at once, each
// with its own [Run]; it must not run while its parameters are being changed.
//
// It implements gorgonia.VM: RunAll takes the values bound to the input nodes
// by gorgonia.Let and leaves the outputs as values of their nodes.
type Program struct {
	g       *Graph
	machine machine
	vm      *Run
}

var _ gorgonia.VM = (*Program)(nil)

// machine is a program of one element type.
type machine interface {
	newRun() runner
	dump() string
	flops() float64
}

// value is one node of a program on its way through the passes.
type value struct {
	spot   spot // of one with rows
	id     int
	node   *gorgonia.Node
	k      rule // nil for a leaf
	leaf   *input
	in     []*value
	d      dims
	scope  string
	pcs    []uintptr
	users  []*value
	outs   []int // outputs that this value is
	grad   *Param
	stage  int
	body   bool // one row per sample
	reduce bool // a sum over rows of the data

	// storage
	root    *value // of a view: whose columns it shows
	start   int    // of a view: the first of them
	landed  bool   // computed among the columns of root where it will be placed
	off     int    // in columns of the tile, or elements of a flat arena
	cell    int    // of the narrow form: its first column
	keep    bool   // outlives its stage: one tile for each shard
	sum     int    // of a sum: its number, and those after it of its parts
	into    *Param // of a sum: the parameter whose gradient it is
	passing bool   // of an input: it has its columns only while it is needed
	byRows  bool   // row by row, not in panels
	turned  bool   // of a product: its weights are laid out beforehand
}

// spot is where a value with rows is in the memory of a worker or, if it is kept, of a run:
// at hand for every step.
type spot struct {
	at, stride   int // in elements
	keep, byRows bool
}

func (v *value) name() string {
	if v.k != nil {
		return v.k.String()
	}
	return v.leaf.name
}

// plan is what the passes work on.
type plan struct {
	g      *Graph
	values []*value // arguments first
	stages int

	rows     int // that a worker takes at once, at most
	bodyCols int // columns of one worker's tile
	keepCols int // columns kept for each shard
	prologue int // elements of values without rows that depend on parameters alone
	epilogue int // elements of those that depend on sums over rows
	sums     int // number of parts of sums over rows
}

// passes is the compiler's table of contents.
var passes = []struct {
	name string
	run  func(*plan)
}{
	{"lower", lower},       // gorgonia nodes to values, arguments first, pruned to what is wanted
	{"classify", classify}, // with rows or without; stages between sums over rows
	{"fuse", fuse},         // clamps and their derivatives go into the products before them
	{"room", makeRoom},     // zeros that blocks are placed into, left out where nothing reads them
	{"views", views},       // runs of columns become pointers
	{"over", overwrite},    // splines leave what their derivatives want where parameters were
	{"land", land},         // blocks are computed where they will be placed
	{"rows", byRows},       // values with many zeros stand row by row
	{"turn", turn},         // weights of products over rows are laid out once
	{"place", place_},      // buffers by liveness
	{"split", split},       // shards of rows
}

// Compile makes a program of the graph's outputs, gradients and assignments. The
// first mistake made while building is returned here.
func (g *Graph) Compile() (*Program, error) { return g.compile(func(string, *plan) {}) }

// compile tells after of each pass.
func (g *Graph) compile(after func(name string, p *plan)) (*Program, error) {
	if err := g.params.Err(); err != nil {
		return nil, err
	}
	if g.err != nil {
		return nil, g.err
	}
	if len(g.outputs) == 0 && len(g.assigns) == 0 {
		return nil, fmt.Errorf("graph: nothing to compile: the graph has no output")
	}
	p := newPlan(g, after)
	out := &Program{g: g}
	if g.params.DType() == Float64 {
		out.machine = bind[float64](p)
	} else {
		out.machine = bind[float32](p)
	}
	return out, nil
}

// newPlan runs the passes.
func newPlan(g *Graph, after func(name string, p *plan)) *plan {
	p := &plan{g: g}
	for _, pass := range passes {
		pass.run(p)
		after(pass.name, p)
	}
	return p
}

// Dump prints the program, one line for each value: stage, storage, operation.
func (p *Program) Dump() string { return p.machine.dump() }

// Flops returns the floating-point operations that the matrix products of one row
// take, a multiplication and an addition for each weight that is not masked.
func (p *Program) Flops() float64 { return p.machine.flops() }
