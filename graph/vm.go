package graph

import (
	"context"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// RunAll evaluates the program on the values bound to the input nodes, which
// must agree in their number of rows, and binds the outputs and gradients to
// their nodes. It is for code written against gorgonia.VM; a [Run] does the same
// without copies.
func (p *Program) RunAll() error {
	if p.vm == nil {
		p.vm = p.NewRun()
	}
	rows := -1
	for _, in := range p.g.inputs {
		if in.kind != dataInput {
			continue
		}
		v := in.node.Value()
		if v == nil {
			return fmt.Errorf("graph: input %q has no value: bind one with gorgonia.Let", in.name)
		}
		if rows >= 0 && v.Shape()[0] != rows {
			return fmt.Errorf("graph: input %q has %d rows, others %d", in.name, v.Shape()[0], rows)
		}
		rows = v.Shape()[0]
		if err := p.vm.Bind(in.name, rowsOf(v)); err != nil {
			return err
		}
	}
	if rows < 0 {
		rows = 1
	}
	into := make([]gorgonia.Value, len(p.g.outputs))
	for i, o := range p.g.outputs {
		if o.e.HasRows() {
			into[i] = newDense(p.g.params.DType(), rows, o.e.Cols())
			if err := p.vm.Into(o.name, rowsOf(into[i])); err != nil {
				return err
			}
		}
	}
	if err := p.vm.Do(context.Background(), rows); err != nil {
		return err
	}
	for i, o := range p.g.outputs {
		if into[i] == nil {
			v, err := p.vm.Value(o.name)
			if err != nil {
				return err
			}
			d, _ := o.e.dims()
			t := newDense(p.g.params.DType(), d.r, d.c)
			copyInto(t, v)
			into[i] = t
		}
		if err := gorgonia.UnsafeLet(o.e.node, into[i]); err != nil {
			return fmt.Errorf("graph: output %q: %w", o.name, err)
		}
	}
	return nil
}

func rowsOf(v gorgonia.Value) Rows {
	switch d := v.Data().(type) {
	case []float32:
		return Rows{Float32: d}
	case []float64:
		return Rows{Float64: d}
	}
	return Rows{}
}

func copyInto(t *tensor.Dense, v []float64) {
	switch d := t.Data().(type) {
	case []float64:
		copy(d, v)
	case []float32:
		for i, x := range v {
			d[i] = float32(x)
		}
	}
}

// Reset does nothing: a program keeps no state between runs.
func (p *Program) Reset() {}

// Close does nothing: a program holds memory only.
func (p *Program) Close() error { return nil }
