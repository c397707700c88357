package flowtest

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

func compare(what string, got, want []float64, tol float64) error {
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol*(1+math.Abs(want[i]))) {
			return fmt.Errorf("%s[%d]: got %v, want %v (tolerance %v)", what, i, got[i], want[i], tol)
		}
	}
	return nil
}

func negated(v []float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = -v[i]
	}
	return out
}

// short prints a row, the beginning of a long one.
func short(row []float64) string {
	if len(row) > 8 {
		return fmt.Sprintf("%v … of %d", row[:8], len(row))
	}
	return fmt.Sprint(row)
}

// RoundTrip checks that each direction undoes the other and that their
// log-determinants are each other's negative, in both element types; and that what
// comes out is in the set it should be in.
func RoundTrip(c Case) error {
	for _, dt := range []graph.DType{graph.Float64, graph.Float32} {
		tol := RoundTripTol
		if dt == graph.Float32 {
			tol = RoundTripTol32
		}
		b, err := newBench(c, dt, 1)
		if err != nil {
			return err
		}
		x, ctx := c.inputs(inverse, c.rows(150, 40), 2)
		inv, err := b.values(inverse, x, ctx)
		if err != nil {
			return err
		}
		back, err := b.values(forward, inv.y, ctx)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: T(T⁻¹(x))", dt), back.y, x, tol); err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: log-determinant of T at T⁻¹(x)", dt), back.logDet, negated(inv.logDet), tol); err != nil {
			return err
		}
		again, err := b.values(inverse, back.y, ctx)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: T⁻¹(T(u))", dt), again.y, inv.y, tol); err != nil {
			return err
		}
		if err := b.sets(); err != nil {
			return fmt.Errorf("%v: %w", dt, err)
		}
	}
	return nil
}

// sets checks that each direction maps its set into the other's.
func (b *bench) sets() error {
	for d, holds := range map[direction]func([]float64) bool{forward: b.c.Data.Holds, inverse: b.c.Noise.Holds} {
		if holds == nil {
			continue
		}
		x, ctx := b.c.inputs(d, b.c.rows(150, 40), 21)
		out, err := b.values(d, x, ctx)
		if err != nil {
			return err
		}
		for k := range out.logDet {
			if row := out.y[k*b.c.Dim : (k+1)*b.c.Dim]; !holds(row) {
				return fmt.Errorf("%s: %s of %s is not in the set", d, short(row), short(x[k*b.c.Dim:(k+1)*b.c.Dim]))
			}
		}
	}
	return nil
}

// Identity checks that the layer begins near the identity.
func Identity(c Case) error {
	if c.FarFromIdentity {
		return nil
	}
	b, err := newBench(c, graph.Float64, 0)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(inverse, c.rows(100, 20), 20)
	res, err := b.values(inverse, x, ctx)
	if err != nil {
		return err
	}
	return compare("at the start, T⁻¹(x)", res.y, x, IdentityTol)
}
