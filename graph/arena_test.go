package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Lists of an arena are zeros, share nothing, and begin in cache lines of their own.
func TestArena(t *testing.T) {
	for _, dt := range []DType{Float32, Float64} {
		for _, hint := range [][]int{nil, {1, 17, 300}, {1 << 21}} {
			a := NewArena(dt, hint...)
			var lists []Elements
			for i, n := range []int{0, 1, 17, 300, 1 << 14, 5, 1<<21 + 3, 1 << 20, 1 << 20, 64} {
				e := a.New(n)
				require.Equal(t, n, e.Len())
				for j := range e.F32 {
					if e.F32[j] != 0 {
						t.Fatal(i, j)
					}
					e.F32[j] = float32(i)
				}
				for j := range e.F64 {
					if e.F64[j] != 0 {
						t.Fatal(i, j)
					}
					e.F64[j] = float64(i)
				}
				require.Equal(t, n, cap(e.F32)+cap(e.F64))
				lists = append(lists, e)
			}
			for i, e := range lists {
				require.Equal(t, float64(i*i*e.Len()), e.SumSquares())
			}
		}
	}
}
