package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

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

// RoundTrip checks that each direction undoes the other and that their
// log-determinants are each other's negative, in both element types.
func RoundTrip(c Case) error {
	for _, dt := range []graph.DType{graph.Float64, graph.Float32} {
		tol := RoundTripTol
		if dt == graph.Float32 {
			tol = RoundTripTol32
		}
		b, err := newBench(c, dt, true, 1)
		if err != nil {
			return err
		}
		x, ctx := c.inputs(150, 2)
		inv, err := b.run(b.inverse, x, ctx)
		if err != nil {
			return err
		}
		back, err := b.run(b.forward, inv.y, ctx)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: T(T⁻¹(x))", dt), back.y, x, tol); err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: log-determinant of T at T⁻¹(x)", dt), back.logDet, negated(inv.logDet), tol); err != nil {
			return err
		}
		again, err := b.run(b.inverse, back.y, ctx)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%v: T⁻¹(T(u))", dt), again.y, inv.y, tol); err != nil {
			return err
		}
	}
	return nil
}

// LogDet checks the log-determinants of both directions against the Jacobian by
// automatic differentiation.
func LogDet(c Case) error {
	b, err := newBench(c, graph.Float64, true, 3)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(40, 4)
	for name, r := range map[string]*graph.Run{"forward": b.forward, "inverse": b.inverse} {
		res, err := b.run(r, x, ctx)
		if err != nil {
			return err
		}
		want := make([]float64, len(res.logDet))
		d := c.Dim
		for k := range want {
			want[k], _ = mat.LogDet(mat.NewDense(d, d, append([]float64(nil), res.jac[k*d*d:(k+1)*d*d]...)))
		}
		if err := compare(name+": log-determinant", res.logDet, want, LogDetTol); err != nil {
			return err
		}
	}
	return nil
}

// Differences checks the Jacobians against central differences of the map.
func Differences(c Case) error {
	b, err := newBench(c, graph.Float64, true, 5)
	if err != nil {
		return err
	}
	const h = 1e-6
	cc := c
	cc.Points = nil // a one-sided slope has no central difference
	x, ctx := cc.inputs(30, 6)
	for name, r := range map[string]*graph.Run{"forward": b.forward, "inverse": b.inverse} {
		res, err := b.run(r, x, ctx)
		if err != nil {
			return err
		}
		bad := 0
		var first error
		for j := range c.Dim {
			moved := func(by float64) ([]float64, error) {
				m := append([]float64(nil), x...)
				for k := j; k < len(m); k += c.Dim {
					m[k] += by
				}
				out, err := b.run(r, m, ctx)
				if err != nil {
					return nil, err
				}
				return out.y, nil
			}
			up, err := moved(h)
			if err != nil {
				return err
			}
			down, err := moved(-h)
			if err != nil {
				return err
			}
			for k := range up {
				num := (up[k] - down[k]) / (2 * h)
				got := res.jac[k/c.Dim*c.Dim*c.Dim+k%c.Dim*c.Dim+j]
				if math.Abs(num-got) > DifferenceTol*(1+math.Abs(num)) {
					bad++
					first = fmt.Errorf("%s: ∂y%d/∂x%d in row %d: %v, by differences %v", name, k%c.Dim, j, k/c.Dim, got, num)
				}
			}
		}
		// A kink may fall between the two points now and then.
		if bad > 0 && (!c.Kinks || bad*50 > len(res.jac)) {
			return first
		}
	}
	return nil
}

// Gradients checks the gradients of a loss in the parameters, which is made of
// values and log-determinants of both directions, against central differences.
func Gradients(c Case) error {
	b, err := newBench(c, graph.Float64, true, 7)
	if err != nil {
		return err
	}
	const h = 1e-6
	cc := c
	cc.Points = nil
	x, ctx := cc.inputs(8, 8)
	rng := rand.New(rand.NewPCG(9, 9))
	for name, r := range map[string]*graph.Run{"forward": b.forward, "inverse": b.inverse} {
		if _, err := b.run(r, x, ctx); err != nil {
			return err
		}
		type grad struct {
			p *graph.Param
			g []float64
		}
		var all []grad
		scale := 1.0
		for _, p := range b.p.Trainable() {
			g := p.GetGrad()
			for _, v := range g {
				scale = math.Max(scale, math.Abs(v))
			}
			all = append(all, grad{p, g})
		}
		bad, tried := 0, 0
		var first error
		for _, q := range all {
			for range 6 {
				i := rng.IntN(len(q.g))
				at := q.p.Get()
				loss := func(by float64) (float64, error) {
					v := append([]float64(nil), at...)
					v[i] += by
					if err := q.p.Set(v); err != nil {
						return 0, err
					}
					out, err := b.run(r, x, ctx)
					if err != nil {
						return 0, err
					}
					return out.loss, nil
				}
				up, err := loss(h)
				if err != nil {
					return err
				}
				down, err := loss(-h)
				if err != nil {
					return err
				}
				if err := q.p.Set(at); err != nil {
					return err
				}
				tried++
				if num := (up - down) / (2 * h); !(math.Abs(num-q.g[i]) <= DifferenceTol*(scale+math.Abs(num))) {
					bad++
					first = fmt.Errorf("%s: gradient in %s[%d]: %v, by differences %v", name, q.p.Name(), i, q.g[i], num)
				}
			}
		}
		if bad > 0 && (!c.Kinks || bad*10 > tried) {
			return first
		}
	}
	return nil
}

// Structure checks that in the Jacobian of Inverse what Order forbids is exactly
// zero, and that what it allows is not all zero.
func Structure(c Case) error {
	if c.Order == nil {
		return nil
	}
	b, err := newBench(c, graph.Float64, true, 11)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(40, 12)
	res, err := b.run(b.inverse, x, ctx)
	if err != nil {
		return err
	}
	d := c.Dim
	below := 0.0
	for k := range len(x) / d {
		for a := range d {
			for e := range d {
				v := res.jac[(k*d+c.Order[a])*d+c.Order[e]]
				if e > a && v != 0 {
					return fmt.Errorf("element %d depends on element %d, which comes later: ∂ = %v in row %d", a, e, v, k)
				}
				if e == a-1 {
					below += math.Abs(v)
				}
			}
		}
	}
	if d > 1 && below == 0 {
		return fmt.Errorf("no element depends on the one before it")
	}
	return nil
}

// Smooth checks that the map has no jumps of slope: along a line through the
// points and on both sides of each, one-sided slopes agree. Layers with networks
// that have kinks pass if their jumps are small and few.
func Smooth(c Case) error {
	if c.Kinks {
		return nil
	}
	b, err := newBench(c, graph.Float64, true, 13)
	if err != nil {
		return err
	}
	const h = 1e-5
	points := append([]float64{-1, 0, 1}, c.Points...)
	for i := range 60 {
		points = append(points, -6+0.2*float64(i)+0.013)
	}
	for name, r := range map[string]*graph.Run{"forward": b.forward, "inverse": b.inverse} {
		for col := range c.Dim {
			base, one := c.inputs(1, 14)
			var x, ctx []float64
			for _, p := range points {
				for _, by := range []float64{-2 * h, -h, 0, h, 2 * h} {
					row := append([]float64(nil), base...)
					row[col] = p + by
					x = append(x, row...)
					ctx = append(ctx, one...)
				}
			}
			res, err := b.run(r, x, ctx)
			if err != nil {
				return err
			}
			for k, p := range points {
				at := func(i int) float64 { return res.y[(5*k+i)*c.Dim+col] }
				left := (3*at(2) - 4*at(1) + at(0)) / (2 * h)
				right := -(3*at(2) - 4*at(3) + at(4)) / (2 * h)
				if math.Abs(left-right) > 2e-3*(1+math.Abs(left)) {
					return fmt.Errorf("%s: at x%d = %v the slope jumps from %v to %v", name, col, p, left, right)
				}
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
	b, err := newBench(c, graph.Float64, false, 19)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(100, 20)
	res, err := b.run(b.inverse, x, ctx)
	if err != nil {
		return err
	}
	return compare("at the start, T⁻¹(x)", res.y, x, IdentityTol)
}
