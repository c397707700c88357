package graph

import (
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
			var rows [maxPanelRows]uint64
			for p := range w.panels {
				for j := range n {
					rows[j] = rowNoise(r.seed, r.step, stream, r.first+uint64(w.row()+p*n+j))
				}
				for c := range cols {
					out, signs := t.Data[p*t.Stride+c*n:][:n], w.line[0]
					for j := range out {
						out[j], signs[j] = draw[T](rows[j], c, normal)
					}
					if normal {
						toNormal(out, signs[:n])
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
				row := w.row() + min(p*n+j, w.n-1)
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
			row := w.row() + j
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
