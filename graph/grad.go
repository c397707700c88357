package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// Minimize has gorgonia differentiate loss, a value of one element without
// rows, in every trainable parameter it depends on. After a run each Param's
// Grad holds the gradient; parameters that loss does not depend on have zero.
func (g *Graph) Minimize(loss Expr) {
	var wrt []Expr
	var used []*Param
	for _, p := range g.params.Trainable() {
		for _, in := range g.inputs {
			if in.param == p {
				wrt = append(wrt, Expr{g, in.node})
				used = append(used, p)
			}
		}
	}
	for i, d := range g.Grad(loss, wrt...) {
		if !d.IsZero() && d.node != nil {
			g.assigns = append(g.assigns, assign{to: used[i], from: d, grad: true})
		}
	}
}

// Grad has gorgonia differentiate loss in the given inputs or parameters; the
// result is zero for those it does not depend on. Gorgonia marks what it has
// differentiated, so that a graph can be differentiated this way once;
// derivatives inside a formula are [VJP]'s.
func (g *Graph) Grad(loss Expr, wrt ...Expr) []Expr {
	out := make([]Expr, len(wrt))
	if loss.node == nil || g.err != nil {
		return out
	}
	if g.grads {
		g.fail("gradient", "the graph was differentiated before: use VJP for derivatives inside a formula")
		return out
	}
	g.grads = true
	cost := loss.apply1(lossOp{})
	if cost.node == nil {
		return out
	}
	reached := g.dependencies(cost.node)
	var nodes gorgonia.Nodes
	for _, e := range wrt {
		if e.node != nil && reached[e.node] {
			nodes = append(nodes, e.node)
		}
	}
	if len(nodes) == 0 {
		return out
	}
	grads, err := gorgonia.Grad(cost.node, nodes...)
	if err != nil {
		g.fail("gradient", "%v", err)
		return out
	}
	i := 0
	for j, e := range wrt {
		if e.node != nil && reached[e.node] {
			out[j] = Expr{g, grads[i]}
			i++
		}
	}
	return out
}

// dependencies returns the nodes that n depends on differentiably.
func (g *Graph) dependencies(n *gorgonia.Node) map[*gorgonia.Node]bool {
	seen := map[*gorgonia.Node]bool{}
	stack := []*gorgonia.Node{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		if o, ok := n.Op().(*op); ok {
			if _, stop := o.rule.(constantOp); stop || isStop(o.rule) {
				continue
			}
		}
		stack = append(stack, g.children(n)...)
	}
	return seen
}

func isStop(k rule) bool {
	u, ok := k.(unary)
	return ok && !u.differentiable()
}

// VJP emits the vector–Jacobian product: for each of wrt, the sum over the
// elements of y of cotangent · ∂y/∂wrt, made of ordinary expressions that can be
// differentiated again. Row by row, if wrt has rows. It is zero where y does not
// depend on it.
func VJP(y, cotangent Expr, wrt ...Expr) []Expr { return vjp(y, cotangent, nil, wrt) }

// vjp takes the held values for something that depends on nothing.
func vjp(y, cotangent Expr, held []Expr, wrt []Expr) []Expr {
	g := y.g
	out := make([]Expr, len(wrt))
	if g == nil || y.node == nil || cotangent.node == nil || g.err != nil {
		return out
	}
	if dy, dc := g.nodeDims(y.node), g.nodeDims(cotangent.node); dy != dc {
		g.fail("vjp", "cotangent %v for %v", dc, dy)
		return out
	}
	order := g.topological(y.node)
	active, leaf := map[*gorgonia.Node]bool{}, map[*gorgonia.Node]bool{}
	for _, h := range held {
		leaf[h.node] = true
	}
	for _, w := range wrt {
		active[w.node] = true
	}
	for _, n := range order {
		if o, ok := n.Op().(*op); ok && !leaf[n] && !isStop(o.rule) {
			for _, c := range o.in {
				active[n] = active[n] || active[c]
			}
		}
	}
	grads := map[*gorgonia.Node]Expr{y.node: cotangent}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		d, ok := grads[n]
		o, isOp := n.Op().(*op)
		if !ok || !isOp || !active[n] || leaf[n] {
			continue
		}
		for j, e := range o.emitDiff(n, d.node) {
			c := o.in[j]
			if e.IsZero() || !active[c] {
				continue
			}
			if old, ok := grads[c]; ok {
				e = old.Add(e)
			}
			if e.node == nil {
				return out
			}
			grads[c] = e
		}
	}
	for i, w := range wrt {
		if active[w.node] {
			out[i] = grads[w.node]
		}
	}
	return out
}

// topological returns what n depends on, arguments first.
func (g *Graph) topological(roots ...*gorgonia.Node) []*gorgonia.Node {
	seen := map[*gorgonia.Node]bool{}
	var order []*gorgonia.Node
	var visit func(n *gorgonia.Node)
	visit = func(n *gorgonia.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, c := range g.children(n) {
			visit(c)
		}
		order = append(order, n)
	}
	for _, n := range roots {
		visit(n)
	}
	return order
}

func describe(n *gorgonia.Node) string {
	if o, ok := n.Op().(*op); ok {
		return o.rule.String()
	}
	return fmt.Sprint(n.Name())
}
