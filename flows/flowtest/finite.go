package flowtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gorgeflow/gorge/graph"
)

// Finite checks that values, Jacobians and gradients are finite for inputs from
// zero to ±1e8, with random parameters and, for values, with huge ones: up to
// the largest float32, as graph.Param.Set takes them. Of those it may be told that there
// is no inverse among finite numbers: that of a matrix of huge numbers grows with each
// column. Where inputs are of a set, they are drawn from it.
func Finite(c Case) error {
	for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
		for _, blow := range []float64{1, 1e3, 1e6, math.MaxFloat32} {
			b, err := newBench(c, dt, 15)
			if err != nil {
				return err
			}
			b.blow(blow)
			for _, d := range both {
				err := b.finite(d, blow == 1 && d == inverse)
				if err != nil && !(blow > 1 && c.Dim > 2 && errors.Is(err, graph.ErrNoInverse)) {
					return fmt.Errorf("%v, parameters × %v, %s: %w", dt, blow, d, err)
				}
			}
		}
	}
	return nil
}

// blow multiplies the parameters.
func (b *bench) blow(by float64) {
	for _, p := range b.p.Trainable() {
		v := p.Get()
		for i := range v {
			v[i] = max(-math.MaxFloat32, min(v[i]*by, math.MaxFloat32))
		}
		_ = p.Set(v) // the count is right
	}
}

func (b *bench) finite(d direction, derivatives bool) error {
	x, ctx := b.c.extremes(d)
	res, err := b.values(d, x, ctx)
	if err != nil {
		return err
	}
	n, out := b.c.columnsOf(d)
	row := func(k int) string { return short(x[k*n : (k+1)*n]) }
	for k, v := range res.logDet {
		if v-v != 0 {
			return fmt.Errorf("log-determinant %v at %s", v, row(k))
		}
	}
	for k, v := range res.y {
		if v-v != 0 {
			return fmt.Errorf("value %v at %s", v, row(k/out))
		}
	}
	if !derivatives {
		return nil
	}
	few := b.c.rows(len(res.logDet), 12)
	jac, err := b.jacobians(d, x[:few*n], ctx[:few*b.c.Context])
	if err != nil {
		return err
	}
	for k, v := range jac {
		if v-v != 0 {
			return fmt.Errorf("derivative %v at %s", v, row(k/out/n))
		}
	}
	if b.p.DType() == graph.Float32 {
		return nil // squares of 1e8 in the loss pass what float32 holds when summed
	}
	if _, err := b.gradients(d, x, ctx); err != nil {
		return err
	}
	for _, p := range b.p.Trainable() {
		for i, g := range p.GetGrad() {
			if g-g != 0 {
				return fmt.Errorf("gradient in %s[%d] is %v", p.Name(), i, g)
			}
		}
	}
	return nil
}

// extremes are rows of small and huge numbers, some of one number in all columns.
func (c Case) extremes(d direction) (x, ctx []float64) {
	dim, _ := c.columnsOf(d)
	values := []float64{0, 1, -1, 5, -5, 1e3, -1e3, 1e8, -1e8}
	rng := rand.New(rand.NewPCG(16, 16))
	for _, v := range values {
		for range dim {
			x = append(x, v)
		}
	}
	for range c.rows(60, 20) * dim {
		x = append(x, values[rng.IntN(len(values))])
	}
	ctx = make([]float64, len(x)/dim*c.Context)
	for i := range ctx {
		ctx[i] = values[rng.IntN(5)]
	}
	switch s := c.set(d); {
	case s.Extreme != nil:
		for k := 0; k < len(x); k += dim {
			copy(x[k:k+dim], s.Extreme(rng, dim))
		}
	case s.Draw != nil:
		x, _ = c.inputs(d, len(x)/dim, 24)
	}
	return x, ctx
}
