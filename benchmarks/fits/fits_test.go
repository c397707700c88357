package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
)

// The page says what the results say, and every result is of the list.
func TestPageIsOfResults(t *testing.T) {
	done, err := readResults("../fits.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../fits.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := withTables(string(page), done)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != want {
		t.Error("fits.md is not of fits.jsonl: go run ./benchmarks/fits")
	}
	listed := map[string]bool{}
	for _, f := range list() {
		if listed[f.key()] {
			t.Errorf("%q is twice in the list", f.key())
		}
		listed[f.key()] = true
	}
	for key := range done {
		if !listed[key] {
			t.Errorf("the result %q is of no fit of the list", key)
		}
	}
	for key := range peers {
		if !listed[key] {
			t.Errorf("other libraries' figure for %q, which is no fit of the list", key)
		}
	}
}

// The table is ordered by validation alone, and regrets are to the best of a data set.
func TestChoiceIsByValidation(t *testing.T) {
	done := map[string]result{}
	add := func(data, args string, valid, test float64) {
		r := result{Data: data, Args: args, Valid: &valid, Test: &test, TwoSE: &test}
		done[r.key()] = r
	}
	add("california", everywhere[0], -3, 9)
	add("california", everywhere[1], -1, -9)
	add("wine", everywhere[0], -2, 0)
	add("wine", everywhere[1], -2.5, 0)
	add("magic", everywhere[0], 1, 0)
	add("magic", everywhere[1], 1, 0)
	add("magic", everywhere[2], 0, 0)
	if got := of("california", done); got[0].Args != everywhere[1] || got[1].Args != everywhere[0] {
		t.Errorf("order %v: want the best on validation first", got)
	}
	if got := regretTable(nil); strings.Count(got, "\n") != 2 {
		t.Errorf("regrets of no results:\n%s", got)
	}
	want := "| model and arguments | california | magic | wine | mean | most |\n|---|---|---|---|---|---|\n" +
		"| `" + everywhere[1] + "` | 0.00 | 0.00 | 0.50 | 0.17 | 0.50 |\n" +
		"| `" + everywhere[0] + "` | 2.00 | 0.00 | 0.00 | 0.67 | 2.00 |\n"
	if got := regretTable(done); got != want {
		t.Errorf("regrets\n%swant\n%s", got, want)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{{-1121.211, 0, "−1,121"}, {3.14159, 2, "3.14"}, {-0.5, 2, "−0.50"}, {1234567.25, 1, "1,234,567.2"}} {
		if got := number(&c.v, c.digits); got != c.want {
			t.Errorf("number(%v, %d) = %q, want %q", c.v, c.digits, got, c.want)
		}
	}
}

// Noise is within half a step, uniform, and new in each copy.
func TestAddNoise(t *testing.T) {
	x := mat.NewDense(2000, 2, nil)
	for i := range 2000 {
		x.Set(i, 0, float64(i%7))
		x.Set(i, 1, 100)
	}
	y, err := addNoise(x, []float64{1, 0.01}, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if rows, cols := y.Dims(); rows != 6000 || cols != 2 {
		t.Fatalf("%d rows, %d columns, want 6000 and 2", rows, cols)
	}
	for j, step := range []float64{1, 0.01} {
		sum, sq := 0.0, 0.0
		for i := range 6000 {
			d := (y.At(i, j) - x.At(i%2000, j)) / step
			if math.Abs(d) > 0.5+1e-9 {
				t.Fatalf("row %d, column %d moved by %v steps", i, j, d)
			}
			sum, sq = sum+d, sq+d*d
		}
		if mean, v := sum/6000, sq/6000; math.Abs(mean) > 0.02 || math.Abs(v-1./12) > 0.005 { // 5 standard errors
			t.Errorf("column %d: noise of mean %v, mean square %v, want 0 and 1/12", j, mean, v)
		}
	}
	if y.At(0, 0) == y.At(2000, 0) {
		t.Error("two copies have the same noise")
	}
	if _, err := addNoise(x, []float64{1}, 1, 1); err == nil {
		t.Error("no error for one width and two columns")
	}
}

// Tables of either width of number are read.
func TestReadTable(t *testing.T) {
	for name, v := range map[string]any{"f4": [3][2]float32{{1, 2}, {3, 4}, {5, 6.5}}, "f8": [3][2]float64{{1, 2}, {3, 4}, {5, 6.5}}} {
		var b bytes.Buffer
		if err := npyio.Write(&b, v); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name+".npy")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		x, err := readTable(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := mat.NewDense(3, 2, []float64{1, 2, 3, 4, 5, 6.5}); !mat.Equal(x, want) {
			t.Errorf("%s: %v, want %v", name, x, want)
		}
	}
}

// Fits that have a line are not run again; the others are.
func TestGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the command")
	}
	dir := t.TempDir()
	x := mat.NewDense(300, 11, nil)
	for i := range 300 {
		for j := range 11 {
			x.Set(i, j, math.Sin(float64(i*(j+3))))
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "splits"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"train", "valid", "test"} {
		if err := writeTable(filepath.Join(dir, "splits", "wine_"+part+".npy"), x); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("../..")
	fits := []fit{{"wine", "--model maf --steps 40"}, {"wine", "--model maf --steps 40 --dropout 0.1"}}
	all := regexp.MustCompile("")
	r := &runner{data: dir, runs: filepath.Join(dir, "runs"), results: filepath.Join(dir, "fits.jsonl")}
	if err := r.all(context.Background(), fits[:1], all); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(r.results)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.all(context.Background(), fits, all); err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(r.results)
	if err != nil {
		t.Fatal(err)
	}
	if string(both[:len(first)]) != string(first) {
		t.Error("a fit that was done was run again")
	}
	done, err := readResults(r.results)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fits {
		got := done[f.key()]
		if got.Valid == nil || got.Test == nil || got.Steps != 40 || got.Parameters == 0 {
			t.Errorf("%s: %+v", f.key(), got)
		}
	}
}
