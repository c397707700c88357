package main

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"
)

const (
	side   = 28
	pixels = side * side
	// trainImages is how many of the 60,000 training images are fitted to; the rest
	// are for validation.
	trainImages = 50000
	// inset keeps the logits finite.
	inset = 1e-6
)

// load reads the images as logits: 50,000 for training, 10,000 for validation,
// 10,000 for test.
func load(dir string) (train, valid, test *mat.Dense, err error) {
	rng := rand.New(rand.NewPCG(0, 0xdec0de))
	read := func(name string) (*mat.Dense, error) {
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		z, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		x, err := readImages(z)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		logits(x, rng)
		return x, nil
	}
	all, err := read("train-images-idx3-ubyte.gz")
	if err != nil {
		return nil, nil, nil, err
	}
	if test, err = read("t10k-images-idx3-ubyte.gz"); err != nil {
		return nil, nil, nil, err
	}
	n, _ := all.Dims()
	if n <= trainImages {
		return nil, nil, nil, fmt.Errorf("%s: %d training images, want more than %d", dir, n, trainImages)
	}
	train = all.Slice(0, trainImages, 0, pixels).(*mat.Dense)
	return train, all.Slice(trainImages, n, 0, pixels).(*mat.Dense), test, nil
}

// readImages reads an idx file of images of bytes, one to a row.
func readImages(r io.Reader) (*mat.Dense, error) {
	var head [4]uint32 // magic, images, rows, columns
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return nil, fmt.Errorf("cut short in its header: %w", err)
	}
	if head[0] != 0x803 || head[2] != side || head[3] != side || head[1] == 0 || head[1] > 1<<20 {
		return nil, fmt.Errorf("header %x: want an idx file of images of %d×%d bytes", head, side, side)
	}
	b := make([]byte, int(head[1])*pixels)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%d images announced: %w", head[1], err)
	}
	v := make([]float64, len(b))
	for i, a := range b {
		v[i] = float64(a)
	}
	return mat.NewDense(int(head[1]), pixels, v), nil
}

// logits turns bytes k into logit(ε + (1-2ε)(k + noise)/256), noise uniform from 0
// to 1.
func logits(x *mat.Dense, rng *rand.Rand) {
	v := x.RawMatrix().Data
	for i, k := range v {
		p := inset + (1-2*inset)*(k+rng.Float64())/256
		v[i] = math.Log(p / (1 - p))
	}
}
