package table

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gorgeflow/gorge/models"
)

// Writer writes a table in pieces. A file is written under a temporary name and
// renamed by Close; after Abort an old file of that name is as it was.
type Writer struct {
	path   string
	tmp    *os.File
	out    *bufio.Writer
	fields []field
	rows   int
	single bool
	npy    bool
	pq     *parquetWriter
	line   []byte
	comma  byte
}

// Field is a column of a table to write.
type Field struct {
	Name string
	Kind models.Kind
}

// form is how the numbers of a column are written.
type form int

const (
	formNumber form = iota
	formInteger
	formText
)

type field struct {
	name   string
	values *models.Values
	form   form
}

// made is the column ready to write: integers, and levels that are their own numbers,
// as numbers, other levels as text.
func (f Field) made() (field, error) {
	v, err := f.Kind.Values()
	if err != nil {
		return field{}, fmt.Errorf("column %q: %w", f.Name, err)
	}
	out := field{name: f.Name, values: v}
	switch {
	case f.Kind.Of == models.KindInteger:
		out.form = formInteger
	case f.Kind.Discrete():
		out.form = formInteger
		for _, l := range f.Kind.Levels {
			x, err := strconv.ParseFloat(l, 64)
			switch {
			case err != nil || strconv.FormatFloat(x, 'f', -1, 64) != l:
				out.form = formText
				return out, nil
			case x != math.Trunc(x) || math.Abs(x) >= 1<<53:
				out.form = formNumber
			}
		}
	}
	return out, nil
}

// CheckOut checks that a table can be written under a name of that ending.
func CheckOut(path string) error {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case path == "-", ext == ".csv", ext == ".txt", ext == ".tsv", ext == ".npy", ext == ".parquet":
		return nil
	default:
		return fmt.Errorf("%s: unknown kind of file %q: want .csv, .tsv, .npy or .parquet", path, ext)
	}
}

// Create begins a table; - is standard output, as CSV. A .tsv file has tabs for commas. With single, numbers are
// written with the digits of a float32. An .npy file has the numbers of levels, not
// their names.
func Create(path string, columns []Field, stdout io.Writer, single bool) (*Writer, error) {
	w := &Writer{path: path, single: single, comma: ','}
	seen := map[string]bool{}
	for _, c := range columns {
		f, err := c.made()
		if err != nil {
			return nil, err
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("%s: two columns named %q", path, c.Name)
		}
		seen[c.Name] = true
		w.fields = append(w.fields, f)
	}
	if err := CheckOut(path); err != nil {
		return nil, err
	}
	var dst io.Writer = stdout
	switch strings.ToLower(filepath.Ext(path)) {
	case ".tsv":
		w.comma = '\t'
	case ".npy":
		w.npy = true
		for _, c := range columns {
			w.single = w.single && !c.Kind.Discrete() // a float32 has no integers beyond 2²⁴
		}
	case ".parquet":
		w.pq = &parquetWriter{}
	}
	if path != "-" {
		tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
		if err != nil {
			return nil, fmt.Errorf("%s: cannot be written: %w", path, unwrapPath(err))
		}
		w.tmp, dst = tmp, tmp
	}
	w.out = bufio.NewWriterSize(dst, 1<<18)
	if w.pq != nil {
		w.pq = newParquetWriter(w.out, w.fields)
		return w, nil
	}
	if w.npy {
		_, err := w.out.Write(w.header())
		return w, err
	}
	for _, c := range columns {
		w.line = append(quoted(w.line, c.Name), w.comma)
	}
	w.line[len(w.line)-1] = '\n'
	_, err := w.out.Write(w.line)
	return w, err
}

// quoted appends a field of a CSV line.
func quoted(line []byte, s string) []byte {
	if !strings.ContainsAny(s, ",;\t\"\r\n") && strings.TrimSpace(s) == s {
		return append(line, s...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(s, `"`, `""`)...)
	return append(line, '"')
}

// header is an .npy header of fixed length, written again with the number of
// rows when that is known.
func (w *Writer) header() []byte {
	size := 8
	if w.single {
		size = 4
	}
	shape := fmt.Sprintf("(%d, %d)", w.rows, len(w.fields))
	text := fmt.Sprintf("{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }", size, shape)
	text += strings.Repeat(" ", 118-1-len(text)) + "\n"
	b := append([]byte(npyPrefix), 1, 0)
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
}

// Write appends whole rows.
func (w *Writer) Write(rows []float64) error {
	k := len(w.fields)
	w.rows += len(rows) / k
	for i := 0; i < len(rows); i += k {
		if err := w.row(rows[i : i+k]); err != nil {
			return fmt.Errorf("%s: %w", w.path, unwrapPath(err))
		}
	}
	return nil
}

func (w *Writer) row(row []float64) error {
	if w.pq != nil {
		return w.pq.write(row)
	}
	bits := 64
	if w.single {
		bits = 32
	}
	w.line = w.line[:0]
	for j, v := range row {
		f := &w.fields[j]
		switch {
		case w.npy && w.single:
			w.line = binary.LittleEndian.AppendUint32(w.line, math.Float32bits(float32(v)))
		case w.npy:
			w.line = binary.LittleEndian.AppendUint64(w.line, math.Float64bits(v))
		case f.form == formNumber:
			w.line = append(strconv.AppendFloat(w.line, v, 'g', -1, bits), w.comma)
		default:
			w.line = append(quoted(w.line, f.values.Format(v)), w.comma)
		}
	}
	if !w.npy {
		w.line[len(w.line)-1] = '\n'
	}
	_, err := w.out.Write(w.line)
	return err
}

// Close finishes the table and puts it in its place.
func (w *Writer) Close() error {
	var err error
	if w.pq != nil {
		err = w.pq.w.Close()
	}
	if e := w.out.Flush(); err == nil {
		err = e
	}
	if w.tmp == nil {
		return err
	}
	if err == nil && w.npy {
		_, err = w.tmp.WriteAt(w.header(), 0)
	}
	if err == nil {
		err = w.tmp.Chmod(0o644)
	}
	if err == nil {
		err = w.tmp.Sync()
	}
	if err != nil {
		w.Abort()
		return fmt.Errorf("%s: %w", w.path, unwrapPath(err))
	}
	if err = w.tmp.Close(); err == nil {
		err = os.Rename(w.tmp.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.tmp.Name())
		return fmt.Errorf("%s: %w", w.path, unwrapPath(err))
	}
	return nil
}

// Abort throws away what was written. It may follow Close.
func (w *Writer) Abort() {
	if w.tmp != nil {
		w.tmp.Close()
		os.Remove(w.tmp.Name())
	}
}
