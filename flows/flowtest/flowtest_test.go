package flowtest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/flows/flowtest"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// broken is a layer with one thing wrong.
type broken struct {
	flows.Layer
	inverse func(u, logDet, x graph.Expr) (graph.Expr, graph.Expr)
	forward func(x, logDet, u graph.Expr) (graph.Expr, graph.Expr)
}

func (b broken) Inverse(x, c graph.Expr) (graph.Expr, graph.Expr) {
	u, ld := b.Layer.Inverse(x, c)
	if b.inverse != nil {
		return b.inverse(u, ld, x)
	}
	return u, ld
}

func (b broken) Forward(u, c graph.Expr) (graph.Expr, graph.Expr) {
	x, ld := b.Layer.Forward(u, c)
	if b.forward != nil {
		return b.forward(x, ld, u)
	}
	return x, ld
}

func maf(p *graph.Params, dim int) flows.Layer {
	return layers.NewAutoregressive(p, dim, layers.Affine{}, layers.Net{Hidden: []int{12}, Activation: layers.Tanh}, layers.AutoregressiveOptions{})
}

// Each check fails on a layer broken for it, narrow or wide; the sound layer passes
// them all.
func TestChecksFail(t *testing.T) {
	for _, dim := range []int{3, flowtest.Wide + 8} {
		t.Run(fmt.Sprintf("dim=%d", dim), func(t *testing.T) { checksFail(t, dim) })
	}
}

func checksFail(t *testing.T, dim int) {
	order := make([]int, dim)
	for i := range order {
		order[i] = i
	}
	sound := flowtest.Case{Dim: dim, Make: maf, Order: order}
	flowtest.Run(t, sound)
	positive := sound
	positive.Data = flowtest.Set{
		Draw:  func(rng *rand.Rand, dim int) []float64 { return make([]float64, dim) },
		Holds: func(row []float64) bool { return slices.Min(row) > 0 },
	}
	require.ErrorContains(t, flowtest.RoundTrip(positive), "not in the set")
	deaf := sound
	deaf.Context = 2
	require.ErrorContains(t, flowtest.Context(deaf), "column 0 of the context makes no difference")
	with := func(b broken) flowtest.Case {
		return flowtest.Case{Dim: dim, Order: order, Make: func(p *graph.Params, dim int) flows.Layer {
			b.Layer = maf(p, dim)
			return b
		}}
	}
	for _, c := range []struct {
		name  string
		check func(flowtest.Case) error
		b     broken
	}{
		{"wrong sign of the log-determinant", flowtest.LogDet, broken{inverse: func(u, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return u, ld.Neg() }}},
		{"wrong sign in one direction", flowtest.RoundTrip, broken{forward: func(x, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return x, ld.Neg() }}},
		{"an inverse that drifts", flowtest.RoundTrip, broken{forward: func(x, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return x.Scale(1 + 1e-6), ld }}},
		{"an off-by-one mask", flowtest.Structure, broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
			return u.Add(graph.Concat(x.Slice(1, dim).Tanh().Scale(0.1), x.Zeros(1))), ld
		}}},
		{"a discontinuous derivative", flowtest.Smooth, broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
			return u.Add(x.Shift(-1).ReLU().Scale(0.3)), ld
		}}},
		{"a derivative that is not the map's", flowtest.Differences, broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
			return u.Add(x.StopGrad().Scale(0.01)), ld
		}}},
		{"a gradient that does not reach the parameters", flowtest.Gradients, broken{inverse: func(u, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return u, ld.StopGrad() }}},
		{"an overflow", flowtest.Finite, broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
			return u.Add(x.Exp().Scale(1e-3)), ld
		}}},
		{"rows that see each other", flowtest.Batching, broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
			return u.Add(x.SumRows().Scale(1e-3)), ld
		}}},
		{"a start far from the identity", flowtest.Identity, broken{inverse: func(u, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return u.Scale(3), ld }}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.check(with(c.b))
			require.Error(t, err)
			t.Log(err)
		})
	}
}

// brokenSurjection is a surjection with one thing wrong.
type brokenSurjection struct {
	broken
	random func(forward, inverse bool) (bool, bool)
}

func (b brokenSurjection) Random() (forward, inverse bool) {
	forward, inverse = b.Layer.(flows.Surjection).Random()
	if b.random != nil {
		return b.random(forward, inverse)
	}
	return forward, inverse
}

// Each check of surjections fails on one broken for it: one exact, one a bound.
func TestSurjectionChecksFail(t *testing.T) {
	q := func(p *graph.Params) *flows.Flow { return flows.New(flows.NewDiagonalNormal(p, 1, 1)) }
	with := func(turned bool, b brokenSurjection) flowtest.Case {
		dim, noise := 2, 1
		if turned {
			dim, noise = 1, 2
		}
		return flowtest.Case{Dim: dim, NoiseDim: noise, Spread: 0.1, Make: func(p *graph.Params, _ int) flows.Layer {
			slice := layers.NewSlice(p, 2, 1, q(p), 0)
			if b.Layer = slice; turned {
				b.Layer = layers.Invert(slice)
			}
			return b
		}}
	}
	negate := func(y, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return y, ld.Neg() }
	more := func(y, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return y, ld.Shift(0.1) }
	less := func(y, ld, _ graph.Expr) (graph.Expr, graph.Expr) { return y, ld.Shift(-0.1) }
	for _, turned := range []bool{false, true} {
		flowtest.RunSurjection(t, with(turned, brokenSurjection{}))
		for _, c := range []struct {
			name  string
			check func(flowtest.Case) error
			b     brokenSurjection
		}{
			{"no direction that draws", flowtest.RightInverse, brokenSurjection{random: func(bool, bool) (bool, bool) { return false, false }}},
			{"the other direction draws", flowtest.RightInverse, brokenSurjection{random: func(f, i bool) (bool, bool) { return i, f }}},
			{"wrong sign in one direction", flowtest.RightInverse, brokenSurjection{broken: broken{forward: negate}}},
			{"wrong sign in both", flowtest.Density, brokenSurjection{broken: broken{forward: negate, inverse: negate}}},
			{"likelihoods that are too large", flowtest.Density, brokenSurjection{broken: broken{forward: less, inverse: more}}},
			{"a draw that is kept apart", flowtest.RightInverse, brokenSurjection{broken: broken{
				forward: func(x, ld, u graph.Expr) (graph.Expr, graph.Expr) { return x.Add(u.Graph().Normal(1).Scale(1e-3)), ld }}}},
			{"an overflow", flowtest.Finite, brokenSurjection{broken: broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
				return u, ld.Add(x.Exp().SumCols().Scale(1e-3))
			}}}},
			{"rows that see each other", flowtest.Batching, brokenSurjection{broken: broken{inverse: func(u, ld, x graph.Expr) (graph.Expr, graph.Expr) {
				return u.Add(x.SumRows().SumCols().Scale(1e-3)), ld
			}}}},
			{"a gradient that does not reach the parameters", flowtest.Gradients, brokenSurjection{broken: broken{inverse: func(u, ld, _ graph.Expr) (graph.Expr, graph.Expr) {
				return u.StopGrad(), ld.StopGrad()
			}}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := c.check(with(turned, c.b))
				require.Error(t, err)
				t.Log(err)
			})
		}
	}
}
