package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"codeberg.org/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
)

// copies is how often a training row stands in the dequantised table, with noise
// of its own each time, so that a fit cannot learn the noise.
const copies = 8

// dequantised writes tables with uniform noise of the given widths added to the
// columns of rounded numbers, from a fixed seed, and returns their paths. A
// likelihood of such rows bounds that of the rounded ones from below
// (Theis et al. 2016, arXiv:1511.01844).
func dequantised(files []string, dir string, steps []float64) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var out []string
	for i, path := range files {
		x, err := readTable(path)
		if err != nil {
			return nil, err
		}
		n := 1
		if i == 0 {
			n = copies
		}
		noisy, err := addNoise(x, steps, n, uint64(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		to := filepath.Join(dir, filepath.Base(path))
		if err := writeTable(to, noisy); err != nil {
			return nil, err
		}
		out = append(out, to)
	}
	return out, nil
}

// addNoise returns n copies of the rows of x, each number moved by up to half a step.
func addNoise(x *mat.Dense, steps []float64, n int, seed uint64) (*mat.Dense, error) {
	rows, cols := x.Dims()
	if cols != len(steps) {
		return nil, fmt.Errorf("%d columns, want %d", cols, len(steps))
	}
	rng := rand.New(rand.NewPCG(seed, 0xdec0de))
	out := mat.NewDense(n*rows, cols, nil)
	for i := range n * rows {
		for j, s := range steps {
			out.Set(i, j, x.At(i%rows, j)+s*(rng.Float64()-0.5))
		}
	}
	return out, nil
}

func readTable(path string) (*mat.Dense, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := npyio.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	shape := r.Header.Descr.Shape
	if len(shape) != 2 {
		return nil, fmt.Errorf("%s: array of %d dimensions, want 2", path, len(shape))
	}
	if r.Header.Descr.Fortran {
		return nil, fmt.Errorf("%s: stored column by column: want row by row", path)
	}
	v := make([]float64, shape[0]*shape[1])
	if strings.Contains(r.Header.Descr.Type, "f4") {
		var single []float32
		err = r.Read(&single)
		for i, a := range single {
			v[i] = float64(a)
		}
	} else {
		err = r.Read(&v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return mat.NewDense(shape[0], shape[1], v), nil
}

func writeTable(path string, x *mat.Dense) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := npyio.Write(f, x); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
