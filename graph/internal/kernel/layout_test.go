package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSideBySide(t *testing.T) {
	t.Run("float32", checkSideBySide[float32])
	t.Run("float64", checkSideBySide[float64])
}

func checkSideBySide[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 8))
	n := PanelRows[T]()
	for np := range 40 {
		for count := range n + 1 {
			for _, behind := range []int{0, SideBySideRoom[T](np) - 1, SideBySideRoom[T](np)} {
				runs := buffer[T](rng, count*np+max(behind, 0))
				lines, intact := output[T](SideBySideRoom[T](np))
				SideBySide(lines, runs, np, count)
				require.True(t, intact(), "np=%d count=%d behind=%d", np, count, behind)
				for c := range count {
					for j := range np {
						require.Equal(t, runs[c*np+j], lines[j*n+c], "np=%d count=%d behind=%d: number %d of run %d", np, count, behind, j, c)
					}
				}
			}
		}
	}
}
