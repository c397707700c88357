package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func idx(magic, images, rows, cols uint32, data []byte) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, [4]uint32{magic, images, rows, cols})
	return append(b.Bytes(), data...)
}

func TestReadImages(t *testing.T) {
	data := make([]byte, 3*pixels)
	for i := range data {
		data[i] = byte(i * 7)
	}
	x, err := readImages(bytes.NewReader(idx(0x803, 3, side, side, data)))
	if err != nil {
		t.Fatal(err)
	}
	if rows, cols := x.Dims(); rows != 3 || cols != pixels {
		t.Fatalf("%d rows of %d", rows, cols)
	}
	for i := range 3 {
		for j := range pixels {
			if got, want := x.At(i, j), float64(data[i*pixels+j]); got != want {
				t.Fatalf("image %d, pixel %d is %v, want %v", i, j, got, want)
			}
		}
	}
	for name, b := range map[string][]byte{
		"labels": idx(0x801, 3, side, side, data), "other size": idx(0x803, 3, 32, 32, data), "cut": idx(0x803, 4, side, side, data),
		"no images": idx(0x803, 0, side, side, nil), "empty": nil,
	} {
		if _, err := readImages(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The byte can be had back from the logit, which is finite, and the noise within a
// byte is uniform.
func TestLogits(t *testing.T) {
	const n = 40
	x := mat.NewDense(n, 256, nil)
	for i := range n {
		for j := range 256 {
			x.Set(i, j, float64(j))
		}
	}
	logits(x, rand.New(rand.NewPCG(1, 2)))
	sum := 0.0
	for i := range n {
		for j := range 256 {
			v := x.At(i, j)
			at := 256 * (1/(1+math.Exp(-v)) - inset) / (1 - 2*inset)
			if k := math.Floor(at + 1e-9); k != float64(j) {
				t.Fatalf("byte %d came back as %v", j, at)
			}
			sum += at - float64(j)
		}
	}
	if mean := sum / (n * 256); math.Abs(mean-0.5) > 0.015 { // 5 standard errors
		t.Errorf("mean of the noise %v, want 1/2", mean)
	}
}
