package table

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// guard turns a panic of the Parquet decoder on damaged bytes into an error.
func guard(name string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: damaged Parquet file: %v", name, r)
	}
}

// openParquet streams the numeric columns of a Parquet file, row group by row
// group.
func openParquet(name string, f *os.File, size int64) (out *Reader, err error) {
	defer guard(name, &err)
	pf, err := parquet.OpenFile(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: not a Parquet file, or cut short: %w", name, err)
	}
	out = &Reader{name: name, close: f.Close}
	for _, path := range pf.Schema().Columns() {
		leaf, _ := pf.Schema().Lookup(path...)
		switch kind := leaf.Node.Type().Kind(); kind {
		case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
		default:
			return nil, fmt.Errorf("%s: column %q is %v: want numbers; leave it out of the file", name, path[len(path)-1], kind)
		}
		if leaf.MaxRepetitionLevel > 0 {
			return nil, fmt.Errorf("%s: column %q holds lists: want one number a row", name, path[len(path)-1])
		}
		out.columns = append(out.columns, path[len(path)-1])
	}
	if len(out.columns) == 0 {
		return nil, fmt.Errorf("%s: there are no columns", name)
	}
	p := &parquetReader{name: name, columns: out.columns, groups: pf.RowGroups(), buf: make([]parquet.Row, 256)}
	out.next = p.next
	return out, nil
}

type parquetReader struct {
	name    string
	columns []string
	groups  []parquet.RowGroup
	rows    parquet.Rows
	buf     []parquet.Row
	at, n   int
	done    int
}

func (p *parquetReader) next(row []float64) (err error) {
	defer guard(p.name, &err)
	for p.at == p.n {
		if err := p.fill(); err != nil {
			return err
		}
	}
	for _, v := range p.buf[p.at] {
		c := v.Column()
		if v.IsNull() {
			return fmt.Errorf("%s: row %d, column %q: empty cell: drop or fill such rows", p.name, p.done+1, p.columns[c])
		}
		switch v.Kind() {
		case parquet.Boolean:
			row[c] = 0
			if v.Boolean() {
				row[c] = 1
			}
		case parquet.Int32:
			row[c] = float64(v.Int32())
		case parquet.Int64:
			row[c] = float64(v.Int64())
		case parquet.Float:
			row[c] = float64(v.Float())
		default:
			row[c] = v.Double()
		}
	}
	p.at++
	p.done++
	return nil
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

// parquetWriter writes doubles.
type parquetWriter struct {
	w     *parquet.GenericWriter[any]
	place []int // of each column in the schema, which sorts names
	row   parquet.Row
}

func newParquetWriter(out io.Writer, columns []string) *parquetWriter {
	group := parquet.Group{}
	for _, c := range columns {
		group[c] = parquet.Leaf(parquet.DoubleType)
	}
	schema := parquet.NewSchema("rows", group)
	p := &parquetWriter{w: parquet.NewGenericWriter[any](out, schema), row: make(parquet.Row, len(columns))}
	at := map[string]int{}
	for i, path := range schema.Columns() {
		at[path[0]] = i
	}
	for _, c := range columns {
		p.place = append(p.place, at[c])
	}
	return p
}

func (p *parquetWriter) write(values []float64) error {
	for i, v := range values {
		c := p.place[i]
		p.row[c] = parquet.DoubleValue(v).Level(0, 0, c)
	}
	_, err := p.w.WriteRows([]parquet.Row{p.row})
	return err
}
