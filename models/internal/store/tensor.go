package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Tensor is a named array; exactly one of its data slices is set, or none while the
// elements are still in the file that was opened.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
	I64   []int64
	U8    []byte

	stored string // kind of the elements in the file
	there  *io.SectionReader
}

var widths = map[string]uint64{"F32": 4, "F64": 8, "I64": 8, "U8": 1}

// bufferSize is how much of a tensor is turned into bytes or back at a time.
const bufferSize = 1 << 13

func (t *Tensor) kind() string {
	switch {
	case t.there != nil:
		return t.stored
	case t.F32 != nil:
		return "F32"
	case t.F64 != nil:
		return "F64"
	case t.I64 != nil:
		return "I64"
	}
	return "U8"
}

// Len returns the number of elements.
func (t *Tensor) Len() int {
	if t.there != nil {
		return int(uint64(t.there.Size()) / widths[t.stored])
	}
	return len(t.F32) + len(t.F64) + len(t.I64) + len(t.U8)
}

// Holds reports whether the tensor has n elements of a float32 or float64 type.
func (t *Tensor) Holds(n int, single bool) bool {
	return t.Len() == n && (t.kind() == "F32" && single || t.kind() == "F64" && !single)
}

// write writes the elements by way of buf.
func (t *Tensor) write(w io.Writer, buf []byte) error {
	if t.there != nil {
		_, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(t.there, 0, t.there.Size()), buf)
		return err
	}
	width := int(widths[t.kind()])
	n := t.Len()
	for at := 0; at < n; {
		b := buf[:0]
		for ; at < n && len(b)+width <= len(buf); at++ {
			switch {
			case t.F32 != nil:
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.F32[at]))
			case t.F64 != nil:
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(t.F64[at]))
			case t.I64 != nil:
				b = binary.LittleEndian.AppendUint64(b, uint64(t.I64[at]))
			default:
				b = append(b, t.U8[at])
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// onlyWriter hides that w may read for itself, by a buffer of its own.
type onlyWriter struct{ io.Writer }

// Load brings the elements into memory.
func (t *Tensor) Load() error {
	if t.there == nil {
		return nil
	}
	n := t.Len()
	switch t.stored {
	case "F32":
		t.F32 = make([]float32, n)
	case "F64":
		t.F64 = make([]float64, n)
	case "I64":
		t.I64 = make([]int64, n)
	default:
		t.U8 = make([]byte, n)
	}
	if err := t.read(*t); err != nil {
		return err
	}
	t.there, t.stored = nil, ""
	return nil
}

// ReadTo puts the elements into one of the slices, which is as long as the tensor and
// of its kind; the other is empty.
func (t *Tensor) ReadTo(f32 []float32, f64 []float64) error {
	if !t.Holds(len(f32)+len(f64), len(f32) > 0) {
		return fmt.Errorf("tensor %q: %d elements of kind %s do not go into %d and %d", t.Name, t.Len(), t.kind(), len(f32), len(f64))
	}
	if t.there != nil {
		return t.read(Tensor{F32: f32, F64: f64})
	}
	copy(f32, t.F32)
	copy(f64, t.F64)
	return nil
}

// read brings the elements from the file to where to has room.
func (t *Tensor) read(to Tensor) error {
	width := int(widths[t.stored])
	n := t.Len()
	in := io.NewSectionReader(t.there, 0, t.there.Size())
	buf := make([]byte, min(bufferSize, n*width))
	for at := 0; at < n; {
		b := buf[:min(len(buf), (n-at)*width)]
		if _, err := io.ReadFull(in, b); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		for ; len(b) > 0; b = b[width:] {
			switch {
			case to.F32 != nil:
				to.F32[at] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			case to.F64 != nil:
				to.F64[at] = math.Float64frombits(binary.LittleEndian.Uint64(b))
			case to.I64 != nil:
				to.I64[at] = int64(binary.LittleEndian.Uint64(b))
			default:
				to.U8[at] = b[0]
			}
			at++
		}
	}
	return nil
}
