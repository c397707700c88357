package models

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// However many temperatures samples are asked for at, few programs are kept, and samples
// are the same whether theirs is or is made again.
func TestTemperatures(t *testing.T) {
	m, err := New(Spec{Model: "realnvp", Dim: 2, Layers: 1, Hidden: []int{4}})
	require.NoError(t, err)
	at := func(i int) []float64 {
		x, err := m.Sample(3, nil, SampleOptions{Seed: 1, Temperature: 1 + float64(i)/100})
		require.NoError(t, err)
		return x.RawMatrix().Data
	}
	first := at(0)
	for i := range 3 * maxEngines {
		at(i)
		require.LessOrEqual(t, len(m.engines), maxEngines)
	}
	require.Equal(t, first, at(0))
}
