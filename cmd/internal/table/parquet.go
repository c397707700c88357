package table

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// guard turns a panic of the Parquet decoder on damaged bytes into an error.
func guard(name string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: damaged Parquet file: %v", name, r)
	}
}

// openParquet streams the columns of a Parquet file, row group by row group.
func openParquet(name string, f *os.File, size int64) (out *Reader, err error) {
	defer guard(name, &err)
	pf, err := parquet.OpenFile(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: not a Parquet file, or cut short: %w", name, err)
	}
	var columns []string
	var bad []error
	for _, path := range pf.Schema().Columns() {
		leaf, _ := pf.Schema().Lookup(path...)
		columns, bad = append(columns, strings.Join(path, ".")), append(bad, unreadable(leaf))
	}
	if len(columns) == 0 {
		return nil, fmt.Errorf("%s: there are no columns", name)
	}
	p := &parquetReader{name: name, groups: pf.RowGroups(), buf: make([]parquet.Row, 256), file: f}
	out = newReader(name, columns, p)
	out.named = true
	for i, err := range bad {
		out.columns[i].bad = err
	}
	return out, nil
}

// unreadable says why a column is neither of numbers nor of text.
func unreadable(leaf parquet.LeafColumn) error {
	t := leaf.Node.Type()
	decimal := false
	if l := t.LogicalType(); l != nil {
		_, decimal = l.Value.(*format.DecimalType)
	}
	switch kind := t.Kind(); {
	case leaf.MaxRepetitionLevel > 0:
		return errors.New("holds lists: want one number or text a row")
	case decimal:
		return errors.New("holds decimals: want integers, floating-point numbers or text")
	case kind == parquet.Int96 || kind == parquet.FixedLenByteArray:
		return fmt.Errorf("is %v: want numbers or text", kind)
	}
	return nil
}

type parquetReader struct {
	name   string
	groups []parquet.RowGroup
	rows   parquet.Rows
	buf    []parquet.Row
	at, n  int
	done   int
	file   *os.File
}

func (p *parquetReader) close() error { return p.file.Close() }

func (p *parquetReader) next(columns []column, texts bool, row []float64) (err error) {
	defer guard(p.name, &err)
	if p.done == 0 {
		for _, c := range columns {
			if c.at >= 0 && c.bad != nil {
				return fmt.Errorf("%s: column %q %w; leave it out", p.name, c.name, c.bad)
			}
		}
	}
	for p.at == p.n {
		if err := p.fill(); err != nil {
			return err
		}
	}
	p.done++
	var lacks error
	for _, v := range p.buf[p.at] {
		c := &columns[v.Column()]
		if c.at < 0 {
			continue
		}
		x, err := cell(c, v, texts)
		if err = inRow(p.name, p.done, c, err); err != nil && !errors.As(err, new(errMissing)) {
			return err
		}
		if err != nil && lacks == nil {
			lacks = err
		}
		row[c.at] = x
	}
	p.at++
	return lacks
}

func cell(c *column, v parquet.Value, texts bool) (float64, error) {
	if v.IsNull() {
		return 0, errMissing{}
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return c.number(1)
		}
		return c.number(0)
	case parquet.Int32:
		return c.number(float64(v.Int32()))
	case parquet.Int64:
		return c.number(float64(v.Int64()))
	case parquet.Float:
		return c.number(float64(v.Float()))
	case parquet.Double:
		return c.number(v.Double())
	}
	return c.text(string(v.ByteArray()), texts)
}

// fill reads the next rows, from the next group if this one is at its end.
func (p *parquetReader) fill() error {
	if p.rows == nil {
		if len(p.groups) == 0 {
			return io.EOF
		}
		p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
	}
	n, err := p.rows.ReadRows(p.buf)
	p.at, p.n = 0, n
	if n > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: damaged Parquet file: %w", p.name, err)
	}
	err = p.rows.Close()
	p.rows = nil
	return err
}
