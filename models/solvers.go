package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
)

// RMSProp is the optimiser of Tieleman & Hinton (2012), with ε outside the root
// as PyTorch has it (gorgonia's own has it inside):
//
//	v ← α v + (1-α) g²,  p ← p - lr g/(√v + ε)
//
// It implements gorgonia.Solver; the zero value of a field is its default.
type RMSProp struct {
	LearnRate float64 // default 1e-2
	Alpha     float64 // default 0.99
	Epsilon   float64 // default 1e-8

	v [][]float64
}

// Adamax is the variant of Adam by the infinity norm, Kingma & Ba (2015),
// arXiv:1412.6980, section 7.1:
//
//	m ← β₁ m + (1-β₁) g,  n ← max(β₂ n, |g| + ε),  p ← p - lr/(1-β₁ᵗ) m/n
//
// It implements gorgonia.Solver; the zero value of a field is its default.
type Adamax struct {
	LearnRate    float64 // default 2e-3
	Beta1, Beta2 float64 // default 0.9, 0.999
	Epsilon      float64 // default 1e-8

	step int
	m, n [][]float64
}

var _, _ gorgonia.Solver = (*RMSProp)(nil), (*Adamax)(nil)

// Step updates every value by its gradient. The list must be the same, in the
// same order, at each step.
func (s *RMSProp) Step(model []gorgonia.ValueGrad) error {
	lr, alpha, eps := orDefault(s.LearnRate, 1e-2), orDefault(s.Alpha, 0.99), orDefault(s.Epsilon, 1e-8)
	if s.v == nil {
		s.v = make([][]float64, len(model))
	}
	return eachParameter("rmsprop", model, func(i int, g float64, e int) float64 {
		v := &s.v[i][e]
		*v = alpha**v + (1-alpha)*g*g
		return lr * g / (math.Sqrt(*v) + eps)
	}, s.v)
}

// Step updates every value by its gradient. The list must be the same, in the
// same order, at each step.
func (s *Adamax) Step(model []gorgonia.ValueGrad) error {
	lr, eps := orDefault(s.LearnRate, 2e-3), orDefault(s.Epsilon, 1e-8)
	b1, b2 := orDefault(s.Beta1, 0.9), orDefault(s.Beta2, 0.999)
	if s.m == nil {
		s.m, s.n = make([][]float64, len(model)), make([][]float64, len(model))
	}
	s.step++
	lr /= 1 - math.Pow(b1, float64(s.step))
	return eachParameter("adamax", model, func(i int, g float64, e int) float64 {
		m, n := &s.m[i][e], &s.n[i][e]
		*m = b1**m + (1-b1)*g
		*n = max(b2**n, math.Abs(g)+eps)
		return lr * *m / *n
	}, s.m, s.n)
}

func orDefault(v, d float64) float64 {
	if v == 0 {
		return d
	}
	return v
}

// eachParameter subtracts update(i, gradient, element) from every element of
// every parameter i, whose moments are made to fit at the first step.
func eachParameter(name string, model []gorgonia.ValueGrad, update func(i int, g float64, e int) float64, moments ...[][]float64) error {
	for _, m := range moments {
		if len(model) != len(m) {
			return fmt.Errorf("models: %s: %d parameters, %d before", name, len(model), len(m))
		}
	}
	for i, vg := range model {
		g, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("models: %s: %w", name, err)
		}
		value := vg.Value()
		for _, m := range moments {
			if m[i] == nil {
				m[i] = make([]float64, value.Size())
			}
			if len(m[i]) != value.Size() {
				return fmt.Errorf("models: %s: parameter %d has %d elements, %d before", name, i, value.Size(), len(m[i]))
			}
		}
		switch p := value.Data().(type) {
		case []float32:
			for e, x := range g.Data().([]float32) {
				p[e] -= float32(update(i, float64(x), e))
			}
		case []float64:
			for e, x := range g.Data().([]float64) {
				p[e] -= update(i, x, e)
			}
		default:
			return fmt.Errorf("models: %s: parameter %d is %T", name, i, value.Data())
		}
	}
	return nil
}
