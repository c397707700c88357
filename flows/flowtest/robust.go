package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/gorgeflow/gorge/graph"
)

// Finite checks that values, Jacobians and gradients are finite for inputs from
// zero to ±1e8, with random parameters and, for values, with huge ones: up to
// the largest float32, as graph.Param.Set takes them.
func Finite(c Case) error {
	for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
		for _, blow := range []float64{1, 1e3, 1e6, math.MaxFloat32} {
			b, err := newBench(c, dt, true, 15)
			if err != nil {
				return err
			}
			for _, p := range b.p.Trainable() {
				v := p.Get()
				for i := range v {
					v[i] = max(-math.MaxFloat32, min(v[i]*blow, math.MaxFloat32))
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
