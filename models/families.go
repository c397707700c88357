package models

import (
	"fmt"
	"strings"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/layers"
)

// family is one of the ready models.
type family struct {
	name, paper, good string
	defaults          Spec
	// layer makes layer i; without it the model is its base.
	layer func(b *builder, i int) flows.Layer
	// circle says that columns are angles unless Spec.Angles says which of them are;
	// circles that there are models of both.
	circle, circles bool
}

var families = []family{
	{
		name: "nice", paper: "Dinh et al. 2015, arXiv:1410.8516", good: "volume-preserving couplings and one scaling: simple, never explodes",
		defaults: Spec{Layers: 8, Hidden: []int{128, 128}, Mixing: "none"},
		layer:    func(b *builder, i int) flows.Layer { return b.coupling(i, layers.Additive{}) },
	},
	{
		name: "realnvp", paper: "Dinh et al. 2017, arXiv:1605.08803", good: "affine couplings: fast in both directions",
		defaults: Spec{Layers: 10, Hidden: []int{128, 128}, Mixing: "lu"},
		layer:    func(b *builder, i int) flows.Layer { return b.coupling(i, layers.Affine{}) },
	},
	{
		name: "maf", paper: "Papamakarios et al. 2017, arXiv:1705.07057", good: "affine autoregression: fast densities, slower samples",
		defaults: Spec{Layers: 5, Hidden: []int{128, 128}, Mixing: "reverse"},
		layer:    func(b *builder, i int) flows.Layer { return b.autoregressive(layers.Affine{}) },
	},
	{
		name: "iaf", paper: "Kingma et al. 2016, arXiv:1606.04934", good: "inverted autoregression: fast samples, slower densities",
		defaults: Spec{Layers: 4, Hidden: []int{64, 64}, Mixing: "reverse"},
		layer:    func(b *builder, i int) flows.Layer { return layers.Invert(b.autoregressive(layers.Affine{})) },
	},
	{
		name: "nsf", paper: "Durkan et al. 2019, arXiv:1906.04032", good: "spline couplings: sharp densities, fast in both directions",
		defaults: Spec{Layers: 8, Hidden: []int{128}, Blocks: 2, Bins: 8, Bound: 5, Mixing: "lu"},
		layer:    func(b *builder, i int) flows.Layer { return b.coupling(i, b.spline()) },
		circles:  true,
	},
	{
		name: "nsf-ar", paper: "Durkan et al. 2019, arXiv:1906.04032", good: "spline autoregression: the sharpest densities here, slower samples",
		defaults: Spec{Layers: 5, Hidden: []int{128}, Blocks: 2, Bins: 8, Bound: 5, Mixing: "lu"},
		layer:    func(b *builder, i int) flows.Layer { return b.autoregressive(b.spline()) },
		circles:  true,
	},
	{
		name: "maf-mog", paper: "Papamakarios et al. 2017, arXiv:1705.07057", good: "MAF on autoregressive mixtures of Gaussians: several modes in each conditional",
		defaults: Spec{Layers: 5, Hidden: []int{128, 128}, Mixing: "reverse", Base: "made"},
		layer:    func(b *builder, i int) flows.Layer { return b.autoregressive(layers.Affine{}) },
	},
	{
		name: "made", paper: "Germain et al. 2015, arXiv:1502.03509", good: "one masked network, a Gaussian in each conditional: a baseline",
		defaults: Spec{Hidden: []int{128, 128}, Mixing: "none", Base: "made", Components: 1},
	},
	{
		name: "made-mog", paper: "Papamakarios et al. 2017, arXiv:1705.07057", good: "one masked network, a mixture of Gaussians in each conditional: quick in both directions",
		defaults: Spec{Hidden: []int{128, 128}, Mixing: "none", Base: "made"},
	},
	{
		name: "naf", paper: "Huang et al. 2018, arXiv:1804.00779", good: "deep sigmoidal autoregression: smooth and flexible, samples by root finding",
		defaults: Spec{Layers: 5, Hidden: []int{128, 128}, Bins: 16, Mixing: "reverse"},
		layer:    func(b *builder, i int) flows.Layer { return b.autoregressive(layers.DeepSigmoidal{Units: b.Bins}) },
	},
	{
		name: "bnaf", paper: "De Cao et al. 2019, arXiv:1904.04676", good: "block autoregression: one small network is the map, samples by root finding",
		defaults: Spec{Layers: 3, Hidden: []int{10, 10}, Mixing: "reverse"},
		layer: func(b *builder, i int) flows.Layer {
			return layers.NewBlockAutoregressive(b.at, b.Dim, layers.BlockAutoregressiveOptions{Hidden: b.Hidden, Context: b.context, Gated: true})
		},
	},
	{
		name: "umnn", paper: "Wehenkel & Louppe 2019, arXiv:1908.05164", good: "integrals of positive networks: smooth, slow, samples by root finding",
		defaults: Spec{Layers: 3, Hidden: []int{128, 128}, Mixing: "reverse"},
		layer: func(b *builder, i int) flows.Layer {
			return b.autoregressive(layers.NewUMNN(b.at.In("umnn"), layers.UMNNOptions{}))
		},
	},
	{
		name: "sos", paper: "Jaini et al. 2019, arXiv:1905.02325", good: "sum-of-squares polynomials, samples by root finding",
		defaults: Spec{Layers: 5, Hidden: []int{128, 128}, Mixing: "reverse"},
		layer:    func(b *builder, i int) flows.Layer { return b.autoregressive(layers.SumOfSquares{}) },
	},
	{
		name: "bernstein", paper: "Ramasinghe et al. 2022, arXiv:2102.03509", good: "Bernstein polynomials: robust, samples by root finding",
		defaults: Spec{Layers: 5, Hidden: []int{128, 128}, Bins: 16, Bound: 5, Mixing: "lu"},
		layer: func(b *builder, i int) flows.Layer {
			return b.autoregressive(layers.Bernstein{Coefficients: max(b.Bins, 3), Bound: b.Bound})
		},
	},
	{
		name: "gaussianization", paper: "Meng et al. 2020, arXiv:2003.01941", good: "mixtures by column between linear maps: no networks, few parameters",
		defaults: Spec{Layers: 12, Hidden: []int{1}, Bins: 16, Mixing: "lu"},
		layer: func(b *builder, i int) flows.Layer {
			return layers.NewElementwise(b.at, b.Dim, layers.Gaussianization{Components: b.Bins, Weighted: true},
				layers.ElementwiseOptions{Context: b.context, Net: b.contextNet()})
		},
	},
	{
		name: "sylvester", paper: "van den Berg et al. 2018, arXiv:1803.05649", good: "low-rank maps by reflections: cheap and smooth, for simple densities",
		defaults: Spec{Layers: 16, Hidden: []int{1}, Mixing: "none"},
		layer: func(b *builder, i int) flows.Layer {
			return layers.NewSylvester(b.at, b.Dim, max(1, b.Dim/2), layers.SylvesterHouseholder, layers.SylvesterOptions{Context: b.context, Net: b.contextNet()})
		},
	},
	{
		name: "planar", paper: "Rezende & Mohamed 2015, arXiv:1505.05770", good: "ridges: few parameters, samples by root finding, for simple densities",
		defaults: Spec{Layers: 32, Hidden: []int{1}, Mixing: "none"},
		layer: func(b *builder, i int) flows.Layer {
			return layers.NewPlanar(b.at, b.Dim, layers.PlanarOptions{Context: b.context, Net: b.contextNet()})
		},
	},
	{
		name: "radial", paper: "Rezende & Mohamed 2015, arXiv:1505.05770", good: "bumps about points: few parameters, fast in both directions, for simple densities",
		defaults: Spec{Layers: 32, Hidden: []int{1}, Mixing: "none"},
		layer: func(b *builder, i int) flows.Layer {
			return layers.NewRadial(b.at, b.Dim, layers.RadialOptions{Context: b.context, Net: b.contextNet()})
		},
	},
	{
		name: "inn", paper: "Ardizzone et al. 2019, arXiv:1907.02392", good: "all-in-one blocks, of affine coupling, scaling and rotation: fast in both directions",
		defaults: Spec{Layers: 8, Hidden: []int{128, 128}, Mixing: "none"},
		layer:    func(b *builder, i int) flows.Layer { return b.allInOne(i, false) },
	},
	{
		name: "gin", paper: "Sorrenson et al. 2020, arXiv:2001.04872", good: "volume-preserving blocks on a normal of learnt scales, which tell the columns that matter",
		defaults: Spec{Layers: 8, Hidden: []int{128, 128}, Mixing: "none", Base: "diagonal"},
		layer:    func(b *builder, i int) flows.Layer { return b.allInOne(i, true) },
	},
	{
		name: "flow++", paper: "Ho et al. 2019, arXiv:1902.00275", good: "couplings by mixtures of logistics: sharp densities, samples by root finding",
		defaults: Spec{Layers: 8, Hidden: []int{128}, Blocks: 2, Bins: 8, Mixing: "lu"},
		layer: func(b *builder, i int) flows.Layer {
			return b.coupling(i, layers.LogisticMixture{Components: b.Bins})
		},
	},
	{
		name: "ncsf", paper: "Rezende et al. 2020, arXiv:2002.02428", good: "circular splines on the torus, for angles; periodic columns and others together",
		defaults: Spec{Layers: 8, Hidden: []int{64, 64}, Bins: 8, Bound: 5, Mixing: "none", Tails: -1, Base: "torus"},
		layer:    func(b *builder, i int) flows.Layer { return b.coupling(i, b.spline()) },
		circle:   true, circles: true,
	},
}

// Names lists the ready models.
func Names() []string {
	var out []string
	for _, f := range families {
		out = append(out, f.name)
	}
	return out
}

// Describe returns the paper of a ready model and what it is good at.
func Describe(name string) (paper, good string) {
	for _, f := range families {
		if f.name == name {
			return f.paper, f.good
		}
	}
	return "", ""
}

func findFamily(name string) (*family, error) {
	for i := range families {
		if families[i].name == name {
			return &families[i], nil
		}
	}
	return nil, fmt.Errorf("models: unknown model %q%s: want one of %s", name, Nearest(name, Names()), strings.Join(Names(), ", "))
}

const defaultModel = "nsf-ar"
