package picture

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Labels are short, different and true: each says the number it stands at.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []string
	}{
		{-2.1, 2.1, []string{"-2", "0", "2"}},
		{0.82, 1.16, []string{"0.9", "1.0", "1.1"}},
		{0, 6273, []string{"0", "2000", "4000", "6000"}},
		{-0.001, 0.001, []string{"-0.001", "0", "0.001"}},
		{1, 3, []string{"1", "2", "3"}},
		{0, 12e6, []string{"0", "5e+06", "1.0e+07"}},
		{1.7e9 - 1e5, 1.7e9 + 1e5, []string{"1.6999e+09", "+1e+05", "+2e+05"}},
		{1e12 - 3, 1e12 + 3, []string{"9.999999999980e+11", "+2", "+4"}},
		{100.0001, 100.0009, []string{"100.0002", "100.0004", "100.0006", "100.0008"}},
	} {
		var got []string
		for _, k := range ticks(3).Ticks(c.lo, c.hi) {
			got = append(got, k.Label)
			require.GreaterOrEqual(t, k.Value, c.lo-1e-6*(c.hi-c.lo))
			require.LessOrEqual(t, k.Value, c.hi+1e-6*(c.hi-c.lo))
		}
		require.Equal(t, c.want, got, "%g … %g", c.lo, c.hi)
	}
	named := names{"blue", "a long name of a colour", "red"}.Ticks(-0.3, 1.3)
	require.Len(t, named, 2)
	require.Equal(t, "a long n…", named[1].Label)
	require.Empty(t, ticks(3).Ticks(1, 1))
	require.Empty(t, ticks(3).Ticks(-math.MaxFloat64, math.MaxFloat64))
	require.NotPanics(t, func() { ticks(3).Ticks(1e300, math.Nextafter(1e300, 2e300)) })
}
