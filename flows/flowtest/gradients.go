package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gorgeflow/gorge/graph"
)

// Gradients checks the gradients of a loss in the parameters, which is made of
// values and log-determinants of both directions, against central differences: in
// a few entries of each parameter or, for wide layers, of Inverse along random
// directions.
func Gradients(c Case) error {
	b, err := newBench(c, graph.Float64, 7)
	if err != nil {
		return err
	}
	cc := c
	cc.Points = nil
	for _, d := range both {
		if d == forward && c.Dim > Wide { // whose gradients take long to compile
			continue
		}
		x, ctx := cc.inputs(d, c.rows(8, 3), 8)
		if _, err := b.gradients(d, x, ctx); err != nil {
			return err
		}
		if err := b.slopes(d, b.moves(), x, ctx); err != nil {
			return err
		}
	}
	return nil
}

// move is a direction in the space of parameters, in the order of Trainable.
type move struct {
	name string
	by   [][]float64
}

// moves are the directions to try.
func (b *bench) moves() []move {
	rng := rand.New(rand.NewPCG(9, 9))
	all := b.p.Trainable()
	still := func() [][]float64 {
		by := make([][]float64, len(all))
		for i, p := range all {
			by[i] = make([]float64, len(p.Get()))
		}
		return by
	}
	var out []move
	if b.c.Dim > Wide {
		for k := range 3 {
			m := move{fmt.Sprintf("random direction %d", k), still()}
			for _, v := range m.by {
				for i := range v {
					v[i] = rng.NormFloat64() / math.Sqrt(float64(b.p.Count()))
				}
			}
			out = append(out, m)
		}
		return out
	}
	for k, p := range all {
		for range 6 {
			m := move{"", still()}
			i := rng.IntN(len(m.by[k]))
			m.name, m.by[k][i] = fmt.Sprintf("%s[%d]", p.Name(), i), 1
			out = append(out, m)
		}
	}
	return out
}

// slopes compares the gradient that was computed last, along each move.
func (b *bench) slopes(d direction, moves []move, x, ctx []float64) error {
	var grads [][]float64
	scale := 1.0
	for _, p := range b.p.Trainable() {
		grads = append(grads, p.GetGrad())
		for _, v := range grads[len(grads)-1] {
			scale = math.Max(scale, math.Abs(v))
		}
	}
	bad := 0
	var first error
	for _, m := range moves {
		num, err := b.slope(d, m, x, ctx)
		if err != nil {
			return err
		}
		got := 0.0
		for k, v := range m.by {
			for i, by := range v {
				got += by * grads[k][i]
			}
		}
		if !(math.Abs(num-got) <= DifferenceTol*(scale+math.Abs(num))) {
			bad++
			first = fmt.Errorf("%s: gradient in %s: %v, by differences %v", d, m.name, got, num)
		}
	}
	if bad > 0 && (!b.c.Kinks || bad*10 > len(moves)) {
		return first
	}
	return nil
}

// slope is the loss's along a move, by differences.
func (b *bench) slope(d direction, m move, x, ctx []float64) (float64, error) {
	const h = 1e-6
	all := b.p.Trainable()
	at := make([][]float64, len(all))
	for k, p := range all {
		at[k] = p.Get()
	}
	loss := func(h float64) (float64, error) {
		for k, p := range all {
			v := append([]float64(nil), at[k]...)
			for i := range v {
				v[i] += h * m.by[k][i]
			}
			_ = p.Set(v) // the count is right
		}
		out, err := b.values(d, x, ctx)
		if err != nil {
			return 0, err
		}
		sum := 0.0
		for _, v := range out.y {
			sum += v * v / 2
		}
		for _, v := range out.logDet {
			sum += v
		}
		return sum, nil
	}
	up, err := loss(h)
	if err != nil {
		return 0, err
	}
	down, err := loss(-h)
	if err != nil {
		return 0, err
	}
	_, err = loss(0)
	return (up - down) / (2 * h), err
}
