package toy_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models/toy"
)

// Shapes are finite, decided by the seed, about centred and of a size that needs
// no scaling.
func TestShapes(t *testing.T) {
	for _, name := range toy.Names() {
		t.Run(name, func(t *testing.T) {
			a, err := toy.Sample(name, 5000, 1)
			require.NoError(t, err)
			b, err := toy.Sample(name, 5000, 1)
			require.NoError(t, err)
			require.Equal(t, a, b)
			c, err := toy.Sample(name, 5000, 2)
			require.NoError(t, err)
			require.NotEqual(t, a, c)
			for j := range 2 {
				m, s := 0.0, 0.0
				for i := range 5000 {
					v := a.At(i, j)
					require.Less(t, math.Abs(v), 8.0)
					m += v / 5000
					s += v * v / 5000
				}
				require.Less(t, math.Abs(m), 0.6)
				require.Greater(t, s, 0.1)
				require.Less(t, s, 6.0)
			}
		})
	}
	_, err := toy.Sample("mons", 5, 1)
	require.ErrorContains(t, err, `did you mean "moons"`)
	_, err = toy.Sample("moons", 0, 1)
	require.ErrorContains(t, err, "need at least one")
}
