package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// agree checks that number and strconv.ParseFloat read the same bits, or that number
// leaves the text to it.
func agree(t *testing.T, text string) (taken bool) {
	t.Helper()
	got, ok := number([]byte(text))
	if !ok {
		return false
	}
	want, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err, text)
	require.Equal(t, math.Float64bits(want), math.Float64bits(got), text)
	return true
}

func TestNumber(t *testing.T) {
	for _, text := range []string{"0", "-0", "+1", "1.", ".5", "-.5e3", "12.50", "1e22", "1E-22", "123456.789e-3", "0.000000000001", "9007199254740991", "9007199254740992", "1e+05"} {
		require.True(t, agree(t, text), text)
	}
	for _, text := range []string{"", "-", ".", "e5", "1e", "1e+", "1x", "1 ", "1_0", "0x10", "inf", "NaN", "--1", "1.2.3", "1e5.", "1e23", "9007199254740993", "1234567890123456789", "1e0001", "1-", "1e5e5"} {
		require.False(t, agree(t, text), text)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for range 200000 {
		x := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(12)-6))
		text := fmt.Sprintf([]string{"%.6g", "%.9g", "%g", "%.3f", "%e", "%v"}[rng.IntN(6)], x)
		if agree(t, text) {
			taken++
		}
	}
	require.Greater(t, taken, 100000)
}

func FuzzNumber(f *testing.F) {
	f.Add("1.5e-3")
	f.Fuzz(func(t *testing.T, text string) { agree(t, text) })
}

func BenchmarkNumber(b *testing.B) {
	text := []byte("-0.123456")
	b.Run("number", func(b *testing.B) {
		for b.Loop() {
			number(text)
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for b.Loop() {
			_, _ = strconv.ParseFloat(string(text), 64)
		}
	})
}
