package models

import (
	"fmt"
	"math"
	"slices"
	"strings"

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

// Complete returns the spec with the defaults that [New] fills in, without making a model, or
// an error if New would refuse it. Settings of which only layers know what they may be are
// not asked about.
func (s Spec) Complete() (Spec, error) {
	s, _, err := s.complete()
	return s, err
}

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

// maxSize is how many columns, or units of a hidden layer, there can be: more would be a
// slip of the pen, and no memory is large enough for it.
const maxSize = 1 << 16

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
	case s.Dim > maxSize || s.Context > maxSize || s.Embed > maxSize || s.Blocks > 1000 || slices.ContainsFunc(s.Hidden, func(w int) bool { return w > maxSize }):
		return fmt.Errorf("models: %d columns, %d of context, embedded to %d, hidden %v, blocks %d: want at most %d columns or hidden units, 1000 blocks", s.Dim, s.Context, s.Embed, s.Hidden, s.Blocks, maxSize)
	case !(s.Bound >= 0) || math.IsInf(s.Bound, 0):
		return fmt.Errorf("models: bound %v: must be a positive number", s.Bound)
	case !finiteNumber(s.Tails):
		return fmt.Errorf("models: tails %v: want a number, negative for never", s.Tails)
	case !(s.Dropout >= 0 && s.Dropout < 1):
		return fmt.Errorf("models: dropout %v: want 0 ≤ p < 1", s.Dropout)
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
