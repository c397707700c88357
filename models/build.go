package models

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

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
