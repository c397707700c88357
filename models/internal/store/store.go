// Package store reads and writes the files of models: one safetensors file with
// a checksum over everything in it.
//
// The format is that of https://github.com/huggingface/safetensors: eight bytes
// with the length of a JSON header, the header, the tensors one after the other.
// It is read and written here rather than by a library because a model file must
// be checked strictly: every byte of it is covered by the checksum and every
// length is held against the size of the file before it is believed.
package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
)

// Version is the format version that this package writes, and the newest it
// reads: 1, and since columns can be periodic, ordinal and categorical, 2.
const Version = 2

const (
	keyFormat  = "format"
	keyVersion = "format_version"
	keySum     = "gorge.sha256"
)

// Tensor is a named array; exactly one of its data slices is set.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
	I64   []int64
	U8    []byte
}

// File is what a file holds.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// Tensor returns the tensor of that name, or nil.
func (f *File) Tensor(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

var widths = map[string]uint64{"F32": 4, "F64": 8, "I64": 8, "U8": 1}

func (t *Tensor) kind() string {
	switch {
	case t.F32 != nil:
		return "F32"
	case t.F64 != nil:
		return "F64"
	case t.I64 != nil:
		return "I64"
	}
	return "U8"
}

func (t *Tensor) len() int { return len(t.F32) + len(t.F64) + len(t.I64) + len(t.U8) }

// write writes the elements, through a buffer of a few kilobytes.
func (t *Tensor) write(w io.Writer) error {
	const size = 1 << 13
	buf := make([]byte, 0, size)
	flush := func() error {
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}
	width := int(widths[t.kind()])
	for i := range t.len() {
		switch {
		case t.F32 != nil:
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(t.F32[i]))
		case t.F64 != nil:
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(t.F64[i]))
		case t.I64 != nil:
			buf = binary.LittleEndian.AppendUint64(buf, uint64(t.I64[i]))
		default:
			buf = append(buf, t.U8[i])
		}
		if len(buf)+width > size {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// checksum covers the metadata but for itself, and names, kinds, shapes and
// bytes of the tensors, each with its length before it.
func checksum(meta map[string]string, names []string, entries map[string]entry, data func(w io.Writer) error) (string, error) {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	keys := make([]string, 0, len(meta))
	for k := range meta {
		if k != keySum {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		put(k)
		put(meta[k])
	}
	for _, n := range names {
		e := entries[n]
		put(n)
		put(fmt.Sprint(e.DType, e.Shape, e.Offsets))
	}
	err := data(h)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Encode writes f; the same f gives the same bytes.
func Encode(w io.Writer, f *File) error {
	entries := map[string]entry{}
	var names []string
	size := uint64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != t.len() {
			return fmt.Errorf("store: tensor %q: shape %v for %d elements", t.Name, t.Shape, t.len())
		}
		if _, ok := entries[t.Name]; ok || t.Name == "__metadata__" {
			return fmt.Errorf("store: tensor %q: the name is taken", t.Name)
		}
		at := size
		size += uint64(t.len()) * widths[t.kind()]
		entries[t.Name] = entry{t.kind(), append([]int{}, t.Shape...), [2]uint64{at, size}}
		names = append(names, t.Name)
	}
	meta := map[string]string{}
	for k, v := range f.Metadata {
		meta[k] = v
	}
	meta[keyFormat], meta[keyVersion] = "gorge", strconv.Itoa(Version)
	data := func(w io.Writer) error {
		for i := range f.Tensors {
			if err := f.Tensors[i].write(w); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
		return nil
	}
	sum, err := checksum(meta, names, entries, data)
	if err != nil {
		return err
	}
	meta[keySum] = sum
	all := map[string]any{"__metadata__": meta}
	for n, e := range entries {
		all[n] = e
	}
	header, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("store: header: %w", err)
	}
	for (8+len(header))%8 != 0 {
		header = append(header, ' ')
	}
	for _, b := range [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header} {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return data(w)
}

// Write writes f to path: under a temporary name in the same folder, synced,
// then renamed. Whatever fails, a file that was there stays as it was.
func Write(path string, f *File) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("store: write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("store: write %s: %w", path, err)
		}
	}()
	if err = Encode(tmp, f); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if dir, e := os.Open(filepath.Dir(path)); e == nil {
		_ = dir.Sync() // not every file system can; the rename itself was fine
		dir.Close()
	}
	return nil
}

// Read reads and checks a file: twice, so that no more than its tensors is held.
func Read(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", path, err)
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", path, err)
	}
	return Decode(path, in, st.Size())
}

// Decode reads a file of that size; name is for messages.
func Decode(name string, in io.ReaderAt, size int64) (*File, error) {
	f, err := decode(in, uint64(size))
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", name, err)
	}
	return f, nil
}

var errForeign = errors.New("a safetensors file, but not one of gorge: its metadata has no format \"gorge\"")

func decode(in io.ReaderAt, size uint64) (*File, error) {
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	if size < 8 {
		return nil, errors.New("not a model file: shorter than its header")
	}
	var b [8]byte
	if _, err := in.ReadAt(b[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > size-8 {
		return nil, fmt.Errorf("not a model file, or cut short: the header should have %d bytes, %d are there", n, size-8)
	}
	header := make([]byte, n)
	if _, err := in.ReadAt(header, 8); err != nil && n > 0 {
		return nil, err
	}
	data := io.NewSectionReader(in, int64(8+n), int64(size-8-n))
	raw := map[string]json.RawMessage{}
	if err := strict(header, &raw); err != nil {
		return nil, fmt.Errorf("not a model file, or damaged: header: %w", err)
	}
	meta := map[string]string{}
	if m, ok := raw["__metadata__"]; ok {
		if err := strict(m, &meta); err != nil {
			return nil, fmt.Errorf("damaged: metadata: %w", err)
		}
	}
	delete(raw, "__metadata__")
	if meta[keyFormat] != "gorge" {
		return nil, errForeign
	}
	v, err := strconv.Atoi(meta[keyVersion])
	if err != nil || v < 1 {
		return nil, fmt.Errorf("damaged: format version %q", meta[keyVersion])
	}
	if v > Version {
		return nil, fmt.Errorf("written by a newer version (format %d, this program reads %d): update the program", v, Version)
	}
	names, entries, err := layout(raw, size-8-n)
	if err != nil {
		return nil, err
	}
	whole := func(w io.Writer) error { _, err := io.Copy(w, data); return err }
	got, err := checksum(meta, names, entries, whole)
	if err != nil {
		return nil, err
	}
	if got != meta[keySum] {
		return nil, errors.New("damaged: the checksum does not match; restore the file from a copy")
	}
	f := &File{Metadata: meta}
	for _, n := range names {
		e := entries[n]
		t := Tensor{Name: n, Shape: e.Shape}
		if err := t.read(e.DType, io.NewSectionReader(data, int64(e.Offsets[0]), int64(e.Offsets[1]-e.Offsets[0]))); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", n, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	for _, k := range []string{keyFormat, keyVersion, keySum} {
		delete(f.Metadata, k)
	}
	return f, nil
}

// strict decodes JSON without unknown fields or anything behind it but spaces.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if rest := bytes.TrimRight(b[d.InputOffset():], " "); len(rest) > 0 {
		return fmt.Errorf("%d bytes behind its end", len(rest))
	}
	return nil
}

// layout checks that the tensors cover the data exactly, one after the other.
func layout(raw map[string]json.RawMessage, size uint64) ([]string, map[string]entry, error) {
	names := make([]string, 0, len(raw))
	entries := map[string]entry{}
	for n, r := range raw {
		var e entry
		if err := strict(r, &e); err != nil {
			return nil, nil, fmt.Errorf("damaged: tensor %q: %w", n, err)
		}
		w, ok := widths[e.DType]
		if !ok {
			return nil, nil, fmt.Errorf("tensor %q: element type %q is not known", n, e.DType)
		}
		count := uint64(1)
		for _, d := range e.Shape {
			if d < 0 || d != 0 && count > size/uint64(d) {
				return nil, nil, fmt.Errorf("tensor %q: shape %v is larger than the file", n, e.Shape)
			}
			count *= uint64(d)
		}
		if e.Offsets[1] < e.Offsets[0] || e.Offsets[1] > size || e.Offsets[1]-e.Offsets[0] != count*w {
			return nil, nil, fmt.Errorf("cut short or damaged: tensor %q: bytes %d to %d of %d for shape %v of %s", n, e.Offsets[0], e.Offsets[1], size, e.Shape, e.DType)
		}
		names = append(names, n)
		entries[n] = e
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		if x != y {
			return slices.Compare(x[:], y[:])
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	at := uint64(0)
	for _, n := range names {
		if entries[n].Offsets[0] != at {
			return nil, nil, fmt.Errorf("damaged: tensor %q begins at byte %d, the one before ends at %d", n, entries[n].Offsets[0], at)
		}
		at = entries[n].Offsets[1]
	}
	if at != size {
		return nil, nil, fmt.Errorf("damaged: %d bytes of tensors, the file has %d", at, size)
	}
	return names, entries, nil
}

// read reads the elements, through a buffer of a few kilobytes.
func (t *Tensor) read(kind string, in *io.SectionReader) error {
	width := int(widths[kind])
	n := int(in.Size()) / width
	switch kind {
	case "F32":
		t.F32 = make([]float32, n)
	case "F64":
		t.F64 = make([]float64, n)
	case "I64":
		t.I64 = make([]int64, n)
	default:
		t.U8 = make([]byte, n)
	}
	buf := make([]byte, min(1<<13, n*width))
	for at := 0; at < n; {
		b := buf[:min(len(buf), (n-at)*width)]
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		for ; len(b) > 0; b = b[width:] {
			switch kind {
			case "F32":
				t.F32[at] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			case "F64":
				t.F64[at] = math.Float64frombits(binary.LittleEndian.Uint64(b))
			case "I64":
				t.I64[at] = int64(binary.LittleEndian.Uint64(b))
			default:
				t.U8[at] = b[0]
			}
			at++
		}
	}
	return nil
}
