package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
)

// Adam is the optimiser of Kingma & Ba (2015), arXiv:1412.6980, with the
// decoupled weight decay of Loshchilov & Hutter (2019), arXiv:1711.05101, in one
// pass over the parameters and without allocation. It implements
// gorgonia.Solver; the zero value of a field is its default.
type Adam struct {
	LearnRate    float64 // default 1e-3
	Beta1, Beta2 float64 // default 0.9, 0.999
	Epsilon      float64 // default 1e-8
	// WeightDecay acts on matrices, not on biases and scales.
	WeightDecay float64

	step int
	m, v [][]float64
	clip float64 // what gradients are multiplied by
}

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
		a.m, a.v = make([][]float64, len(model)), make([][]float64, len(model))
	}
	if len(model) != len(a.m) {
		return fmt.Errorf("models: adam: %d parameters, %d before", len(model), len(a.m))
	}
	a.step++
	c1, c2 := 1-math.Pow(a.Beta1, float64(a.step)), 1-math.Pow(a.Beta2, float64(a.step))
	for i, vg := range model {
		g, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("models: adam: %w", err)
		}
		decay := a.WeightDecay
		if d, ok := vg.(interface{ Decays() bool }); ok && !d.Decays() {
			decay = 0
		}
		value := vg.Value()
		n := value.Size()
		if a.m[i] == nil {
			a.m[i], a.v[i] = make([]float64, n), make([]float64, n)
		}
		if len(a.m[i]) != n {
			return fmt.Errorf("models: adam: parameter %d has %d elements, %d before", i, n, len(a.m[i]))
		}
		switch p := value.Data().(type) {
		case []float32:
			adamStep(p, g.Data().([]float32), a.m[i], a.v[i], a, c1, c2, decay)
		case []float64:
			adamStep(p, g.Data().([]float64), a.m[i], a.v[i], a, c1, c2, decay)
		default:
			return fmt.Errorf("models: adam: parameter %d is %T", i, value.Data())
		}
	}
	return nil
}

func adamStep[T float32 | float64](p, g []T, m, v []float64, a *Adam, c1, c2, decay float64) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	b1, b2, lr, eps, clip := a.Beta1, a.Beta2, a.LearnRate, a.Epsilon, a.clip
	r1, r2 := 1/c1, 1/c2
	for i, gi := range g {
		x := float64(gi) * clip
		m[i] = b1*m[i] + (1-b1)*x
		v[i] = b2*v[i] + (1-b2)*x*x
		p[i] -= T(lr * (m[i]*r1/(math.Sqrt(v[i]*r2)+eps) + decay*float64(p[i])))
	}
}
