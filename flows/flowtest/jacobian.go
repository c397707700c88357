package flowtest

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// LogDet checks the log-determinants of both directions against the Jacobian by
// automatic differentiation.
func LogDet(c Case) error {
	b, err := newBench(c, graph.Float64, 3)
	if err != nil {
		return err
	}
	for _, d := range both {
		x, ctx := c.inputs(d, c.rows(40, 3), 4)
		res, err := b.values(d, x, ctx)
		if err != nil {
			return err
		}
		jac, err := b.jacobians(d, x, ctx)
		if err != nil {
			return err
		}
		want := make([]float64, len(res.logDet))
		n := c.Dim
		for k := range want {
			want[k], _ = mat.LogDet(mat.NewDense(n, n, jac[k*n*n:(k+1)*n*n]))
		}
		if err := compare(string(d)+": log-determinant", res.logDet, want, LogDetTol); err != nil {
			return err
		}
	}
	return nil
}

// Differences checks the Jacobians against central differences of the map.
func Differences(c Case) error {
	b, err := newBench(c, graph.Float64, 5)
	if err != nil {
		return err
	}
	cc := c
	cc.Points = nil // a one-sided slope has no central difference
	for _, d := range both {
		x, ctx := cc.inputs(d, c.rows(30, 3), 6)
		if err := b.differences(d, x, ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) differences(d direction, x, ctx []float64) error {
	const h = 1e-6
	n := b.c.Dim
	jac, err := b.jacobians(d, x, ctx)
	if err != nil {
		return err
	}
	moved := func(by float64, v []float64) ([]float64, error) {
		m := make([]float64, len(x))
		for k := range m {
			m[k] = x[k] + by*v[k%n]
		}
		out, err := b.values(d, m, ctx)
		if err != nil {
			return nil, err
		}
		return out.y, nil
	}
	bad, tried := 0, 0
	var first error
	for j, v := range b.c.directions(22) {
		up, err := moved(h, v)
		if err != nil {
			return err
		}
		down, err := moved(-h, v)
		if err != nil {
			return err
		}
		for k := range up {
			num, got := (up[k]-down[k])/(2*h), 0.0
			for i := range v {
				got += jac[k*n+i] * v[i]
			}
			tried++
			if !(math.Abs(num-got) <= DifferenceTol*(1+math.Abs(num))) {
				bad++
				first = fmt.Errorf("%s: derivative of column %d in direction %d, row %d: %v, by differences %v", d, k%n, j, k/n, got, num)
			}
		}
	}
	// A kink may fall between the two points now and then.
	if bad > 0 && (!b.c.Kinks || bad*50 > tried) {
		return first
	}
	return nil
}

// parents are the columns that each may depend on, nil if any.
func (c Case) parents() [][]int {
	if c.Order == nil {
		return c.Parents
	}
	parents := make([][]int, c.Dim)
	for k, i := range c.Order {
		parents[i] = c.Order[:k]
	}
	return parents
}

// Structure checks that in the Jacobian of Inverse what Order or Parents forbid is
// exactly zero, and that of what they allow a column not all is.
func Structure(c Case) error {
	parents := c.parents()
	if parents == nil {
		return nil
	}
	b, err := newBench(c, graph.Float64, 11)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(inverse, c.rows(40, 3), 12)
	jac, err := b.jacobians(inverse, x, ctx)
	if err != nil {
		return err
	}
	n := c.Dim
	for i, allowed := range parents {
		seen := 0.0
		for j := range n {
			if i == j {
				continue
			}
			for k := range len(x) / n {
				v := jac[(k*n+i)*n+j]
				if !slices.Contains(allowed, j) && v != 0 {
					return fmt.Errorf("column %d depends on column %d, which is none of %v: ∂ = %v in row %d", i, j, allowed, v, k)
				}
				seen += math.Abs(v)
			}
		}
		if len(allowed) > 0 && seen == 0 {
			return fmt.Errorf("column %d depends on none of %v", i, allowed)
		}
	}
	return nil
}
