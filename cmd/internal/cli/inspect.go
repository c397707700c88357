package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgeflow/gorge/models"
)

func inspectCommand(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "inspect MODEL", Short: "Show what a model file holds",
		Example: "  gorge inspect runs/moons/model.safetensors",
		Args:    exactly(1, "MODEL"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := models.Load(args[0])
			if err != nil {
				return err
			}
			return inspect(m, streams.Out)
		},
	}
}

func inspect(m *models.Model, w io.Writer) error {
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
	for i, t := range m.Params().All() {
		label := ""
		if i == 0 {
			label = "tensors"
		}
		r, k := t.Shape()
		p.f("%-11s %-44s %d × %d\n", label, t.Name(), r, k)
	}
	return p.err
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
