package graph

import (
	"fmt"
	"sort"
	"strings"

	"gorgonia.org/gorgonia"
)

// lower turns what the outputs need into values. Nodes are numbered in order of
// creation, which puts arguments first, and a derivative close to its use.
func lower(p *plan) {
	g := p.g
	roots := make([]*gorgonia.Node, 0, len(g.outputs)+len(g.assigns))
	for _, o := range g.outputs {
		roots = append(roots, o.e.node)
	}
	for _, a := range g.assigns {
		roots = append(roots, a.from.node)
	}
	nodes := g.topological(roots...)
	sort.SliceStable(nodes, func(i, j int) bool { return nodes[i].ID() < nodes[j].ID() })
	of := map[*gorgonia.Node]*value{}
	for _, n := range nodes {
		v := &value{id: len(p.values), node: n, d: g.nodeDims(n)}
		v.root = v
		switch o := n.Op().(type) {
		case *op:
			v.k, v.scope, v.pcs = o.rule, o.scope, o.pcs
		case nil:
			v.leaf = g.byNode[n]
		default:
			v.k, v.leaf = foreign(n)
		}
		for _, c := range g.children(n) {
			a := of[c]
			v.in = append(v.in, a)
			a.users = append(a.users, v)
			if v.scope == "" {
				v.scope = a.scope
			}
		}
		of[n] = v
		p.values = append(p.values, v)
	}
	for i, o := range g.outputs {
		v := of[o.e.node]
		v.outs = append(v.outs, i)
	}
	for _, a := range g.assigns {
		if v := of[a.from.node]; a.grad && v.grad == nil {
			v.grad = a.to
		}
	}
}

// foreign understands the nodes that gorgonia adds while differentiating: sums
// of gradients and the constant one.
func foreign(n *gorgonia.Node) (rule, *input) {
	name := n.Op().String()
	switch {
	case strings.HasPrefix(name, "+"):
		return binary{bAdd}, nil
	case strings.HasPrefix(name, "const 1"):
		return nil, &input{kind: constInput, name: "one", d: dims{r: 1, c: 1}, value: []float64{1}, node: n}
	}
	panic(fmt.Sprintf("graph: gorgonia made an operation this package does not know: %s", name))
}
