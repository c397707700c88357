package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *File {
	return &File{
		Metadata: map[string]string{"spec": `{"model":"nsf"}`, "note": "ü \" \\"},
		Tensors: []Tensor{
			{Name: "a", Shape: []int{2, 3}, F32: []float32{1, 2, 3, -4, 5e-40, 6}},
			{Name: "b", Shape: []int{2}, F64: []float64{1e300, -0.5}},
			{Name: "c", Shape: []int{1}, I64: []int64{-7}},
			{Name: "d", Shape: []int{3}, U8: []byte{1, 2, 255}},
			{Name: "empty", Shape: []int{0}, F32: []float32{}},
		},
	}
}

func encoded(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Encode(&b, sample()))
	return b.Bytes()
}

func decoded(name string, b []byte) (*File, error) {
	return Decode(name, bytes.NewReader(b), int64(len(b)))
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, Write(path, sample()))
	got, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, sample(), got)
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	for range 5 {
		require.Equal(t, first, encoded(t))
	}
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Tensors go from file to file, and to memory of the caller's, without being loaded.
func TestUnloaded(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	big := sample()
	numbers := make([]float32, 3*bufferSize+5)
	for i := range numbers {
		numbers[i] = float32(i)
	}
	big.Tensors = append(big.Tensors, Tensor{Name: "e", Shape: []int{len(numbers)}, F32: numbers})
	require.NoError(t, Write(one, big))
	f, err := Open(one)
	require.NoError(t, err)
	require.NoError(t, Write(two, f))
	a, err := os.ReadFile(one)
	require.NoError(t, err)
	b, err := os.ReadFile(two)
	require.NoError(t, err)
	require.Equal(t, a, b)
	got := make([]float32, len(numbers))
	require.NoError(t, f.Tensor("e").ReadTo(got, nil))
	require.Equal(t, numbers, got)
	require.ErrorContains(t, f.Tensor("e").ReadTo(got[1:], nil), `tensor "e"`)
	require.ErrorContains(t, f.Tensor("b").ReadTo(got[:2], nil), `tensor "b"`)
	pair := make([]float64, 2)
	require.NoError(t, f.Tensor("b").ReadTo(nil, pair))
	require.Equal(t, sample().Tensors[1].F64, pair)
	require.NoError(t, f.Tensor("b").Load())
	require.NoError(t, f.Tensor("b").ReadTo(nil, pair))
	require.NoError(t, f.Close())
	require.Error(t, f.Tensor("e").Load())
}

// Cut off anywhere, with any byte changed, a file is refused and nothing panics.
func TestDamage(t *testing.T) {
	b := encoded(t)
	for n := range b {
		_, err := decoded("cut", b[:n])
		require.Error(t, err, "cut at %d", n)
	}
	_, err := decoded("long", append(bytes.Clone(b), 0))
	require.Error(t, err)
	for i := range b {
		for _, mask := range []byte{1, 2, 0x20, 0x80, 0xff} {
			c := bytes.Clone(b)
			c[i] ^= mask
			got, err := decoded("flip", c)
			if err == nil {
				// A change of spacing or of the spelling of an escape is no damage.
				require.Equal(t, sample(), got, "byte %d ^ %x", i, mask)
			}
		}
	}
}

func TestMessages(t *testing.T) {
	b := encoded(t)
	n := binary.LittleEndian.Uint64(b)
	replace := func(old, new string) []byte {
		require.Equal(t, len(old), len(new))
		require.Contains(t, string(b[:8+n]), old)
		return bytes.Replace(b, []byte(old), []byte(new), 1)
	}
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{nil, "empty"},
		{[]byte("abc"), "not a model file"},
		{[]byte("PK\x03\x04 something quite else that is long"), "not a model file"},
		{replace(`"format":"gorge"`, `"format":"other"`), "not one of gorge"},
		{replace(`"format_version":"2"`, `"format_version":"3"`), "newer version (format 3, this program reads 2)"},
		{replace(`"format_version":"2"`, `"format_version":"x"`), "format version"},
		{replace(`[0,24]`, `[0,25]`), `tensor "a"`},
		{replace(`[2,3]`, `[9,9]`), `tensor "a"`},
		{b[:len(b)-1], "cut short"},
	} {
		_, err := decoded("m.safetensors", c.b)
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "m.safetensors")
	}
}

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

func TestDiskTrouble(t *testing.T) {
	for n := range 3 {
		require.ErrorContains(t, Encode(&failing{n}, sample()), "no space left")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o644))
	require.ErrorContains(t, Write(filepath.Join(file, "m"), sample()), "m")
	bad := sample()
	bad.Tensors[0].Shape = []int{5}
	path := filepath.Join(dir, "m")
	require.NoError(t, Write(path, sample()))
	require.ErrorContains(t, Write(path, bad), `tensor "a"`)
	got, err := Read(path)
	require.NoError(t, err, "the old file stays")
	require.Equal(t, sample(), got)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "no temporary file stays")
	_, err = Read(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f))
	f.Add([]byte{})
	f.Add([]byte(strings.Repeat("\xff", 16)))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decoded("fuzz", b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		require.NoError(t, Encode(&again, got))
	})
}
