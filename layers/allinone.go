package layers

import (
	"cmp"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// AllInOne is the all-in-one block of the FrEIA library (Ardizzone et al. 2018-2022):
// an affine coupling with soft-clamped scales, an affine map of all columns, and a
// mixing of them,
//
//	u = P (s ⊙ (x_A, x_B exp(a) + t) + o),  (a, t) = c(x_A)
//
// with |a| below a limit, s and o those of an [ActNorm], and P a permutation, a fixed
// rotation or a learnt one. It starts as P.
type AllInOne struct {
	parts []layer // from data to noise
}

// Mix is how an all-in-one block mixes columns.
type Mix string

const (
	// MixShuffle, the default, is a random permutation.
	MixShuffle Mix = "shuffle"
	// MixRotation is a fixed random rotation: a soft permutation.
	MixRotation Mix = "rotation"
	// MixHouseholder is a random permutation and a learnt rotation by reflections.
	MixHouseholder Mix = "householder"
)

// AllInOneOptions are the settings of an all-in-one block.
type AllInOneOptions struct {
	// Limit bounds the log-scales of the coupling smoothly; default 2.
	Limit float64
	// VolumePreserving makes it the block of general incompressible-flow networks
	// (Sorrenson et al. 2020, arXiv:2001.04872): the log-scales of the coupling add up
	// to zero, and s is one.
	VolumePreserving bool
	// Mix is how columns are mixed, Seed chooses the permutation or rotation, and
	// Reflections is the number of those learnt; default 8.
	Mix         Mix
	Seed        uint64
	Reflections int
	// Unmix mixes the columns by P⁻¹ before the coupling (Putzky & Welling 2019,
	// arXiv:1911.10914), so that the block starts as the identity.
	Unmix bool
	// Context is the number of context columns, which condition the coupling and, by a
	// network of the same settings, s and o.
	Context int
}

// NewAllInOne makes a block of dim columns; net is the coupling's conditioner.
func NewAllInOne(p *graph.Params, dim int, net Net, opts AllInOneOptions) *AllInOne {
	var t Transformer = Affine{Limit: opts.Limit, Data: true}
	if opts.VolumePreserving {
		t = Flip{VolumePreserving{Limit: opts.Limit}}
	}
	parts := []layer{NewCoupling(p.In("coupling"), dim, FirstHalf, t, net, CouplingOptions{Context: opts.Context})}
	if opts.VolumePreserving {
		parts = append(parts, NewElementwise(p.In("global"), dim, Additive{Data: true}, ElementwiseOptions{Context: opts.Context, Net: net}))
	} else {
		parts = append(parts, NewActNorm(p.In("global"), dim, ActNormOptions{ShiftAfter: true, Context: opts.Context, Net: net}))
	}
	mix := mixing(p.In("mixing"), dim, opts)
	if opts.Unmix {
		for _, m := range mix { // P⁻¹ takes them in reverse
			parts = append([]layer{Invert(m)}, parts...)
		}
	}
	return &AllInOne{append(parts, mix...)}
}

// mixing is P, from data to noise.
func mixing(p *graph.Params, dim int, opts AllInOneOptions) []layer {
	switch opts.Mix {
	case "", MixShuffle:
		return []layer{NewShuffle(p, dim, opts.Seed)}
	case MixRotation:
		return []layer{NewRandomRotation(p, dim, opts.Seed)}
	case MixHouseholder:
		return []layer{NewShuffle(p, dim, opts.Seed), NewHouseholder(p, dim, cmp.Or(opts.Reflections, 8), HouseholderOptions{})}
	}
	p.Fail("layers: all-in-one: mix %q: want %q, %q or %q", opts.Mix, MixShuffle, MixRotation, MixHouseholder)
	return nil
}

// Inverse emits u.
func (l *AllInOne) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	u, logDet = l.parts[0].Inverse(x, context)
	for _, part := range l.parts[1:] {
		var d graph.Expr
		u, d = part.Inverse(u, context)
		logDet = logDet.Add(d)
	}
	return u, logDet
}

// Forward emits x.
func (l *AllInOne) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	last := len(l.parts) - 1
	x, logDet = l.parts[last].Forward(u, context)
	for i := last - 1; i >= 0; i-- {
		var d graph.Expr
		x, d = l.parts[i].Forward(x, context)
		logDet = logDet.Add(d)
	}
	return x, logDet
}

// String names the layer.
func (l *AllInOne) String() string { return fmt.Sprintf("all-in-one(%d parts)", len(l.parts)) }
