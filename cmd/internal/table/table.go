// Package table reads and writes tables of numbers for the commands: CSV with or
// without a header, and NumPy's .npy and .npz.
package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gorgeflow/gorge/models"
)

// Table is a whole table, row by row.
type Table struct {
	Name       string // of the file, for messages
	Columns    []string
	Rows, Cols int
	Data       []float64
}

// Reader reads a table in pieces, in constant memory.
type Reader struct {
	name    string
	columns []string
	next    func(row []float64) error // io.EOF at the end
	close   func() error
	row     int
}

// Columns returns the names of the columns.
func (r *Reader) Columns() []string { return r.columns }

// Name returns the name of the file, for messages.
func (r *Reader) Name() string { return r.name }

// Next fills buf with whole rows and returns how many; io.EOF with 0 rows at the
// end.
func (r *Reader) Next(buf []float64) (int, error) {
	k := len(r.columns)
	n := 0
	for (n+1)*k <= len(buf) {
		row := buf[n*k : (n+1)*k]
		if err := r.next(row); err != nil {
			if errors.Is(err, io.EOF) && n > 0 {
				return n, nil
			}
			return n, err
		}
		r.row++
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return n, fmt.Errorf("%s: row %d, column %q: %v is not a finite number: drop or fill such rows", r.name, r.row, r.columns[j], v)
			}
		}
		n++
	}
	return n, nil
}

// Close releases the file.
func (r *Reader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

var extensions = []string{".csv", ".tsv", ".txt", ".npy", ".npz", ".parquet"}

// Open opens a table for reading in pieces; - is standard input, as CSV. An
// .npz file holds one matrix, or FILE.npz:NAME says which.
func Open(path string, stdin io.Reader) (*Reader, error) {
	if path == "-" {
		return openCSV("standard input", stdin, nil)
	}
	file, member := path, ""
	if i := strings.Index(path, ".npz:"); i >= 0 {
		file, member = path[:i+4], path[i+5:]
	}
	ext := strings.ToLower(filepath.Ext(file))
	st, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, unwrapPath(err))
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s: is a folder, not a table", file)
	}
	if st.Mode().IsRegular() && st.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", file)
	}
	if ext == ".npz" {
		return openNPZ(file, member)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, unwrapPath(err))
	}
	var r *Reader
	switch ext {
	case ".npy":
		r, err = openNPY(file, bufio.NewReaderSize(f, 1<<16), st.Size(), f.Close)
	case ".parquet":
		r, err = openParquet(file, f, st.Size())
	case ".csv", ".tsv", ".txt", "":
		r, err = openCSV(file, f, f.Close)
	default:
		err = fmt.Errorf("%s: unknown kind of file %q: want one of %s", file, ext, strings.Join(extensions, ", "))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func unwrapPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Read reads a whole table.
func Read(path string, stdin io.Reader) (*Table, error) {
	r, err := Open(path, stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := &Table{Name: r.name, Columns: r.columns, Cols: len(r.columns)}
	buf := make([]float64, 4096*t.Cols)
	for {
		n, err := r.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		t.Data = append(t.Data, buf[:n*t.Cols]...)
		t.Rows += n
	}
	if t.Rows == 0 {
		return nil, fmt.Errorf("%s: no rows of data", t.Name)
	}
	return t, nil
}

// Select returns the columns that a specification names: names, 1-based numbers
// and ranges of numbers, with commas between: "a,b,3,5-8".
func Select(columns []string, spec string) ([]int, error) {
	var out []int
	seen := map[int]bool{}
	add := func(i int, part string) error {
		if i < 0 || i >= len(columns) {
			return fmt.Errorf("column %q: there are %d columns", part, len(columns))
		}
		if seen[i] {
			return fmt.Errorf("column %q is named twice", columns[i])
		}
		seen[i] = true
		out = append(out, i)
		return nil
	}
	for _, part := range strings.Split(spec, ",") {
		part = strings.TrimSpace(part)
		lo, hi, ok := parseRange(columns, part)
		if !ok {
			return nil, fmt.Errorf("no column %q%s; there are: %s", part, models.Nearest(part, columns), strings.Join(columns, ", "))
		}
		for i := lo; i <= hi; i++ {
			if err := add(i, part); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func parseRange(columns []string, part string) (lo, hi int, ok bool) {
	for i, c := range columns {
		if c == part {
			return i, i, true
		}
	}
	if n, err := strconv.Atoi(part); err == nil {
		return n - 1, n - 1, true
	}
	a, b, found := strings.Cut(part, "-")
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	if !found || err1 != nil || err2 != nil || y < x {
		return 0, 0, false
	}
	return x - 1, min(y-1, len(columns)), true
}
