package layers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/flows/flowtest"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

var (
	small   = layers.Net{Hidden: []int{12, 10}, Activation: layers.Tanh}
	kinky   = layers.Net{Hidden: []int{12, 10}}
	sat     = layers.Net{Hidden: []int{12}, Activation: layers.SiLU, Saturate: 10}
	resnet  = layers.Net{Hidden: []int{12}, Blocks: 2, Activation: layers.GELU, Saturate: 10}
	dropped = layers.Net{Hidden: []int{12}, Activation: layers.Softplus, Dropout: 0.3, Saturate: 10}
	rq      = layers.RationalQuadratic{Bins: 4, Bound: 3}
	knots   = []float64{-3, 3, -2.999999, 3.000001}
)

// coupling is a row of the table: a coupling layer with these settings.
func coupling(split layers.Split, t layers.Transformer, n layers.Net, o layers.CouplingOptions) func(*graph.Params, int) flows.Layer {
	return func(p *graph.Params, dim int) flows.Layer { return layers.NewCoupling(p, dim, split, t, n, o) }
}

func autoregressive(t layers.Transformer, n layers.Net, context int) func(*graph.Params, int) flows.Layer {
	return func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAutoregressive(p, dim, t, n, layers.AutoregressiveOptions{Context: context})
	}
}

func inverted(make func(*graph.Params, int) flows.Layer) func(*graph.Params, int) flows.Layer {
	return func(p *graph.Params, dim int) flows.Layer { return layers.Invert(make(p, dim)) }
}

var table = []struct {
	name string
	c    flowtest.Case
}{
	{"coupling affine even", flowtest.Case{Make: coupling(layers.Even, layers.Affine{}, small, layers.CouplingOptions{})}},
	{"coupling affine odd relu", flowtest.Case{Make: coupling(layers.Odd, layers.Affine{}, kinky, layers.CouplingOptions{}), Kinks: true}},
	{"coupling affine first half, resnet", flowtest.Case{Make: coupling(layers.FirstHalf, layers.Affine{Scale: layers.ScaleSoftclip}, resnet, layers.CouplingOptions{})}},
	{"coupling affine second half, context", flowtest.Case{Context: 2, Make: coupling(layers.SecondHalf, layers.Affine{Scale: layers.ScaleSigmoid, Data: true}, sat, layers.CouplingOptions{Context: 2}), FarFromIdentity: true}},
	{"coupling affine given columns", flowtest.Case{Make: coupling(layers.Transformed(0), layers.Affine{Scale: layers.ScaleSoftplus, ScaleFirst: true}, dropped, layers.CouplingOptions{}), FarFromIdentity: true}},
	{"coupling additive", flowtest.Case{Make: coupling(layers.Even, layers.Additive{}, small, layers.CouplingOptions{})}},
	{"coupling spline", flowtest.Case{Make: coupling(layers.Even, rq, small, layers.CouplingOptions{}), Points: knots}},
	{"coupling spline, noise side, identity map", flowtest.Case{Make: coupling(layers.Odd, layers.RationalQuadratic{Noise: true}, small, layers.CouplingOptions{Identity: rq}), Points: []float64{-5, 5, -3, 3}}},
	{"coupling spline soft-clipped", flowtest.Case{Make: coupling(layers.Even, layers.RationalQuadratic{Bins: 5, Bound: 3, ExpSlope: true, SoftClip: 6.9, MinWidth: -1, MinHeight: -1}, small, layers.CouplingOptions{}), Points: knots}},
	{"coupling gated context", flowtest.Case{Context: 3, Make: coupling(layers.Even, layers.Affine{}, layers.Net{Hidden: []int{10}, Blocks: 1, GateContext: true, Activation: layers.SiLU}, layers.CouplingOptions{Context: 3})}},
	{"elementwise spline", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewElementwise(p, dim, rq) }, Points: knots}},
	{"autoregressive affine", flowtest.Case{Make: autoregressive(layers.Affine{}, small, 0)}},
	{"autoregressive affine relu", flowtest.Case{Make: autoregressive(layers.Affine{}, kinky, 0), Kinks: true}},
	{"autoregressive affine resnet context", flowtest.Case{Context: 2, Make: autoregressive(layers.Affine{}, resnet, 2)}},
	{"autoregressive context activated", flowtest.Case{Context: 2, Make: autoregressive(layers.Affine{}, layers.Net{Hidden: []int{9, 8}, Activation: layers.Softplus, ActivateContext: true}, 2)}},
	{"autoregressive additive", flowtest.Case{Make: autoregressive(layers.Additive{}, small, 0)}},
	{"autoregressive spline", flowtest.Case{Make: autoregressive(rq, small, 0), Points: knots}},
	{"inverse autoregressive affine", flowtest.Case{Make: inverted(autoregressive(layers.Affine{}, sat, 0))}},
	{"inverse autoregressive spline", flowtest.Case{Make: inverted(autoregressive(rq, small, 0)), Points: knots}},
	{"reverse", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewReverse(p, dim) }, FarFromIdentity: true}},
	{"shuffle", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewShuffle(p, dim, 4) }, FarFromIdentity: true}},
	{"lu", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewLU(p, dim, layers.LUOptions{}) }}},
	{"lu shuffled", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewLU(p, dim, layers.LUOptions{Shuffle: 5})
	}, FarFromIdentity: true}},
	{"lu signed", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewLU(p, dim, layers.LUOptions{Diagonal: layers.DiagSigned, DiagLower: true, NoBias: true})
	}}},
	{"actnorm shift after", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewActNorm(p, dim, layers.ActNormOptions{ShiftAfter: true, Unbiased: true})
	}}},
	{"actnorm", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewActNorm(p, dim, layers.ActNormOptions{}) }}},
	{"batchnorm", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewBatchNorm(p, dim, layers.BatchNormOptions{})
	}}},
	{"log tails", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewLogTails(p, dim, 4) }, Points: []float64{-4, 4}}},
	{"flow", flowtest.Case{Context: 2, FarFromIdentity: true, Spread: 0.2, Make: func(p *graph.Params, dim int) flows.Layer {
		return flows.New(flows.NewStandardNormal(p, dim),
			coupling(layers.Even, layers.Affine{}, sat, layers.CouplingOptions{Context: 2})(p.In("a"), dim),
			layers.NewActNorm(p.In("b"), dim, layers.ActNormOptions{}),
			autoregressive(rq, sat, 2)(p.In("c"), dim),
			layers.NewLU(p.In("d"), dim, layers.LUOptions{Shuffle: 1}))
	}}},
}

// Every layer passes the conformance checks at several dimensions.
func TestConformance(t *testing.T) {
	for _, row := range table {
		for _, dim := range []int{1, 2, 5, 16} {
			if testing.Short() && dim > 2 || dim == 16 && !strings.Contains(row.name, "auto") && row.name != "lu" {
				continue
			}
			t.Run(fmt.Sprintf("%s/dim=%d", row.name, dim), func(t *testing.T) {
				c := row.c
				c.Dim = dim
				flowtest.Run(t, c)
			})
		}
	}
}

// Every activation is differentiable in a network.
func TestActivations(t *testing.T) {
	for _, a := range layers.Activations() {
		t.Run(string(a), func(t *testing.T) {
			flowtest.Run(t, flowtest.Case{Dim: 3, Kinks: a == layers.ReLU || a == layers.LeakyReLU || a == layers.ELU,
				Make: coupling(layers.Even, layers.Affine{}, layers.Net{Hidden: []int{8, 8}, Activation: a}, layers.CouplingOptions{})})
		})
	}
}

// Autoregressive layers depend on earlier elements only, in any order.
func TestOrders(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 1, 0, 2}} {
		for _, n := range []layers.Net{small, resnet} {
			flowtest.Run(t, flowtest.Case{Dim: 4, Order: order, Make: func(p *graph.Params, dim int) flows.Layer {
				return layers.NewAutoregressive(p, dim, layers.Affine{}, n, layers.AutoregressiveOptions{Order: order})
			}})
		}
	}
}
