package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Spec says what a model is: everything that, with its parameters, makes it
// again. Zero values are the defaults of the model.
type Spec struct {
	// Model is one of Names; default "nsf-ar", see benchmarks/fits.md.
	Model string `json:"model"`
	// Dim is the number of columns modelled.
	Dim int `json:"dim"`
	// Context is the number of inputs the density is conditioned on: columns, of which a
	// categorical one counts for each of its levels and a periodic one twice.
	Context int `json:"context,omitempty"`
	// Layers is the number of couplings or autoregressive layers.
	Layers int `json:"layers"`
	// Hidden are the widths of the conditioners' hidden layers.
	Hidden []int `json:"hidden"`
	// Blocks, if positive, makes conditioners residual with that many blocks of
	// width Hidden[0]; -1 makes them plain where residual is the default.
	Blocks int `json:"blocks,omitempty"`
	// Bins is the number of bins of splines.
	Bins int `json:"bins,omitempty"`
	// Bound is the half width of the box of splines.
	Bound float64 `json:"bound,omitempty"`
	// Activation of the conditioners.
	Activation layers.Activation `json:"activation,omitempty"`
	// Dropout in the conditioners, in training.
	Dropout float64 `json:"dropout,omitempty"`
	// Mixing of columns between layers: "none", "reverse", "shuffle" or "lu".
	Mixing string `json:"mixing,omitempty"`
	// Norm between layers: "none", "act" or "batch".
	Norm string `json:"norm,omitempty"`
	// Base density, one of [Bases].
	Base string `json:"base,omitempty"`
	// Components is the number of Gaussians of the bases "mixture" (default 8), "made"
	// (10, in each column) and "class" (1 of each class).
	Components int `json:"components,omitempty"`
	// Classes is, for the base "class", how many of the first inputs of the context are
	// the class; default all.
	Classes int `json:"classes,omitempty"`
	// Tails is the number of standard deviations beyond which columns are drawn in
	// logarithmically, in the data and again in the noise, so that no row is
	// charged for by the square of how far it is out; default 4, negative for
	// never.
	Tails float64 `json:"tails,omitempty"`
	// Augment is the number of columns of noise that are added to the data for the flow
	// to mix with them (augmented flows; Huang et al. 2020, arXiv:2002.07101). Log-densities
	// are then lower bounds; see [Model.Bound].
	Augment int `json:"augment,omitempty"`
	// Dequantise is how noise fills the cells of integer columns without ends: "uniform"
	// (default) or "variational", by a density that is learnt along with the flow (Ho et
	// al. 2019, arXiv:1902.00275); log-probabilities are then lower bounds.
	Dequantise string `json:"dequantise,omitempty"`
	// Angles are the columns, from 0, that are angles in radians and modelled on circles,
	// in the models that have such; [NewFor] sets them by the kinds of the columns.
	Angles []int `json:"angles,omitempty"`
	// Embed, if positive, passes the context through a network to that many
	// columns first.
	Embed int `json:"embed,omitempty"`
	// DType is "float32" (default) or "float64".
	DType string `json:"dtype"`
	// Seed chooses initial parameters and random permutations.
	Seed uint64 `json:"seed"`
}

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

// complete fills in the defaults of the family.
func (s Spec) complete() (Spec, *family, error) {
	if s.Model == "" {
		s.Model = defaultModel
	}
	f, err := findFamily(s.Model)
	if err != nil {
		return s, nil, err
	}
	d := s.defaultsFor(f)
	if s.Layers == 0 {
		s.Layers = d.Layers
	}
	if len(s.Hidden) == 0 {
		s.Hidden = slices.Clone(d.Hidden)
	}
	if s.Blocks == 0 {
		s.Blocks = d.Blocks
	}
	if s.Blocks < 0 {
		s.Blocks = -1
	}
	if s.Bins == 0 {
		s.Bins = d.Bins
	}
	if s.Bound == 0 {
		s.Bound = d.Bound
	}
	if s.Mixing == "" {
		s.Mixing = d.Mixing
	}
	if s.Norm == "" {
		s.Norm = "none"
	}
	if s.Base == "" {
		s.Base = d.Base
	}
	if s.Base == "" {
		s.Base = "normal"
	}
	if s.Components == 0 && s.Base == d.Base {
		s.Components = d.Components
	}
	if s.Components == 0 {
		s.Components = components[s.Base]
	}
	if s.Base == "class" && s.Classes == 0 {
		s.Classes = s.Context
	}
	if s.Tails == 0 {
		s.Tails = d.Tails
	}
	if s.Tails == 0 {
		s.Tails = 4
	}
	if s.DType == "" {
		s.DType = "float32"
	}
	if err := s.check(); err != nil {
		return s, f, err
	}
	switch {
	case f.layer == nil && (s.Layers != 0 || s.Base != d.Base):
		return s, f, fmt.Errorf("models: %d layers, base %q for model %q: it is the base %q alone", s.Layers, s.Base, s.Model, d.Base)
	case f.layer != nil && s.Layers < 1:
		return s, f, fmt.Errorf("models: %d layers: want 1 to 1000", s.Layers)
	}
	return s, f, s.checkAngles(f)
}

// components are the default numbers of components of the bases that have such.
var components = map[string]int{"mixture": 8, "made": 10, "class": 1}

func (s Spec) check() error {
	oneOf := func(what, v string, names ...string) error {
		if slices.Contains(names, v) {
			return nil
		}
		return fmt.Errorf("models: %s %q%s: want one of %s", what, v, Nearest(v, names), strings.Join(names, ", "))
	}
	switch {
	case s.Dim < 1:
		return fmt.Errorf("models: %d columns: need at least one", s.Dim)
	case s.Context < 0 || s.Embed < 0:
		return fmt.Errorf("models: %d context columns, embedded to %d: must not be negative", s.Context, s.Embed)
	case s.Augment < 0 || s.Augment > 1000:
		return fmt.Errorf("models: %d columns of noise beside the data: want 0 to 1000", s.Augment)
	case s.Layers < 0 || s.Layers > 1000:
		return fmt.Errorf("models: %d layers: want 1 to 1000", s.Layers)
	case s.Bins < 0 || s.Bins > 256:
		return fmt.Errorf("models: %d bins: want 1 to 256", s.Bins)
	case s.Bound < 0:
		return fmt.Errorf("models: bound %v: must be positive", s.Bound)
	}
	for _, err := range []error{
		oneOf("mixing", s.Mixing, "none", "reverse", "shuffle", "lu"),
		oneOf("dequantise", s.Dequantise, "", "uniform", "variational"),
		oneOf("norm", s.Norm, "none", "act", "batch"),
		oneOf("base", s.Base, Bases()...),
	} {
		if err != nil {
			return err
		}
	}
	if err := s.checkBase(); err != nil {
		return err
	}
	_, err := graph.ParseDType(s.DType)
	return err
}

// builder makes the flow of a complete Spec.
type builder struct {
	Spec    // Dim is that of the flow's inside
	p       *graph.Params
	data    int // columns
	context int
	angles  []int         // columns
	round   int           // number of the layer being made
	at      *graph.Params // and its parameters

	base   flows.Base
	layers []flows.Layer
	embed  *layers.MLP
	noise  *flows.Flow // in the cells of integer columns, if it is learnt
}

func (b *builder) net() layers.Net {
	n := layers.Net{Hidden: b.Hidden, Blocks: max(b.Blocks, 0), Activation: b.Activation, Dropout: b.Dropout, Angles: b.angles}
	if b.Tails > 0 {
		n.Saturate = 10
	}
	return n
}

// contextNet is the network by which a context moves the parameters of layers that have
// no conditioner, in families whose Hidden says nothing.
func (b *builder) contextNet() layers.Net {
	return layers.Net{Hidden: []int{64, 64}, Activation: b.Activation, Dropout: b.Dropout, Saturate: b.net().Saturate}
}

func (b *builder) coupling(i int, t layers.Transformer) flows.Layer {
	o := layers.CouplingOptions{Context: b.context}
	if len(b.angles) > 0 {
		o.Identity = t
	}
	return layers.NewCoupling(b.at, b.Dim, b.split(i), t, b.net(), o)
}

func (b *builder) autoregressive(t layers.Transformer) *layers.Autoregressive {
	return layers.NewAutoregressive(b.at, b.Dim, t, b.net(), layers.AutoregressiveOptions{Context: b.context, Order: b.order()})
}

// allInOne mixes columns itself, by a rotation of its own.
func (b *builder) allInOne(i int, volumePreserving bool) flows.Layer {
	return layers.NewAllInOne(b.at, b.Dim, b.net(), layers.AllInOneOptions{VolumePreserving: volumePreserving,
		Mix: layers.MixRotation, Seed: b.Seed + uint64(i) + 1, Context: b.context})
}

// build makes base and layers. Layers are numbered from the noise to the data.
func (b *builder) build(f *family) {
	b.context, b.data, b.Dim = b.Context, b.Dim, b.Dim+b.Augment
	b.findAngles(f)
	if b.Context > 0 && b.Embed > 0 {
		b.embed = layers.NewMLP(b.p.In("embedding"), b.Context, b.Embed, layers.Net{Hidden: []int{64, 64}})
		b.context = b.Embed
	}
	if b.Base == "class" && b.Classes == b.Context { // layers that the classes share
		b.context = 0
	}
	var ls []flows.Layer
	if b.Tails > 0 && b.Layers > 0 { // noise that a far row is mapped to is drawn in, too
		ls = append(ls, b.onLines(b.p, func(p *graph.Params, dim int) flows.Layer { return layers.NewLogTails(p, dim, b.Tails) }))
	}
	if f.name == "nice" {
		ls = append(ls, layers.NewElementwise(b.p.In("scaling"), b.Dim, layers.Affine{Limit: 5}, layers.ElementwiseOptions{Context: b.context, Net: b.contextNet()}))
	}
	for i := range b.Layers {
		b.round, b.at = i, b.p.In(fmt.Sprintf("layer%d", i))
		ls = append(ls, f.layer(b, i))
		p := b.p.In(fmt.Sprintf("norm%d", i))
		switch b.Norm {
		case "act":
			ls = append(ls, b.onLines(p, func(p *graph.Params, dim int) flows.Layer { return layers.NewActNorm(p, dim, layers.ActNormOptions{}) }))
		case "batch":
			ls = append(ls, b.onLines(p, func(p *graph.Params, dim int) flows.Layer {
				return layers.NewBatchNorm(p, dim, layers.BatchNormOptions{})
			}))
		}
		ls = b.mix(ls, i)
	}
	if b.Augment > 0 {
		p := b.p.In("augment")
		q := flows.New(flows.NewDiagonalNormal(p, b.Augment, b.data+b.context))
		ls = append(ls, layers.NewAugment(p, b.data, b.Augment, q, b.context))
	}
	if b.Tails > 0 {
		tails := func(p *graph.Params, dim int) flows.Layer { return layers.NewLogTails(p, dim-b.Augment, b.Tails) }
		ls = append(ls, b.onLines(b.p, tails))
	}
	b.layers, b.base = ls, b.makeBase()
}

// flow is what was built, with further layers next to the data.
func (b *builder) flow(end ...flows.Layer) *flows.Flow {
	flow := flows.New(b.base, append(slices.Clone(b.layers), end...)...)
	if b.embed != nil {
		flow.Embed(b.embed)
	}
	return flow
}

// mix adds what stands between layers i and i+1; a linear map stands behind the
// last one too.
func (b *builder) mix(ls []flows.Layer, i int) []flows.Layer {
	if b.Dim == 1 && b.Mixing != "lu" {
		return ls
	}
	p := b.p.In(fmt.Sprintf("mixing%d", i))
	switch b.Mixing {
	case "reverse":
		return append(ls, layers.NewReverse(p, b.Dim))
	case "shuffle":
		return append(ls, layers.NewShuffle(p, b.Dim, b.Seed+uint64(i)+1))
	case "lu":
		return append(ls, b.onLines(p, func(p *graph.Params, dim int) flows.Layer {
			return layers.NewLU(p, dim, layers.LUOptions{Shuffle: b.Seed + uint64(i) + 1})
		}))
	}
	return ls
}

// Nearest returns `, did you mean "x"` for the name closest to a misspelt one, or
// nothing if none is close.
func Nearest(name string, names []string) string {
	best, at := 3, -1
	for i, n := range names {
		if d := editDistance(name, n); d < best {
			best, at = d, i
		}
	}
	if at < 0 {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", names[at])
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
