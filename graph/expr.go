package graph

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"gorgonia.org/gorgonia"
)

// Expr is a handle on a node of a graph. The zero Expr is "nothing": an absent
// context, for instance. Methods build new nodes and read like formulas; a
// mistake is kept in the graph and returned by [Graph.Compile], and what
// follows from it is skipped.
type Expr struct {
	g    *Graph
	node *gorgonia.Node
}

// IsZero reports whether e is the zero Expr.
func (e Expr) IsZero() bool { return e.g == nil }

// Graph returns the graph e belongs to, nil for the zero Expr.
func (e Expr) Graph() *Graph { return e.g }

// Node returns the gorgonia node behind e, nil after a mistake.
func (e Expr) Node() *gorgonia.Node { return e.node }

// Cols returns the number of columns of e, 0 if e is zero or a mistake.
func (e Expr) Cols() int {
	d, _ := e.dims()
	return d.c
}

// HasRows reports whether e has one row per sample.
func (e Expr) HasRows() bool {
	d, _ := e.dims()
	return d.rows
}

// dims is the shape of a value.
type dims struct {
	rows bool // one row per sample; r is then nominal
	r, c int
}

func (d dims) String() string {
	if d.rows {
		return fmt.Sprintf("(rows, %d)", d.c)
	}
	return fmt.Sprintf("(%d, %d)", d.r, d.c)
}

func (e Expr) dims() (dims, bool) {
	if e.g == nil || e.node == nil {
		return dims{}, false
	}
	return e.g.nodeDims(e.node), true
}

func (g *Graph) nodeDims(n *gorgonia.Node) dims {
	if in, ok := g.byNode[n]; ok {
		return in.d
	}
	if o, ok := n.Op().(*op); ok {
		return o.d
	}
	// Nodes that gorgonia made while differentiating: sums and the constant one.
	s := n.Shape()
	d := dims{r: 1, c: 1}
	if len(s) == 2 {
		d.r, d.c = s[0], s[1]
	}
	for _, c := range g.children(n) {
		d.rows = d.rows || g.nodeDims(c).rows
	}
	return d
}

func (g *Graph) children(n *gorgonia.Node) []*gorgonia.Node {
	if o, ok := n.Op().(*op); ok {
		return o.in
	}
	it := g.g.From(n.ID())
	var out []*gorgonia.Node
	if it == nil {
		return nil
	}
	for it.Next() {
		out = append(out, it.Node().(*gorgonia.Node))
	}
	return out
}

// fail keeps the first mistake, with the place in the user's code.
func (g *Graph) fail(what, format string, args ...any) Expr {
	if g.err == nil {
		scope := g.scope()
		if scope != "" {
			scope += ": "
		}
		g.err = fmt.Errorf("graph: %s%s: %s: %s", scope, position(callers()), what, fmt.Sprintf(format, args...))
	}
	return Expr{g: g}
}

// Fail records a mistake of the caller's own, for layers that find a wrong
// shape before any operation does. It returns an expression that stands for it.
func (g *Graph) Fail(what, format string, args ...any) Expr { return g.fail(what, format, args...) }

func callers() []uintptr {
	var pcs [12]uintptr
	n := runtime.Callers(3, pcs[:])
	return append([]uintptr(nil), pcs[:n]...)
}

// position is the innermost place outside this package and gorgonia.
func position(pcs []uintptr) string {
	if len(pcs) == 0 {
		return "derivative"
	}
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		inside := strings.Contains(f.Function, "gorge/graph.") && !strings.HasSuffix(f.File, "_test.go")
		if f.File != "" && !inside && !strings.Contains(f.Function, "gorgonia.org/") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return "derivative"
		}
	}
}
