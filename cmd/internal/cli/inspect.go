package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/models"
)

func inspectCommand(streams IO) *cobra.Command {
	var tensors bool
	c := &cobra.Command{
		Use: "inspect MODEL", Short: "Show what a model file holds",
		Long: `Shows the model, its columns, and the parts of its flow from the noise to the data: the
name before those of their tensors, kind, number of parameters, shapes of the tensors.`,
		Example: `  gorge inspect runs/moons/model.safetensors
  gorge inspect runs/moons/model.safetensors --tensors`,
		Args: exactly(1, "MODEL"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := models.Load(args[0])
			if err != nil {
				return err
			}
			return inspect(m, tensors, streams.Out)
		},
	}
	c.Flags().BoolVar(&tensors, "tensors", false, "list each tensor too")
	return c
}

func inspect(m *models.Model, tensors bool, w io.Writer) error {
	s := m.Spec()
	paper, _ := models.Describe(s.Model)
	p := printer{w: w}
	p.f("model       %s (%s)\n", s.Model, paper)
	p.f("layers      %d, hidden %v, blocks %d, mixing %s, norm %s, base %s\n", s.Layers, s.Hidden, max(s.Blocks, 0), s.Mixing, s.Norm, s.Base)
	if s.Bins > 0 {
		p.f("spline      %d bins on ±%v\n", s.Bins, s.Bound)
	}
	if s.Augment > 0 {
		p.f("augmented   by %d columns of noise\n", s.Augment)
	}
	if s.Dequantise == "variational" {
		p.f("dequantised by noise that is learnt, in integer columns without ends\n")
	}
	p.f("parameters  %d, %s\n", m.Parameters(), s.DType)
	p.f("log_prob    %s\n", m.LogProbOf())
	p.columns("columns", m.Schema().Columns)
	p.columns("context", m.Schema().Context)
	if ignored := m.Schema().Ignored; len(ignored) > 0 {
		p.f("ignored     %s\n", strings.Join(ignored, ", "))
	}
	ps, err := parts(m)
	if err != nil {
		return err
	}
	p.parts("flow", ps)
	all, numbers := m.Params().All(), 0
	for _, t := range all {
		r, k := t.Shape()
		numbers += r * k
	}
	p.f("total       %d parameters", m.Parameters())
	if fixed := numbers - m.Parameters(); fixed > 0 {
		p.f(" and %d numbers that are not trained", fixed)
	}
	p.f(" in %d tensors\n", len(all))
	if !tensors {
		return p.err
	}
	label := "tensors"
	for _, t := range all {
		r, k := t.Shape()
		p.f("%-11s %-44s %d × %d\n", label, t.Name(), r, k)
		label = ""
	}
	return p.err
}

// part is the base of a flow, a layer, or the network that embeds its context.
type part struct {
	name    string // what the names of its tensors begin with, if there are any
	kind    string
	tensors []*graph.Param
}

// parts are those of the model's flow from the noise to the data. Which tensors are a
// layer's is seen from what its inverse is made of.
func parts(m *models.Model) ([]part, error) {
	var out []part
	s, flow := m.Spec(), m.Flow()
	left := map[string][]*graph.Param{}
	for _, t := range m.Params().All() {
		name, _, _ := strings.Cut(t.Name(), ".")
		left[name] = append(left[name], t)
	}
	g := graph.New(m.Params(), graph.Eval)
	take := func(name string, of any) {
		for _, n := range g.ExprGraph().AllNodes() {
			leaf, is := strings.CutPrefix(n.Name(), "param:")
			if first, _, _ := strings.Cut(leaf, "."); is && left[first] != nil {
				name = first
			}
		}
		kind := fmt.Sprintf("%T", of)
		out = append(out, part{name, kind[strings.LastIndexByte(kind, '.')+1:], left[name]})
		delete(left, name)
	}
	x, c := g.Rows("x", s.Dim), graph.Expr{}
	switch {
	case s.Context > 0 && s.Embed > 0:
		c = g.Rows("context", s.Embed)
	case s.Context > 0:
		c = g.Rows("context", s.Context)
	}
	for _, l := range slices.Backward(flow.Layers()) {
		x, _ = l.Inverse(x, c)
		take("-", l)
	}
	flow.Base().LogProb(x, c)
	take("base", flow.Base())
	slices.Reverse(out)
	for _, name := range slices.Sorted(maps.Keys(left)) {
		out = append(out, part{name, "MLP", left[name]})
	}
	return out, g.Err()
}

func (p part) parameters() int {
	n := 0
	for _, t := range p.tensors {
		if t.IsTrainable() {
			r, k := t.Shape()
			n += r * k
		}
	}
	return n
}

// shapes are those of the tensors, each once.
func (p part) shapes() string {
	var shapes []string
	count := map[string]int{}
	for _, t := range p.tensors {
		r, k := t.Shape()
		s := fmt.Sprintf("%d × %d", r, k)
		if count[s]++; count[s] == 1 {
			shapes = append(shapes, s)
		}
	}
	for i, s := range shapes {
		if n := count[s]; n > 1 {
			shapes[i] = fmt.Sprintf("%d of %s", n, s)
		}
	}
	return strings.Join(shapes, ", ")
}

// parts shows each part in a line.
func (p *printer) parts(label string, parts []part) {
	name, kind := 0, 0
	for _, q := range parts {
		name, kind = max(name, len(q.name)), max(kind, len(q.kind))
	}
	for _, q := range parts {
		p.f("%s\n", strings.TrimRight(fmt.Sprintf("%-11s %-*s  %-*s %9d  %s", label, name, q.name, kind, q.kind, q.parameters(), q.shapes()), " "))
		label = ""
	}
}

// columns shows each column's kind and what was fitted of it.
func (p *printer) columns(label string, columns []models.Column) {
	for _, c := range columns {
		p.f("%-11s %-20s %s", label, c.Name, c.Kind)
		label = ""
		switch {
		case c.Seam != nil:
			p.f(", cut open at %.6g", *c.Seam)
		case c.Period != 0:
			p.f(", on a circle, mean direction %.6g, scale %.6g", c.Mean, c.Scale)
		case c.Of == models.KindPositive:
			p.f(", mean of the logarithm %.6g, scale %.6g", c.Mean, c.Scale)
		case c.Cuts == nil && c.Of != models.KindBounded:
			p.f(", mean %.6g, scale %.6g", c.Mean, c.Scale)
		}
		if c.Step > 0 && !c.Discrete() {
			p.f(", dequantised in steps of %g", c.Step)
		}
		p.f("\n")
	}
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
