package layers_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
	few     = layers.PerColumn{layers.Affine{}, layers.Affine{Data: true}, rq}
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

// Matrices given by a context have small random parts: those of order one are as good as
// singular at 64 columns.
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
	{"elementwise spline", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewElementwise(p, dim, rq, layers.ElementwiseOptions{})
	}, Points: knots}},
	{"elementwise spline, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewElementwise(p, dim, rq, layers.ElementwiseOptions{Context: 2, Net: small})
	}, Points: knots}},
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
	{"lu, context", flowtest.Case{Context: 2, Spread: 0.1, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewLU(p, dim, layers.LUOptions{Context: 2, Net: small, Shuffle: 3})
	}, FarFromIdentity: true}},
	{"lu signed, context", flowtest.Case{Context: 2, Spread: 0.1, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewLU(p, dim, layers.LUOptions{Diagonal: layers.DiagSigned, DiagLower: true, NoBias: true, Context: 2, Net: small})
	}}},
	{"actnorm shift after", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewActNorm(p, dim, layers.ActNormOptions{ShiftAfter: true, Unbiased: true})
	}}},
	{"actnorm", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewActNorm(p, dim, layers.ActNormOptions{}) }}},
	{"actnorm, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewActNorm(p, dim, layers.ActNormOptions{Context: 2, Net: small})
	}}},
	{"batchnorm", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewBatchNorm(p, dim, layers.BatchNormOptions{})
	}}},
	{"batchnorm, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewBatchNorm(p, dim, layers.BatchNormOptions{Context: 2, Net: small})
	}}},
	{"linear spline", flowtest.Case{Make: coupling(layers.Even, layers.LinearSpline{}, small, layers.CouplingOptions{}), Kinks: true}},
	{"linear spline autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.LinearSpline{Bins: 5, Bound: 3}, small, 2), Kinks: true}},
	{"quadratic spline", flowtest.Case{Make: coupling(layers.Odd, layers.QuadraticSpline{Bound: 3}, small, layers.CouplingOptions{}), Points: knots, FarFromIdentity: true}},
	{"quadratic spline autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.QuadraticSpline{Bins: 4}, small, 2), Points: []float64{-5, 5}, FarFromIdentity: true}},
	{"cubic spline", flowtest.Case{Make: coupling(layers.Even, layers.CubicSpline{Bound: 3}, small, layers.CouplingOptions{}), Kinks: true}},
	{"cubic spline autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.CubicSpline{Bins: 4}, small, 2), Kinks: true}},
	{"linear-rational spline", flowtest.Case{Make: coupling(layers.Even, layers.LinearRational{Bound: 3}, small, layers.CouplingOptions{}), Points: knots}},
	{"linear-rational spline autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.LinearRational{Bins: 4}, small, 2), Points: []float64{-5, 5}}},
	{"circular spline", flowtest.Case{Make: coupling(layers.Even, layers.CircularSpline{}, small, layers.CouplingOptions{}), Points: []float64{-math.Pi, math.Pi}}},
	{"circular spline autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.CircularSpline{Bins: 4}, small, 2)}},
	{"circular and linear columns", flowtest.Case{Make: coupling(layers.Odd, layers.PerColumn{layers.CircularSpline{Bins: 4}, rq, layers.CircularSpline{Bins: 4}, layers.On{T: rq, Bound: 3, Lo: -1, Hi: 4}}, small, layers.CouplingOptions{})}},
	{"columns of few parameters and of many", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAcyclic(p, layers.Passes(layers.RandomOrder(dim, 1), 2), few, small, 0)
	}}},
	{"more transformers than columns", flowtest.Case{Make: autoregressive(few, small, 0)}},
	{"more transformers than columns, elementwise", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewElementwise(p, dim, few, layers.ElementwiseOptions{})
	}}},
	{"circular and linear columns autoregressive", flowtest.Case{Make: autoregressive(layers.PerColumn{layers.CircularSpline{Bins: 4}, rq}, small, 0)}},
	{"coupling given angles", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		n := layers.Net{Hidden: []int{12}, Activation: layers.Tanh, Saturate: 10, Angles: every(2, dim)}
		return layers.NewCoupling(p, dim, layers.Bit(0, true), turning(dim), n, layers.CouplingOptions{Context: 2, Identity: turning(dim)})
	}}},
	{"coupling of other columns given angles", flowtest.Case{Spread: 0.2, Make: func(p *graph.Params, dim int) flows.Layer {
		n := layers.Net{Hidden: []int{12}, Blocks: 1, Activation: layers.Tanh, Angles: every(2, dim)}
		return layers.NewCoupling(p, dim, layers.Bit(1, false), turning(dim), n, layers.CouplingOptions{})
	}}},
	{"autoregressive given angles", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		n := layers.Net{Hidden: []int{12, 10}, Activation: layers.Tanh, Angles: every(2, dim)}
		return layers.NewAutoregressive(p, dim, turning(dim), n, layers.AutoregressiveOptions{Context: 2})
	}}},
	{"autoregressive resnet given angles", flowtest.Case{Spread: 0.2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAutoregressive(p, dim, turning(dim), layers.Net{Hidden: []int{12}, Blocks: 1, Activation: layers.Tanh, Saturate: 10, Angles: every(2, dim)}, layers.AutoregressiveOptions{})
	}}},
	{"among", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		columns := every(2, dim)
		slices.Reverse(columns)
		return layers.NewAmong(p, dim, columns, autoregressive(layers.Affine{}, small, 2)(p, len(columns)))
	}}},
	{"moebius", flowtest.Case{Make: coupling(layers.Even, layers.Moebius{}, small, layers.CouplingOptions{})}},
	{"moebius autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.Moebius{Components: 2}, small, 2)}},
	{"logistic mixture", flowtest.Case{Make: coupling(layers.Even, layers.LogisticMixture{}, small, layers.CouplingOptions{})}},
	{"logistic mixture autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.LogisticMixture{Components: 3}, small, 2)}},
	{"deep sigmoidal", flowtest.Case{Make: coupling(layers.Even, layers.DeepSigmoidal{}, small, layers.CouplingOptions{})}},
	{"deep sigmoidal autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.DeepSigmoidal{Units: 3}, small, 2)}},
	{"deep dense sigmoidal", flowtest.Case{Make: coupling(layers.Even, layers.DeepDenseSigmoidal{Units: 4}, small, layers.CouplingOptions{})}},
	{"deep dense sigmoidal autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.DeepDenseSigmoidal{Units: 3, Depth: 3}, small, 2)}},
	{"umnn", flowtest.Case{Spread: 0.2, Make: umnn(coupling, 0)}},
	{"umnn autoregressive", flowtest.Case{Spread: 0.2, Context: 2, Make: umnn(nil, 2)}},
	{"sum of squares", flowtest.Case{Make: coupling(layers.Even, layers.SumOfSquares{}, small, layers.CouplingOptions{}), Points: []float64{-10, 10}}},
	{"sum of squares autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.SumOfSquares{Polynomials: 2, Degree: 2}, small, 2)}},
	{"bernstein", flowtest.Case{Make: coupling(layers.Even, layers.Bernstein{}, small, layers.CouplingOptions{}), Points: []float64{-5, 5}}},
	{"bernstein autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.Bernstein{Coefficients: 5, Bound: 3}, small, 2), Points: knots}},
	{"sinh-arcsinh", flowtest.Case{Make: coupling(layers.Even, layers.SinhArcsinh{}, small, layers.CouplingOptions{})}},
	{"sinh-arcsinh autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.SinhArcsinh{}, small, 2)}},
	{"gaussianization", flowtest.Case{Make: coupling(layers.Even, layers.Gaussianization{}, small, layers.CouplingOptions{}), Points: []float64{-10, 10}}},
	{"gaussianization autoregressive", flowtest.Case{Context: 2, Make: autoregressive(layers.Gaussianization{Components: 3}, small, 2)}},
	{"volume-preserving coupling", flowtest.Case{Make: coupling(layers.Even, layers.VolumePreserving{}, small, layers.CouplingOptions{})}},
	{"coupling affine, atan", flowtest.Case{Make: coupling(layers.Odd, layers.Affine{Scale: layers.ScaleAtan}, small, layers.CouplingOptions{})}},
	{"two-sided coupling", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewTwoSided(p, dim, layers.Even, rq, small, layers.CouplingOptions{Context: 2})
	}}},
	{"all in one", flowtest.Case{FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAllInOne(p, dim, small, layers.AllInOneOptions{Seed: 3})
	}}},
	{"all in one, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAllInOne(p, dim, small, layers.AllInOneOptions{Mix: layers.MixRotation, Unmix: true, Context: 2})
	}}},
	{"all in one, volume-preserving", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAllInOne(p, dim, small, layers.AllInOneOptions{VolumePreserving: true, Mix: layers.MixHouseholder, Unmix: true, Context: 2})
	}}},
	{"random rotation", flowtest.Case{FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewRandomRotation(p, dim, 2) }}},
	{"block autoregressive", flowtest.Case{Context: 2, FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewBlockAutoregressive(p, dim, layers.BlockAutoregressiveOptions{Hidden: []int{4, 3}, Context: 2})
	}}},
	{"block autoregressive, gated", flowtest.Case{Context: 2, FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewBlockAutoregressive(p, dim, layers.BlockAutoregressiveOptions{Hidden: []int{4, 3}, Context: 2, Gated: true})
	}}},
	{"acyclic", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		parents := make([][]int, dim)
		for i := 1; i < dim; i++ {
			parents[i] = []int{(i - 1) / 2}
		}
		return layers.NewAcyclic(p, parents, layers.Affine{}, small, 2)
	}}},
	{"acyclic passes", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAcyclic(p, layers.Passes(layers.RandomOrder(dim, 2), 3), rq, small, 0)
	}, Points: knots}},
	{"planar", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewPlanar(p, dim, layers.PlanarOptions{}) }}},
	{"planar, leaky rectifier", flowtest.Case{Kinks: true, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewPlanar(p, dim, layers.PlanarOptions{Slope: 0.2})
	}}},
	{"planar, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewPlanar(p, dim, layers.PlanarOptions{Context: 2, Net: small})
	}}},
	{"radial", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewRadial(p, dim, layers.RadialOptions{}) }}},
	{"radial, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewRadial(p, dim, layers.RadialOptions{Context: 2, Net: small})
	}}},
	{"sylvester", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, (dim+1)/2, "", layers.SylvesterOptions{})
	}}},
	{"sylvester householder", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, (dim+1)/2, layers.SylvesterHouseholder, layers.SylvesterOptions{})
	}}},
	{"sylvester triangular", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, 0, layers.SylvesterTriangular, layers.SylvesterOptions{})
	}}},
	{"sylvester, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, (dim+7)/8, "", layers.SylvesterOptions{Context: 2, Net: small})
	}}},
	{"sylvester householder, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, (dim+7)/8, layers.SylvesterHouseholder, layers.SylvesterOptions{Context: 2, Net: small})
	}}},
	{"sylvester triangular, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSylvester(p, dim, 0, layers.SylvesterTriangular, layers.SylvesterOptions{Context: 2, Net: small})
	}}},
	{"householder", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewHouseholder(p, dim, 0, layers.HouseholderOptions{})
	}}},
	{"householder, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewHouseholder(p, dim, 4, layers.HouseholderOptions{Context: 2, Net: small})
	}}},
	{"qr", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewQR(p, dim, 0) }}},
	{"svd", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewSVD(p, dim, 0) }}},
	{"rotation", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewRotation(p, dim) }}},
	{"triangular", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewTriangular(p, dim, layers.TriangularOptions{})
	}}},
	{"triangular, context", flowtest.Case{Context: 2, Spread: 0.1, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewTriangular(p, dim, layers.TriangularOptions{Context: 2, Net: small})
	}}},
	{"low rank", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewLowRank(p, dim, (dim+1)/2, true) }}},
	{"positive low rank", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewPositiveLowRank(p, dim, (dim+1)/2, layers.PositiveLowRankOptions{})
	}}},
	{"positive low rank, context", flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewPositiveLowRank(p, dim, min(dim, 3), layers.PositiveLowRankOptions{Context: 2, Net: small})
	}}},
	{"dct", flowtest.Case{FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewDCT(p, dim) }}},
	{"haar", flowtest.Case{FarFromIdentity: true, Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewHaar(p, dim) }}},
	{"log tails", flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer { return layers.NewLogTails(p, dim, 4) }, Points: []float64{-4, 4}}},
	{"flow", flowtest.Case{Context: 2, FarFromIdentity: true, Spread: 0.2, Make: func(p *graph.Params, dim int) flows.Layer {
		return flows.New(flows.NewStandardNormal(p, dim),
			coupling(layers.Even, layers.Affine{}, sat, layers.CouplingOptions{Context: 2})(p.In("a"), dim),
			layers.NewActNorm(p.In("b"), dim, layers.ActNormOptions{}),
			autoregressive(rq, sat, 2)(p.In("c"), dim),
			layers.NewLU(p.In("d"), dim, layers.LUOptions{Shuffle: 1}))
	}}},
}

// every is each k-th column.
func every(k, dim int) []int {
	var out []int
	for i := 0; i < dim; i += k {
		out = append(out, i)
	}
	return out
}

// turning has circular splines for every other column, others between.
func turning(dim int) layers.PerColumn {
	var t layers.PerColumn
	for i := range dim {
		if i%2 == 0 {
			t = append(t, layers.CircularSpline{Bins: 4})
		} else {
			t = append(t, rq)
		}
	}
	return t
}

// umnn is a coupling or, for nil, an autoregressive layer with a UMNN of its own.
func umnn(c func(layers.Split, layers.Transformer, layers.Net, layers.CouplingOptions) func(*graph.Params, int) flows.Layer, context int) func(*graph.Params, int) flows.Layer {
	return func(p *graph.Params, dim int) flows.Layer {
		t := layers.NewUMNN(p.In("umnn"), layers.UMNNOptions{Embedding: 3, Hidden: []int{8}, Steps: 60})
		if c != nil {
			return c(layers.Even, t, small, layers.CouplingOptions{Context: context})(p, dim)
		}
		return autoregressive(t, small, context)(p, dim)
	}
}

// Every layer passes the conformance checks at several dimensions.
func TestConformance(t *testing.T) {
	for _, row := range table {
		for _, dim := range []int{1, 2, 5, 64} {
			if testing.Short() && dim > 2 {
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
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 1, 0, 2}, layers.RandomOrder(4, 1)} {
		for _, n := range []layers.Net{small, resnet} {
			flowtest.Run(t, flowtest.Case{Dim: 4, Order: order, Make: func(p *graph.Params, dim int) flows.Layer {
				return layers.NewAutoregressive(p, dim, layers.Affine{}, n, layers.AutoregressiveOptions{Order: order})
			}})
		}
	}
}

// Acyclic layers depend on the parents they are given and on nothing else: trees, passes
// in any order, two of which are a coupling, as many as columns an autoregression.
func TestParents(t *testing.T) {
	order := layers.RandomOrder(6, 3)
	for name, parents := range map[string][][]int{
		"none":   make([][]int, 6),
		"tree":   {{1}, nil, {1}, {0}, {0}, {2}},
		"mixed":  {nil, {4}, {0, 4}, {1, 2}, nil, {0, 3}},
		"two":    layers.Passes([]int{0, 1, 2, 3, 4, 5}, 2),
		"three":  layers.Passes(order, 3),
		"all":    layers.Passes(order, 6),
		"uneven": layers.Passes(order, 4),
	} {
		t.Run(name, func(t *testing.T) {
			flowtest.Run(t, flowtest.Case{Dim: 6, Parents: parents, Make: func(p *graph.Params, _ int) flows.Layer {
				return layers.NewAcyclic(p, parents, layers.Affine{}, small, 0)
			}})
		})
	}
	require.Equal(t, [][]int{nil, nil, nil, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, layers.Passes([]int{0, 1, 2, 3, 4, 5}, 2))
	for k, i := range order { // as many passes as columns: those before
		require.ElementsMatch(t, order[:k], layers.Passes(order, 6)[i])
	}
}
