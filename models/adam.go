package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/gorgeflow/gorge/graph"
)

// Adam is the optimiser of Kingma & Ba (2015), arXiv:1412.6980, with the
// decoupled weight decay of Loshchilov & Hutter (2019), arXiv:1711.05101, in one
// pass over the parameters, on all cores and without allocation. Moments are of
// the parameters' type. It implements
// gorgonia.Solver; the zero value of a field is its default.
type Adam struct {
	LearnRate    float64 // default 1e-3
	Beta1, Beta2 float64 // default 0.9, 0.999
	Epsilon      float64 // default 1e-8
	// WeightDecay acts on matrices, not on biases and scales.
	WeightDecay float64

	step int
	m, v []graph.Elements
	clip float64 // what gradients are multiplied by

	averages []graph.Elements // of the parameters, if there are any, in their order
	share    float64          // by which they move at each step

	pieces   []piece
	rule     graph.AdamRule
	parallel graph.Parallel
}

// piece is a part of a parameter that one core updates.
type piece struct {
	p, g, m, v, average graph.Elements
	decays              bool
}

// pieceSize is how many elements are worth a task of their own.
const pieceSize = 1 << 14

var _ gorgonia.Solver = (*Adam)(nil)

func (a *Adam) defaults() {
	if a.LearnRate == 0 {
		a.LearnRate = 1e-3
	}
	if a.Beta1 == 0 {
		a.Beta1 = 0.9
	}
	if a.Beta2 == 0 {
		a.Beta2 = 0.999
	}
	if a.Epsilon == 0 {
		a.Epsilon = 1e-8
	}
	if a.clip == 0 {
		a.clip = 1
	}
}

// Step updates every value by its gradient. The list must be the same, in the
// same order, at each step.
func (a *Adam) Step(model []gorgonia.ValueGrad) error {
	a.defaults()
	if a.m == nil {
		a.m, a.v = make([]graph.Elements, len(model)), make([]graph.Elements, len(model))
	}
	if len(model) != len(a.m) {
		return fmt.Errorf("models: adam: %d parameters, %d before", len(model), len(a.m))
	}
	if a.pieces == nil {
		if err := a.cut(model); err != nil {
			return err
		}
	}
	a.step++
	a.rule = graph.AdamRule{Clip: a.clip, Beta1: a.Beta1, Beta2: a.Beta2, Step: a.step, Epsilon: a.Epsilon, Rate: a.LearnRate, Share: a.share}
	a.parallel.Do(len(a.pieces))
	return nil
}

// cut makes the pieces, and moments where there are none yet.
func (a *Adam) cut(model []gorgonia.ValueGrad) error {
	var pieces []piece
	arenas, err := a.arenas(model)
	if err != nil {
		return err
	}
	for i, vg := range model {
		grad, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("models: adam: %w", err)
		}
		p, err := elements(vg.Value())
		if err != nil {
			return fmt.Errorf("models: adam: parameter %d: %w", i, err)
		}
		g, err := elements(grad)
		if err != nil || (p.F32 == nil) != (g.F32 == nil) || g.Len() != p.Len() {
			return fmt.Errorf("models: adam: gradient of parameter %d is %T of %d, its value %T of %d", i, grad.Data(), g.Len(), vg.Value().Data(), p.Len())
		}
		if a.m[i].Len() == 0 {
			dt := graph.Float32
			if p.F64 != nil {
				dt = graph.Float64
			}
			a.m[i], a.v[i] = arenas[dt].New(p.Len()), arenas[dt].New(p.Len())
		}
		if a.m[i].Len() != p.Len() {
			return fmt.Errorf("models: adam: parameter %d has %d elements, %d before", i, p.Len(), a.m[i].Len())
		}
		decays := true
		if d, ok := vg.(interface{ Decays() bool }); ok {
			decays = d.Decays()
		}
		for at := 0; at < p.Len(); at += pieceSize {
			to := min(at+pieceSize, p.Len())
			q := piece{p: p.Slice(at, to), g: g.Slice(at, to), m: a.m[i].Slice(at, to), v: a.v[i].Slice(at, to), decays: decays}
			if a.averages != nil {
				q.average = a.averages[i].Slice(at, to)
			}
			pieces = append(pieces, q)
		}
	}
	a.pieces = pieces
	a.parallel.Task = func(i int) {
		q, r := &a.pieces[i], a.rule
		if q.decays {
			r.Decay = a.WeightDecay
		}
		r.Apply(q.p, q.g, q.m, q.v, q.average)
	}
	return nil
}

// arenas are for the moments of values of either type.
func (a *Adam) arenas(model []gorgonia.ValueGrad) (arenas [2]*graph.Arena, err error) {
	var lengths [2][]int
	for i, vg := range model {
		if a.m[i].Len() > 0 {
			continue
		}
		p, err := elements(vg.Value())
		if err != nil {
			return arenas, fmt.Errorf("models: adam: parameter %d: %w", i, err)
		}
		dt := graph.Float32
		if p.F64 != nil {
			dt = graph.Float64
		}
		lengths[dt] = append(lengths[dt], p.Len(), p.Len())
	}
	for dt := range arenas {
		arenas[dt] = graph.NewArena(graph.DType(dt), lengths[dt]...)
	}
	return arenas, nil
}

// begin makes ready for a fit that keeps averages of the parameters, or none.
func (a *Adam) begin(averages []graph.Elements) { a.averages, a.pieces = averages, nil }

// restore takes moments over, nil ones for "before the first step".
func (a *Adam) restore(m, v []graph.Elements, step int) {
	a.m, a.v, a.step, a.pieces = m, v, step, nil
}

// forget begins anew, as before the first step.
func (a *Adam) forget() {
	for i := range a.m {
		a.m[i].Clear()
		a.v[i].Clear()
	}
	a.step = 0
}

func elements(v gorgonia.Value) (graph.Elements, error) {
	switch d := v.Data().(type) {
	case []float32:
		return graph.Elements{F32: d}, nil
	case []float64:
		return graph.Elements{F64: d}, nil
	}
	return graph.Elements{}, fmt.Errorf("%T: want a matrix of float32 or float64", v.Data())
}
