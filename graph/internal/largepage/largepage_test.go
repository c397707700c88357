package largepage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func check[T float32 | float64](t *testing.T, n int) {
	t.Helper()
	for range 3 { // memory that was used before is zero, too
		s := Make[T](n)
		require.Len(t, s, n)
		require.Equal(t, n, cap(s))
		for i := range s {
			if s[i] != 0 {
				t.Fatalf("element %d of %d is %v", i, n, s[i])
			}
			s[i] = T(i + 1)
		}
		for i := range s {
			if s[i] != T(i+1) {
				t.Fatalf("element %d of %d is %v", i, n, s[i])
			}
		}
	}
}

func TestMake(t *testing.T) {
	for _, bytes := range []int{0, 8, 4096, large, 2*large - 8, 2 * large, 2*large + 8, 5*large - 8, 9 * large} {
		check[float32](t, bytes/4)
		check[float64](t, bytes/8)
	}
}
