// Package flowtest checks that a layer is what it says: invertible, with the
// right log-determinants and gradients, finite, smooth, and the same whatever
// rows it is given together. It is for tests of layers, here and elsewhere:
//
//	flowtest.Run(t, flowtest.Case{Dim: 5, Make: func(p *graph.Params, dim int) flows.Layer {
//		return layers.NewActNorm(p, dim)
//	}})
//
// The checks follow what other libraries were found to test, and not to.
package flowtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// Tolerances, relative to one plus the size of what is compared.
const (
	// RoundTripTol is for T⁻¹(T(u)) in float64, where a layer may lose digits to
	// slopes of e⁴.
	RoundTripTol = 1e-8
	// RoundTripTol32 is the same in float32.
	RoundTripTol32 = 5e-3
	// LogDetTol holds log-determinants against Jacobians by automatic
	// differentiation, exact but for rounding.
	LogDetTol = 1e-8
	// DifferenceTol holds derivatives against central differences of step 1e-5,
	// whose own error is about 1e-7.
	DifferenceTol = 2e-5
	// IdentityTol is how far from the identity a layer may begin.
	IdentityTol = 0.25
)

// Case is a layer to check.
type Case struct {
	// Make makes the layer.
	Make func(p *graph.Params, dim int) flows.Layer
	// Dim and Context are its numbers of columns.
	Dim, Context int
	// Spread is the standard deviation of the random parameters it is checked with;
	// default 0.5.
	Spread float64
	// Kinks are inputs where the slope of the layer or of a network's activation may
	// jump, so that differences there mean nothing: checks of derivatives are
	// looser for layers with such networks. ReLU networks have kinks everywhere.
	Kinks bool
	// Order, if set, is the order in which columns may depend on each other: in the
	// Jacobian of Inverse, columns of later elements are exactly zero.
	Order []int
	// FarFromIdentity says that the layer does not begin near the identity: a
	// permutation, or a scaling by design.
	FarFromIdentity bool
	// Points are further inputs for round trips and smoothness: knots, edges.
	Points []float64
}

// Run makes all checks.
func Run(t *testing.T, c Case) {
	t.Helper()
	for _, check := range Checks {
		t.Run(check.Name, func(t *testing.T) {
			t.Helper()
			if err := check.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks are the checks by name.
var Checks = []struct {
	Name string
	Run  func(Case) error
}{
	{"RoundTrip", RoundTrip},
	{"LogDet", LogDet},
	{"Differences", Differences},
	{"Gradients", Gradients},
	{"Structure", Structure},
	{"Smooth", Smooth},
	{"Finite", Finite},
	{"Batching", Batching},
	{"Identity", Identity},
}

// bench is a layer with random parameters and its two programs.
type bench struct {
	c       Case
	p       *graph.Params
	forward *graph.Run
	inverse *graph.Run
}

func newBench(c Case, dt graph.DType, random bool, seed uint64) (*bench, error) {
	b := &bench{c: c, p: graph.NewParams(dt, seed)}
	layer := c.Make(b.p, c.Dim)
	if err := b.p.Err(); err != nil {
		return nil, err
	}
	if random {
		b.randomise(seed)
	}
	compile := func(apply func(x, c graph.Expr) (graph.Expr, graph.Expr)) (*graph.Run, error) {
		g := graph.New(b.p, graph.Eval)
		x := g.Rows("x", c.Dim)
		var ctx graph.Expr
		if c.Context > 0 {
			ctx = g.Rows("context", c.Context)
		}
		y, ld := apply(x, ctx)
		g.Output("y", y)
		g.Output("logdet", ld)
		// Row i of the Jacobian, by automatic differentiation.
		for i := range c.Dim {
			if y.Cols() != c.Dim {
				break
			}
			e := make([]float64, c.Dim)
			e[i] = 1
			cot := y.Zeros(c.Dim).Add(g.Constant(1, c.Dim, e))
			j := graph.VJP(y, cot, x)[0]
			if j.IsZero() {
				j = x.Zeros(c.Dim)
			}
			g.Output(fmt.Sprintf("jac%d", i), j)
		}
		loss := y.Square().SumCols().Scale(0.5).Add(ld).SumRows()
		g.Output("loss", loss)
		g.Minimize(loss)
		prog, err := g.Compile()
		if err != nil {
			return nil, err
		}
		return prog.NewRun(), nil
	}
	var err error
	if b.forward, err = compile(layer.Forward); err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	if b.inverse, err = compile(layer.Inverse); err != nil {
		return nil, fmt.Errorf("inverse: %w", err)
	}
	return b, nil
}

func (b *bench) randomise(seed uint64) {
	spread := b.c.Spread
	if spread == 0 {
		spread = 0.5
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	for _, p := range b.p.All() {
		v := p.Get()
		r, k := p.Shape()
		for i := range v {
			s := spread
			if r > 1 { // a matrix: keep what comes out of order one
				s = 2 * spread / math.Sqrt(float64(k))
			}
			if p.IsTrainable() {
				v[i] += s * rng.NormFloat64()
			} else {
				v[i] += 0.3 * rng.Float64()
			}
		}
		_ = p.Set(v) // the count is right
	}
}

// result is what a program gives.
type result struct {
	y, logDet []float64
	jac       []float64 // rows × dim × dim
	loss      float64
}

func (b *bench) run(r *graph.Run, x, ctx []float64) (*result, error) {
	n := len(x) / b.c.Dim
	if err := r.Bind("x", graph.Rows{Float64: x}); err != nil {
		return nil, err
	}
	if b.c.Context > 0 {
		if err := r.Bind("context", graph.Rows{Float64: ctx}); err != nil {
			return nil, err
		}
	}
	out := &result{y: make([]float64, len(x)), logDet: make([]float64, n), jac: make([]float64, n*b.c.Dim*b.c.Dim)}
	if err := r.Into("y", graph.Rows{Float64: out.y}); err != nil {
		return nil, err
	}
	if err := r.Into("logdet", graph.Rows{Float64: out.logDet}); err != nil {
		return nil, err
	}
	rows := make([][]float64, b.c.Dim)
	for i := range rows {
		rows[i] = make([]float64, len(x))
		if err := r.Into(fmt.Sprintf("jac%d", i), graph.Rows{Float64: rows[i]}); err != nil {
			return nil, err
		}
	}
	if err := r.Do(context.Background(), n); err != nil {
		return nil, err
	}
	d := b.c.Dim
	for k := range n {
		for i := range d {
			copy(out.jac[(k*d+i)*d:(k*d+i+1)*d], rows[i][k*d:(k+1)*d])
		}
	}
	out.loss = r.Number("loss")
	return out, nil
}

// inputs are rows of normal numbers, the case's points among them, and contexts.
func (c Case) inputs(n int, seed uint64) (x, ctx []float64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	x, ctx = make([]float64, n*c.Dim), make([]float64, n*c.Context)
	for i := range x {
		x[i] = 1.5 * rng.NormFloat64()
		if len(c.Points) > 0 && rng.IntN(4) == 0 {
			x[i] = c.Points[rng.IntN(len(c.Points))]
		}
	}
	for i := range ctx {
		ctx[i] = rng.NormFloat64()
	}
	return x, ctx
}

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

// Finite checks that values, Jacobians and gradients are finite for inputs from
// zero to ±1e8, with random parameters and, for values, with huge ones.
func Finite(c Case) error {
	for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
		for _, blow := range []float64{1, 1e3, 1e6} {
			b, err := newBench(c, dt, true, 15)
			if err != nil {
				return err
			}
			for _, p := range b.p.Trainable() {
				v := p.Get()
				for i := range v {
					v[i] *= blow
				}
				if err := p.Set(v); err != nil {
					return err
				}
			}
			x, ctx := extremes(c)
			runs := map[string]*graph.Run{"inverse": b.inverse}
			if blow == 1 {
				runs["forward"] = b.forward
			}
			for name, r := range runs {
				res, err := b.run(r, x, ctx)
				if err != nil {
					return err
				}
				what := fmt.Sprintf("%v, parameters × %v, %s", dt, blow, name)
				if err := allFinite(what, c.Dim, x, res, blow == 1 && name == "inverse"); err != nil {
					return err
				}
				if blow > 1 || name == "forward" {
					continue
				}
				for _, p := range b.p.Trainable() {
					for i, g := range p.GetGrad() {
						// Squares of 1e8 in the loss pass what float32 holds when summed; the
						// gradient is then judged on the moderate rows.
						if g-g != 0 && dt == graph.Float64 {
							return fmt.Errorf("%s: gradient in %s[%d] is %v", what, p.Name(), i, g)
						}
					}
				}
			}
		}
	}
	return nil
}

func extremes(c Case) (x, ctx []float64) {
	values := []float64{0, 1, -1, 5, -5, 1e3, -1e3, 1e8, -1e8}
	rng := rand.New(rand.NewPCG(16, 16))
	for _, v := range values {
		for j := range c.Dim {
			_ = j
			x = append(x, v)
		}
	}
	for range 60 {
		for range c.Dim {
			x = append(x, values[rng.IntN(len(values))])
		}
	}
	ctx = make([]float64, len(x)/c.Dim*c.Context)
	for i := range ctx {
		ctx[i] = values[rng.IntN(5)]
	}
	return x, ctx
}

func allFinite(what string, dim int, x []float64, res *result, jac bool) error {
	for k := range res.logDet {
		row := x[k*dim : (k+1)*dim]
		if v := res.logDet[k]; v-v != 0 {
			return fmt.Errorf("%s: log-determinant %v at %v", what, v, row)
		}
		for _, v := range res.y[k*dim : (k+1)*dim] {
			if v-v != 0 {
				return fmt.Errorf("%s: value %v at %v", what, v, row)
			}
		}
		for _, v := range res.jac[k*dim*dim : (k+1)*dim*dim] {
			if jac && v-v != 0 {
				return fmt.Errorf("%s: derivative %v at %v", what, v, row)
			}
		}
	}
	return nil
}

// Batching checks that a row's results have the same bits alone, in company, and
// on any number of cores.
func Batching(c Case) error {
	b, err := newBench(c, graph.Float32, true, 17)
	if err != nil {
		return err
	}
	x, ctx := c.inputs(300, 18)
	for name, r := range map[string]*graph.Run{"forward": b.forward, "inverse": b.inverse} {
		all, err := b.run(r, x, ctx)
		if err != nil {
			return err
		}
		grads := snapshot(b.p)
		procs := runtime.GOMAXPROCS(1)
		single, err := b.run(r, x, ctx)
		runtime.GOMAXPROCS(procs)
		if err != nil {
			return err
		}
		if single.loss != all.loss {
			return fmt.Errorf("%s: loss %v on one core, %v on %d", name, single.loss, all.loss, procs)
		}
		for i, v := range snapshot(b.p) {
			if v != grads[i] && v == v {
				return fmt.Errorf("%s: gradient %d: %v on one core, %v on %d", name, i, v, grads[i], procs)
			}
		}
		for _, k := range []int{0, 1, 31, 32, 127, 128, 299} {
			one, err := b.run(r, x[k*c.Dim:(k+1)*c.Dim], ctx[k*c.Context:(k+1)*c.Context])
			if err != nil {
				return err
			}
			for j, v := range one.y {
				if w := all.y[k*c.Dim+j]; v != w && v == v {
					return fmt.Errorf("%s: row %d, column %d: %v alone, %v among 300", name, k, j, v, w)
				}
			}
			if one.logDet[0] != all.logDet[k] {
				return fmt.Errorf("%s: row %d: log-determinant %v alone, %v among 300", name, k, one.logDet[0], all.logDet[k])
			}
		}
	}
	return nil
}

func snapshot(p *graph.Params) []float64 {
	var out []float64
	for _, q := range p.Trainable() {
		out = append(out, q.GetGrad()...)
	}
	return out
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
