package graph

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// Dot writes what e depends on as a Graphviz digraph: operations with their
// shapes, parameters by name, a box around each layer.
func (e Expr) Dot(w io.Writer) error {
	if e.g == nil || e.node == nil {
		return fmt.Errorf("graph: dot: no expression")
	}
	byScope := map[string][]string{}
	var edges []string
	for _, n := range e.g.topological(e.node) {
		scope, label, style := "", "", "shape=box"
		if in, ok := e.g.byNode[n]; ok {
			label = in.name
			style = [...]string{"shape=ellipse,style=filled,fillcolor=\"#cfe8ff\"", "shape=ellipse,style=dashed", "shape=ellipse,style=dashed",
				"shape=box,style=\"rounded,filled\",fillcolor=\"#ffe9c7\"", "shape=plaintext"}[in.kind]
		} else {
			label = describe(n)
			if o, ok := n.Op().(*op); ok {
				scope = o.scope
			}
		}
		byScope[scope] = append(byScope[scope], fmt.Sprintf("n%d [label=%q,%s]", n.ID(), label+"\n"+e.g.nodeDims(n).String(), style))
		for _, c := range e.g.children(n) {
			edges = append(edges, fmt.Sprintf("n%d -> n%d", c.ID(), n.ID()))
		}
	}
	scopes := make([]string, 0, len(byScope))
	for s := range byScope {
		scopes = append(scopes, s)
	}
	sort.Strings(scopes)
	var b strings.Builder
	b.WriteString("digraph flow {\n  rankdir=TB; node [fontname=\"Helvetica\",fontsize=10]; edge [color=\"#555555\"]\n")
	for i, s := range scopes {
		if s != "" {
			fmt.Fprintf(&b, "  subgraph cluster%d { label=%q; color=\"#888888\"\n", i, s)
		}
		for _, l := range byScope[s] {
			fmt.Fprintf(&b, "    %s\n", l)
		}
		if s != "" {
			b.WriteString("  }\n")
		}
	}
	for _, l := range edges {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}
