package models

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Models with circles take columns that are angles (Rezende et al. 2020,
// arXiv:2002.02428) beside others: a layer maps each by its own kind of spline, networks
// are told sines and cosines, and the noise of angles is uniform. What stands between
// layers, tails, norms and linear maps, is for the other columns alone.

// inRadians reports whether all columns are angles because nothing is said of them.
func (s Spec) inRadians(f *family) bool { return f.circle && len(s.Angles) == 0 }

// inRadians is that of the model's specification.
func (m *Model) inRadians() bool {
	f, err := findFamily(m.spec.Model)
	return err == nil && m.spec.inRadians(f)
}

// circle reports whether column j is modelled as an angle.
func (m *Model) circle(j int) bool { return slices.Contains(m.made.angles, j) }

// defaultsFor are the family's defaults, where all columns are angles, or only some,
// those that go with it.
func (s Spec) defaultsFor(f *family) Spec {
	d := f.defaults
	switch {
	case len(s.Angles) > 0 && len(s.Angles) == s.Dim:
		d.Base, d.Tails, d.Mixing = "torus", -1, "none"
	case len(s.Angles) > 0:
		d.Base, d.Tails, d.Mixing = "normal", 0, "lu"
	}
	return d
}

// checkAngles checks the angles of a complete specification.
func (s Spec) checkAngles(f *family) error {
	for i, a := range s.Angles {
		if a < 0 || a >= s.Dim || slices.Contains(s.Angles[:i], a) {
			return fmt.Errorf("models: angles %v: want some of the columns 0 … %d, each once", s.Angles, s.Dim-1)
		}
	}
	angles := len(s.Angles)
	if s.inRadians(f) {
		angles = s.Dim
	}
	switch {
	case angles > 0 && !f.circles:
		return fmt.Errorf("models: model %q has no circles for angles; %s have", s.Model, circleModels())
	case angles > 0 && s.Augment > 0:
		return fmt.Errorf("models: %d columns of noise beside those of model %q: angles are not augmented", s.Augment, s.Model)
	case angles < s.Dim && onCircle(s.Base):
		return fmt.Errorf("models: base %q for %d columns of which %d are angles: want another for the rest", s.Base, s.Dim, angles)
	case angles == s.Dim && (!onCircle(s.Base) || s.Tails > 0 || s.Mixing == "lu" || s.Norm != "none"):
		return fmt.Errorf("models: base %q, mixing %q, norm %q, tails %v for model %q: angles want the base \"torus\" or \"von-mises\", no linear maps, norms or tails", s.Base, s.Mixing, s.Norm, s.Tails, s.Model)
	case angles > 0 && angles < s.Dim && s.Mixing != "lu" && s.Mixing != "none":
		return fmt.Errorf("models: mixing %q of %d columns of which %d are angles: want lu or none", s.Mixing, s.Dim, angles)
	}
	return nil
}

// circleModels lists the models that have circles.
func circleModels() string {
	var out []string
	for _, f := range families {
		if f.circles {
			out = append(out, f.name)
		}
	}
	return list(out, len(out))
}

// findAngles finds the columns that are angles.
func (b *builder) findAngles(f *family) {
	b.angles = b.Angles
	for j := range b.Dim {
		if b.inRadians(f) {
			b.angles = append(b.angles, j)
		}
	}
}

// lines are the columns that are no angles.
func (b *builder) lines() []int {
	var out []int
	for j := range b.Dim {
		if !slices.Contains(b.angles, j) {
			out = append(out, j)
		}
	}
	return out
}

// onLines makes a layer of the columns that are no angles.
func (b *builder) onLines(p *graph.Params, of func(p *graph.Params, dim int) flows.Layer) flows.Layer {
	if len(b.angles) == 0 {
		return of(p, b.Dim)
	}
	columns := b.lines()
	return layers.NewAmong(p, b.Dim, columns, of(p, len(columns)))
}

// spline is that of each column.
func (b *builder) spline() layers.Transformer {
	line, circle := layers.RationalQuadratic{Bins: b.Bins, Bound: b.Bound}, layers.CircularSpline{Bins: b.Bins}
	switch len(b.angles) {
	case 0:
		return line
	case b.Dim:
		return circle
	}
	t := make(layers.PerColumn, b.Dim)
	for j := range t {
		t[j] = line
		if slices.Contains(b.angles, j) {
			t[j] = circle
		}
	}
	return t
}

// split is every other column or, where angles are said to be among them, which no
// linear map mixes, such that every two columns condition each other in some layer.
func (b *builder) split(i int) layers.Split {
	place := 0
	if len(b.Angles) > 0 {
		place = i / 2 % max(bits.Len(uint(b.Dim-1)), 1)
	}
	return layers.Bit(place, i%2 == 0)
}

// order is that of the columns of an autoregressive layer: where there are angles it
// turns from layer to layer.
func (b *builder) order() []int {
	if len(b.angles) == 0 || b.round%2 == 0 {
		return nil
	}
	order := make([]int, b.Dim)
	for i := range order {
		order[i] = b.Dim - 1 - i
	}
	return order
}

// makeBase makes the base density. All but the normal one and the uniform one of angles
// depend on the context, if there is one.
func (b *builder) makeBase() flows.Base {
	p := b.p.In("base")
	switch {
	case len(b.angles) == 0:
		return b.lineBase(p, b.Dim)
	case b.Base == "torus":
		return flows.NewTorus(p, b.Dim)
	case b.Base == "von-mises":
		return flows.NewVonMises(p, b.Dim, b.context)
	}
	columns := b.lines()
	return flows.NewJoint(p, flows.Part{Columns: b.angles, Base: flows.NewTorus(p, len(b.angles))}, flows.Part{Columns: columns, Base: b.lineBase(p, len(columns))})
}
