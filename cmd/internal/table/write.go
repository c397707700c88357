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
)

// Writer writes a table in pieces. A file is written under a temporary name and
// renamed by Close; after Abort an old file of that name is as it was.
type Writer struct {
	path   string
	tmp    *os.File
	out    *bufio.Writer
	cols   int
	rows   int
	single bool
	npy    bool
	pq     *parquetWriter
	line   []byte
}

// Create begins a table; - is standard output, as CSV. With single, numbers are
// written with the digits of a float32.
func Create(path string, columns []string, stdout io.Writer, single bool) (*Writer, error) {
	w := &Writer{path: path, cols: len(columns), single: single}
	var dst io.Writer = stdout
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case path == "-", ext == ".csv", ext == ".tsv", ext == ".txt":
	case ext == ".npy":
		w.npy = true
	case ext == ".parquet":
		w.pq = &parquetWriter{}
	default:
		return nil, fmt.Errorf("%s: unknown kind of file %q: want .csv, .npy or .parquet", path, ext)
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
		w.pq = newParquetWriter(w.out, columns)
		return w, nil
	}
	if w.npy {
		_, err := w.out.Write(w.header())
		return w, err
	}
	for j, c := range columns {
		if strings.ContainsAny(c, ",\"\n") {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		if j > 0 {
			c = "," + c
		}
		if _, err := w.out.WriteString(c); err != nil {
			return w, err
		}
	}
	_, err := w.out.WriteString("\n")
	return w, err
}

// header is an .npy header of fixed length, written again with the number of
// rows when that is known.
func (w *Writer) header() []byte {
	size := 8
	if w.single {
		size = 4
	}
	shape := fmt.Sprintf("(%d, %d)", w.rows, w.cols)
	text := fmt.Sprintf("{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }", size, shape)
	text += strings.Repeat(" ", 118-1-len(text)) + "\n"
	b := append([]byte(npyPrefix), 1, 0)
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
}

// Write appends whole rows.
func (w *Writer) Write(rows []float64) error {
	w.rows += len(rows) / w.cols
	for i := 0; w.pq != nil && i < len(rows); i += w.cols {
		if err := w.pq.write(rows[i : i+w.cols]); err != nil {
			return fmt.Errorf("%s: %w", w.path, unwrapPath(err))
		}
	}
	if w.pq != nil {
		return nil
	}
	bits := 64
	if w.single {
		bits = 32
	}
	for i, v := range rows {
		w.line = w.line[:0]
		switch {
		case w.npy && w.single:
			w.line = binary.LittleEndian.AppendUint32(w.line, math.Float32bits(float32(v)))
		case w.npy:
			w.line = binary.LittleEndian.AppendUint64(w.line, math.Float64bits(v))
		default:
			w.line = strconv.AppendFloat(w.line, v, 'g', -1, bits)
			if (i+1)%w.cols == 0 {
				w.line = append(w.line, '\n')
			} else {
				w.line = append(w.line, ',')
			}
		}
		if _, err := w.out.Write(w.line); err != nil {
			return fmt.Errorf("%s: %w", w.path, unwrapPath(err))
		}
	}
	return nil
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
