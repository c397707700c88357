package graph

import (
	"math"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// bindLoad brings an input's rows into the tile. The rows of the last panel
// beyond the data repeat its last row, so that they stay finite where it is.
func (pr *program[T]) bindLoad(v *value, i int) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	cols := v.d.c
	switch v.leaf.kind {
	case uniformNoise, normalNoise:
		normal := v.leaf.kind == normalNoise
		stream := v.leaf.stream
		return func(w *worker[T]) {
			t := w.tile(v)
			r := w.r
			for p := range w.panels {
				for c := range cols {
					out := t.Data[p*t.Stride+c*n:][:n]
					for j := range out {
						row := r.first + uint64(w.shard*shardRows+p*n+j)
						u := noise(r.seed, r.step, stream, row, uint64(c))
						if normal {
							u = math.Sqrt2 * math.Erfinv(2*u-1)
						}
						out[j] = T(u)
					}
				}
			}
		}
	}
	return func(w *worker[T]) {
		b := &w.r.inputs[i]
		t := w.tile(v)
		for p := range w.panels {
			for j := range n {
				row := w.shard*shardRows + min(p*n+j, w.n-1)
				if b.Index != nil {
					row = b.Index[row]
				}
				at := t.Data[p*t.Stride+j:]
				if b.Float64 != nil {
					for c, x := range b.Float64[row*cols:][:cols] {
						at[c*n] = T(x)
					}
				} else {
					for c, x := range b.Float32[row*cols:][:cols] {
						at[c*n] = T(x)
					}
				}
			}
		}
	}
}

// bindStore writes a value's rows to where the run wants output o.
func (pr *program[T]) bindStore(v *value, o int) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	cols := v.d.c
	return func(w *worker[T]) {
		b := &w.r.outputs[o]
		if b.Float32 == nil && b.Float64 == nil {
			return
		}
		t := w.tile(v)
		for j := range w.n {
			at := t.Data[j/n*t.Stride+j%n:]
			row := w.shard*shardRows + j
			if b.Index != nil {
				row = b.Index[row]
			}
			if b.Float64 != nil {
				for c := range cols {
					b.Float64[row*cols+c] = float64(at[c*n])
				}
			} else {
				for c := range cols {
					b.Float32[row*cols+c] = float32(at[c*n])
				}
			}
		}
	}
}

// noise is a counter-based generator: a uniform number on (0, 1) made of its
// arguments alone, by two rounds of the mixing function of splitmix64 (Steele,
// Lea & Flood 2014).
func noise(seed, step, stream, row, col uint64) float64 {
	h := mix(seed + 0x9e3779b97f4a7c15*(step+1))
	h = mix(h ^ (stream+1)*0xd1342543de82ef95)
	h = mix(h + 0x9e3779b97f4a7c15*(row+1))
	h = mix(h ^ (col+1)*0xbf58476d1ce4e5b9)
	return (float64(h>>12) + 0.5) / (1 << 52)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
