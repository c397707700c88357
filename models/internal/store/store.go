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

// File is what a file holds.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor

	in *os.File // from Open until Close
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
		if n != t.Len() {
			return fmt.Errorf("store: tensor %q: shape %v for %d elements", t.Name, t.Shape, t.Len())
		}
		if _, ok := entries[t.Name]; ok || t.Name == "__metadata__" {
			return fmt.Errorf("store: tensor %q: the name is taken", t.Name)
		}
		at := size
		size += uint64(t.Len()) * widths[t.kind()]
		entries[t.Name] = entry{t.kind(), append([]int{}, t.Shape...), [2]uint64{at, size}}
		names = append(names, t.Name)
	}
	meta := map[string]string{}
	for k, v := range f.Metadata {
		meta[k] = v
	}
	meta[keyFormat], meta[keyVersion] = "gorge", strconv.Itoa(Version)
	buf := make([]byte, bufferSize)
	data := func(w io.Writer) error {
		for i := range f.Tensors {
			if err := f.Tensors[i].write(w, buf); err != nil {
				return fmt.Errorf("store: tensor %q: %w", f.Tensors[i].Name, err)
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
func Write(path string, f *File) error { return write(path, f, true) }

// WriteSoon is Write but for the waiting until the disk has it: after a power cut the
// file may be damaged.
func WriteSoon(path string, f *File) error { return write(path, f, false) }

func write(path string, f *File, synced bool) (err error) {
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
	if synced {
		if err = tmp.Sync(); err != nil {
			return err
		}
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if !synced {
		return nil
	}
	if dir, e := os.Open(filepath.Dir(path)); e == nil {
		_ = dir.Sync() // not every file system can; the rename itself was fine
		dir.Close()
	}
	return nil
}

// Open checks a file, all of it. The elements of its tensors stay there until they are
// asked for.
func Open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", path, err)
	}
	st, err := in.Stat()
	if err == nil {
		var f *File
		if f, err = decode(in, uint64(st.Size())); err == nil {
			f.in = in
			return f, nil
		}
	}
	in.Close()
	return nil, fmt.Errorf("store: read %s: %w", path, err)
}

// Read checks a file and loads all of it.
func Read(path string) (*File, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for i := range f.Tensors {
		if err := f.Tensors[i].Load(); err != nil {
			return nil, fmt.Errorf("store: read %s: %w", path, err)
		}
	}
	return &File{Metadata: f.Metadata, Tensors: f.Tensors}, nil
}

// Close closes an opened file; tensors that were not loaded are lost.
func (f *File) Close() error { return f.in.Close() }

// Decode checks and reads a file of that size; name is for messages.
func Decode(name string, in io.ReaderAt, size int64) (*File, error) {
	f, err := decode(in, uint64(size))
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", name, err)
	}
	for i := range f.Tensors {
		if err := f.Tensors[i].Load(); err != nil {
			return nil, fmt.Errorf("store: read %s: %w", name, err)
		}
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
		there := io.NewSectionReader(data, int64(e.Offsets[0]), int64(e.Offsets[1]-e.Offsets[0]))
		f.Tensors = append(f.Tensors, Tensor{Name: n, Shape: e.Shape, stored: e.DType, there: there})
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
