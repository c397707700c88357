//go:build amd64 && !noasm

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// pairsOf is the products of AVX2 with pairs of panels, each made of two calls, in the
// order of those for AVX-512: so that the walk over pairs is tested on any machine.
func pairsOf(t *testing.T) *set[float32] {
	t.Helper()
	if !useAVX2 {
		t.Skip("no AVX2 here")
	}
	s := half32
	s.strips, s.order, s.orderT = nil, order{6, math.MaxInt32}, order{math.MaxInt32, 128}
	twice := func(one productFunc[float32]) productFunc[float32] {
		return func(k int, a *float32, lda int, b *float32, bstep int, c *float32, cstep int, bias *float32, mode int, limits, of *float32, ofstep int, ahead *float32) {
			one(k, a, lda, b, 0, c, 0, bias, mode, limits, of, 0, ahead)
			if of != nil {
				of = behind(of, ofstep)
			}
			one(k, a, lda, behind(b, bstep), 0, behind(c, cstep), 0, bias, mode, limits, of, 0, ahead)
		}
	}
	for i := 1; i <= pairTile; i++ {
		s.nnPair[i], s.tnPair[i] = twice(half32.nn[i]), twice(half32.tn[i])
	}
	return &s
}

// behind is the place n elements behind p.
func behind(p *float32, n int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n)) }

func TestPairs(t *testing.T) {
	ks := pairsOf(t)
	rng := rand.New(rand.NewPCG(13, 14))
	n := PanelRows[float32]()
	limits := &[2]float32{-0.5, 1}
	for _, size := range [][2]int{{1, 1}, {7, 13}, {64, 70}, {131, 40}, {300, 19}, {90, 400}} {
		for _, panels := range []int{1, 2, 3, 4} {
			m, k := size[0], size[1]
			for _, reach := range staircases(rng, m, k) {
				w, b := Matrix[float32]{Data: buffer[float32](rng, m*k), Stride: k}, buffer[float32](rng, m)
				x, g := Tile[float32]{Data: buffer[float32](rng, panels*k*n), Stride: k * n}, Tile[float32]{Data: buffer[float32](rng, panels*m*n), Stride: m * n}
				tile := func(f int) Tile[float32] { return Tile[float32]{Data: make([]float32, panels*f*n), Stride: f * n} }
				got, want := tile(m), tile(m)
				tiledLinear(ks, got, x, panels, w, m, k, reach, b, limits)
				refLinear(want, x, panels, w, m, k, reach, b)
				refUnary(Clamp, want.Data, want.Data, limits[0], limits[1])
				near(t, "linear", got.Data, want.Data, k)
				got, want = tile(k), tile(k)
				tiledLinearT(ks, got, g, panels, w, m, k, reach, x, limits, nil)
				refLinearT(want, g, panels, w, m, k, reach)
				for i, v := range x.Data {
					if !(v > limits[0] && v < limits[1]) {
						want.Data[i] = 0
					}
				}
				near(t, "linearT", got.Data, want.Data, m)
			}
		}
	}
}
