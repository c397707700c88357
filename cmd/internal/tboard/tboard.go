// Package tboard writes scalars as TensorBoard event files: records of a length,
// its checksum, an Event protocol buffer and its checksum.
package tboard

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Writer appends events to a file of its own.
type Writer struct {
	f   *os.File
	now func() time.Time
}

// New creates an event file in dir.
func New(dir string) (*Writer, error) {
	w := &Writer{now: time.Now}
	for i := 0; ; i++ {
		name := fmt.Sprintf("events.out.tfevents.%d.gorge.%d", w.now().Unix(), i)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("tboard: %w", err)
		}
		w.f = f
		// Event{wall_time: 1, file_version: 3}
		return w, w.record(append(w.wall(), field(3, []byte("brain.Event:2"))...))
	}
}

// Scalar appends one value of a curve.
func (w *Writer) Scalar(tag string, step int64, value float64) error {
	v := field(1, []byte(tag)) // Summary.Value{tag: 1, simple_value: 2}
	v = append(v, 2<<3|5)
	v = binary.LittleEndian.AppendUint32(v, math.Float32bits(float32(value)))
	e := append(w.wall(), 2<<3) // Event{step: 2, summary: 5}
	e = binary.AppendUvarint(e, uint64(step))
	return w.record(append(e, field(5, field(1, v))...))
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }

func (w *Writer) wall() []byte {
	t := float64(w.now().UnixNano()) / 1e9
	return binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(t))
}

// field is a length-delimited field.
func field(number int, b []byte) []byte {
	out := []byte{byte(number<<3 | 2)}
	out = binary.AppendUvarint(out, uint64(len(b)))
	return append(out, b...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is TensorFlow's rotated checksum.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func (w *Writer) record(b []byte) error {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(b)))
	out = binary.LittleEndian.AppendUint32(out, masked(out))
	out = append(out, b...)
	out = binary.LittleEndian.AppendUint32(out, masked(b))
	if _, err := w.f.Write(out); err != nil {
		return fmt.Errorf("tboard: %w", err)
	}
	return nil
}
