package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// maxPanelRows is the number of rows of the longest panel.
const maxPanelRows = 32

// Noise comes from a counter-based generator: a number is made of the seed, the step,
// the input, the row and the column alone, by rounds of the mixing function of
// splitmix64 (Steele, Lea & Flood 2014).

// rowNoise is what the numbers of one row have in common.
func rowNoise(seed, step, stream, row uint64) uint64 {
	h := mix(seed + 0x9e3779b97f4a7c15*(step+1))
	h = mix(h ^ (stream+1)*0xd1342543de82ef95)
	return mix(h + 0x9e3779b97f4a7c15*(row+1))
}

// draw returns a number uniform on (0, 1) or, to become a normal one, on (0, 1/2)
// and a sign.
func draw[T float](rowNoise uint64, col int, normal bool) (u, sign T) {
	h := mix(rowNoise^(uint64(col)+1)*0xbf58476d1ce4e5b9) >> 12
	if !normal {
		u = T((float64(h) + 0.5) / (1 << 52))
		if u == 1 { // by rounding to float32
			u -= 1. / (1 << 24)
		}
		return u, 1
	}
	const half = 1 << 51 // the bit above is the sign: a branch would be wrong every second time
	return T((float64(h&(half-1)) + 0.5) / (1 << 52)), T(1 - 2*int(h>>51))
}

// toNormal turns what draw gave into standard normal numbers: ±Φ⁻¹(u).
func toNormal[T float](u, sign []T) {
	kernel.Apply(kernel.Log, u, u, 0, 0)
	kernel.Apply(kernel.Quantile, u, u, 0, 0)
	kernel.Pairs(kernel.Mul, u, u, sign)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
