package layers_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Angles may make any number of turns: what a layer makes of the other columns, and its
// log-determinant, stay the same, and angles come out as many turns later.
func TestAnglesTurn(t *testing.T) {
	const dim = 4
	n := layers.Net{Hidden: []int{12}, Activation: layers.Tanh, Angles: every(2, dim)}
	for name, make := range map[string]func(p *graph.Params) flows.Layer{
		"coupling": func(p *graph.Params) flows.Layer {
			return layers.NewCoupling(p, dim, layers.FirstHalf, turning(dim), n, layers.CouplingOptions{Identity: turning(dim)})
		},
		"autoregressive": func(p *graph.Params) flows.Layer {
			return layers.NewAutoregressive(p, dim, turning(dim), n, layers.AutoregressiveOptions{Order: []int{2, 1, 0, 3}})
		},
	} {
		p := graph.NewParams(graph.Float64, 1)
		l := make(p)
		for _, q := range p.Trainable() {
			v := q.Get()
			for i := range v {
				v[i] += 0.5 * math.Sin(float64(7*i+1))
			}
			require.NoError(t, q.Set(v))
		}
		g := graph.New(p, graph.Eval)
		u, ld := l.Inverse(g.Rows("x", dim), graph.Expr{})
		g.Output("u", u)
		g.Output("ld", ld)
		got := evaluate(t, g, 2, map[string][]float64{"x": {0.3, 0.5, -2, 1, 0.3 + 4*math.Pi, 0.5, -2 - 2*math.Pi, 1}}, map[string]int{"u": dim, "ld": 1})
		require.InDelta(t, got["ld"][0], got["ld"][1], 1e-12, name)
		for j, turns := range []float64{2, 0, -1, 0} {
			require.InDelta(t, got["u"][j]+2*math.Pi*turns, got["u"][dim+j], 1e-12, "%s column %d", name, j)
		}
	}
}

// Over the places of its number's digits, every column conditions every other.
func TestBitSplits(t *testing.T) {
	for _, dim := range []int{2, 3, 4, 7, 8, 33} {
		seen := map[[2]int]bool{}
		for k := 0; 1<<k < dim; k++ {
			for _, one := range []bool{true, false} {
				split := layers.Bit(k, one)(dim)
				for i, a := range split {
					for j, b := range split {
						if !a && b {
							seen[[2]int{i, j}] = true
						}
					}
				}
			}
		}
		require.Len(t, seen, dim*(dim-1))
	}
}

// Angles and columns that are none are said.
func TestAnglesMistakes(t *testing.T) {
	for want, make := range map[string]func(p *graph.Params){
		"angles [3]: want some of the columns 0 … 1": func(p *graph.Params) {
			layers.NewMLP(p, 2, 1, layers.Net{Angles: []int{3}})
		},
		"angles [1 1]": func(p *graph.Params) { layers.NewMADE(p, 2, 1, 0, layers.Net{Angles: []int{1, 1}}) },
		"among: columns [2]: want some of 0 … 1": func(p *graph.Params) {
			layers.NewAmong(p, 2, []int{2}, layers.NewReverse(p, 1))
		},
		"among: order": func(p *graph.Params) { layers.NewAmong(p, 2, []int{1, 1}, layers.NewReverse(p, 2)) },
		"residual blocks, degrees, angles, dropout and activated contexts are for other layers": func(p *graph.Params) {
			layers.NewAcyclic(p, [][]int{nil, {0}}, layers.Affine{}, layers.Net{Angles: []int{0}}, 0)
		},
	} {
		p := graph.NewParams(graph.Float64, 1)
		make(p)
		require.ErrorContains(t, p.Err(), want)
	}
}
