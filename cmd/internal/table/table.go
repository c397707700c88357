// Package table reads and writes tables for the commands: CSV with or without a
// header, NumPy's .npy and .npz, and Parquet. Cells of text are the numbers of levels.
package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	// Texts has for each column of text its different cells, in order: their numbers
	// are those of the levels of a categorical column. Columns of numbers have none.
	Texts [][]string
	// TooMany says which columns have more different texts than levels there can be.
	TooMany []bool
	Dropped int // rows with missing values that were left out
}

// Reader reads a table in pieces, in constant memory.
type Reader struct {
	name    string
	columns []column
	picked  []int
	source  source
	texts   bool
	drop    bool
	mark    bool
	missing int  // rows with missing values so far
	named   bool // the file names its columns
}

// source is the rows of a file.
type source interface {
	// next puts the numbers of the columns that are read, columns[i].at, into row;
	// io.EOF at the end. A row with a missing value is read to its end.
	next(columns []column, texts bool, row []float64) error
	close() error
}

func newReader(name string, columns []string, s source) *Reader {
	r := &Reader{name: name, source: s}
	for i, c := range columns {
		r.columns = append(r.columns, column{name: c, at: i})
		r.picked = append(r.picked, i)
	}
	return r
}

// Columns returns the names of the columns.
func (r *Reader) Columns() []string {
	out := make([]string, len(r.columns))
	for i, c := range r.columns {
		out[i] = c.name
	}
	return out
}

// Named reports whether the file names its columns.
func (r *Reader) Named() bool { return r.named }

// Doubtful reports whether some of the names of a CSV file are numbers: they may be a row
// of a file without names.
func (r *Reader) Doubtful() bool {
	_, ok := r.source.(*csvReader)
	return ok && r.named && slices.ContainsFunc(r.Columns(), func(name string) bool {
		_, err := strconv.ParseFloat(name, 64)
		return err == nil
	})
}

// TakeNamesAsRow has doubtful names read as the first row, and columns named as in a file
// without names. Nothing may have been picked or read before.
func (r *Reader) TakeNamesAsRow() {
	if r.Doubtful() {
		p := r.source.(*csvReader)
		*r = *newReader(r.name, p.withoutNames(p.first), p)
	}
}

// Name returns the name of the file, for messages.
func (r *Reader) Name() string { return r.name }

// Pick has these columns alone read, in this order; what stands in the others is not
// looked at. By default all are.
func (r *Reader) Pick(columns []int) {
	for i := range r.columns {
		r.columns[i].at = -1
	}
	for i, c := range columns {
		r.columns[c].at = i
	}
	r.picked = columns
}

// Take has the cells of a column held against a kind, and levels read by name.
func (r *Reader) Take(column int, values *models.Values) { r.columns[column].values = values }

// TakeText has the cells of a column read as text, whatever they look like; it does
// nothing in files where a column is of numbers.
func (r *Reader) TakeText(column int) {
	if _, ok := r.source.(*csvReader); ok {
		r.columns[column].texts = &texts{}
	}
}

// TakeTexts has columns whose first cell is no number read as text.
func (r *Reader) TakeTexts() { r.texts = true }

// DropMissing leaves out rows with missing values, which otherwise are an error.
func (r *Reader) DropMissing() { r.drop = true }

// MarkMissing has rows with missing values read as NaN throughout.
func (r *Reader) MarkMissing() { r.mark = true }

// Missing returns how many rows with missing values were left out or marked so far.
func (r *Reader) Missing() int { return r.missing }

// Next fills buf with whole rows and returns how many; io.EOF with 0 rows at the
// end.
func (r *Reader) Next(buf []float64) (int, error) {
	k := len(r.picked)
	n := 0
	for k > 0 && (n+1)*k <= len(buf) {
		err := r.source.next(r.columns, r.texts, buf[n*k:(n+1)*k])
		var m errMissing
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return n, nil
		case errors.As(err, &m) && r.drop:
			r.missing++
		case errors.As(err, &m) && r.mark:
			for i := range k {
				buf[n*k+i] = math.NaN()
			}
			r.missing++
			n++
		case errors.As(err, &m):
			return n, fmt.Errorf("%w: fill such cells, or leave such rows out by --missing drop", err)
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}

// Close releases the file.
func (r *Reader) Close() error {
	return r.source.close()
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
		err = fmt.Errorf("%s: unknown kind of file %q: want one of %s, or - for standard input", file, ext, strings.Join(extensions, ", "))
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

// Read reads a whole table of numbers.
func Read(path string, stdin io.Reader) (*Table, error) {
	r, err := Open(path, stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.All()
}

// All reads the rest of the table.
func (r *Reader) All() (*Table, error) {
	t := &Table{Name: r.name, Cols: len(r.picked), Texts: make([][]string, len(r.picked)), TooMany: make([]bool, len(r.picked))}
	for _, c := range r.picked {
		t.Columns = append(t.Columns, r.columns[c].name)
	}
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
	if t.Dropped = r.missing; t.Rows == 0 && t.Dropped > 0 {
		return nil, fmt.Errorf("%s: each of the %d rows has a missing value", t.Name, t.Dropped)
	}
	if t.Rows == 0 {
		return nil, fmt.Errorf("%s: no rows of data", t.Name)
	}
	for j, c := range r.picked {
		texts := r.columns[c].texts
		if texts == nil {
			continue
		}
		if err := texts.stray(); err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", t.Name, t.Columns[j], err)
		}
		if t.TooMany[j] = texts.more > 0; t.TooMany[j] {
			continue
		}
		var err error
		if t.Texts[j], err = texts.levels(t.Data, j, t.Cols); err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", t.Name, t.Columns[j], err)
		}
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
	return min(x-1, len(columns)), min(y-1, len(columns)), true
}
