package table

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// parquetWriter writes integers, texts and doubles.
type parquetWriter struct {
	w      *parquet.GenericWriter[any]
	fields []field
	place  []int // of each column in the schema, which sorts names
	row    parquet.Row
}

func newParquetWriter(out io.Writer, fields []field) *parquetWriter {
	group := parquet.Group{}
	for _, f := range fields {
		switch f.form {
		case formInteger:
			group[f.name] = parquet.Leaf(parquet.Int64Type)
		case formText:
			group[f.name] = parquet.String()
		default:
			group[f.name] = parquet.Leaf(parquet.DoubleType)
		}
	}
	schema := parquet.NewSchema("rows", group)
	p := &parquetWriter{w: parquet.NewGenericWriter[any](out, schema), fields: fields, row: make(parquet.Row, len(fields))}
	at := map[string]int{}
	for i, path := range schema.Columns() {
		at[path[0]] = i
	}
	for _, f := range fields {
		p.place = append(p.place, at[f.name])
	}
	return p
}

func (p *parquetWriter) write(values []float64) error {
	for i, x := range values {
		c := p.place[i]
		v := parquet.DoubleValue(x)
		switch f := p.fields[i]; f.form {
		case formInteger:
			v = parquet.Int64Value(int64(x))
		case formText:
			v = parquet.ByteArrayValue([]byte(f.values.Format(x)))
		}
		p.row[c] = v.Level(0, 0, c)
	}
	_, err := p.w.WriteRows([]parquet.Row{p.row})
	return err
}
