package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models"
)

// Each tensor of a model is in one part of its flow, which is named after it.
func TestParts(t *testing.T) {
	specs := []models.Spec{{Norm: "act"}, {Norm: "batch"}, {Augment: 2}, {Context: 2}, {Context: 2, Embed: 3}, {Model: "nsf", Angles: []int{1}}}
	for _, name := range models.Names() {
		specs = append(specs, models.Spec{Model: name}, models.Spec{Model: name, Context: 1})
	}
	for _, base := range models.Bases() {
		s := models.Spec{Model: "maf", Base: base}
		switch base {
		case "class":
			s.Context = 2
		case "torus", "von-mises":
			s.Model = "ncsf"
		}
		specs = append(specs, s)
	}
	for _, s := range specs {
		s.Dim = 4
		m, err := models.New(s)
		require.NoError(t, err)
		ps, err := parts(m)
		require.NoError(t, err)
		require.Equal(t, "base", ps[0].name)
		count, tensors := 0, m.Params().All()
		for _, p := range ps {
			count += p.parameters()
			for _, q := range p.tensors {
				require.True(t, strings.HasPrefix(q.Name(), p.name+"."), "%+v: %s in %s", s, q.Name(), p.name)
				i := slices.Index(tensors, q)
				require.GreaterOrEqual(t, i, 0, "%+v: %s is there twice", s, q.Name())
				tensors = slices.Delete(slices.Clone(tensors), i, i+1)
			}
		}
		require.Empty(t, tensors, "%+v", s)
		require.Equal(t, m.Parameters(), count, "%+v", s)
		layers := len(m.Flow().Layers())
		if s.Embed > 0 {
			require.Equal(t, "embedding", ps[len(ps)-1].name)
			layers++
		}
		require.Len(t, ps, 1+layers)
	}
}
