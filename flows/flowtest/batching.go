package flowtest

import (
	"fmt"
	"runtime"

	"github.com/gorgeflow/gorge/graph"
)

// Batching checks that a row's results have the same bits alone, in company, and
// on any number of cores.
func Batching(c Case) error {
	b, err := newBench(c, graph.Float32, 17)
	if err != nil {
		return err
	}
	for _, d := range both {
		in, out := c.columnsOf(d)
		x, ctx := c.inputs(d, 300, 18)
		run := b.gradients
		if d == forward && c.Dim > Wide { // whose gradients take long to compile
			run = b.values
		}
		all, err := run(d, x, ctx)
		if err != nil {
			return err
		}
		if err := b.cores(run, d, x, ctx, all); err != nil {
			return err
		}
		for _, k := range []int{0, 1, 31, 32, 127, 128, 299} {
			b.first = uint64(k)
			one, err := run(d, x[k*in:(k+1)*in], ctx[k*c.Context:(k+1)*c.Context])
			b.first = 0
			if err != nil {
				return err
			}
			for j, v := range one.y {
				if w := all.y[k*out+j]; v != w && v == v {
					return fmt.Errorf("%s: row %d, column %d: %v alone, %v among 300", d, k, j, v, w)
				}
			}
			if one.logDet[0] != all.logDet[k] {
				return fmt.Errorf("%s: row %d: log-determinant %v alone, %v among 300", d, k, one.logDet[0], all.logDet[k])
			}
		}
	}
	return nil
}

// cores repeats a run on one core.
func (b *bench) cores(run func(direction, []float64, []float64) (*result, error), d direction, x, ctx []float64, all *result) error {
	grads := snapshot(b.p)
	procs := runtime.GOMAXPROCS(1)
	single, err := run(d, x, ctx)
	runtime.GOMAXPROCS(procs)
	if err != nil {
		return err
	}
	if single.loss != all.loss {
		return fmt.Errorf("%s: loss %v on one core, %v on %d", d, single.loss, all.loss, procs)
	}
	for i, v := range single.logDet {
		if v != all.logDet[i] {
			return fmt.Errorf("%s: row %d: log-determinant %v on one core, %v on %d", d, i, v, all.logDet[i], procs)
		}
	}
	for i, v := range snapshot(b.p) {
		if v != grads[i] && v == v {
			return fmt.Errorf("%s: gradient %d: %v on one core, %v on %d", d, i, v, grads[i], procs)
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
