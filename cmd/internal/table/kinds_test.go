package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models"
)

func values(t testing.TB, k models.Kind) *models.Values {
	t.Helper()
	v, err := k.Values()
	require.NoError(t, err)
	return v
}

// fields are a column of each way of writing, with some rows.
var fields = []Field{
	{"a real", models.Kind{}},
	{"count", models.Kind{Of: models.KindInteger}},
	{"grade", models.Kind{Of: models.KindOrdinal, Levels: []string{"0.5", "1", "2.5"}}},
	{"rooms", models.Kind{Of: models.KindOrdinal, Levels: []string{"1", "2", "10"}}},
	{"zip", models.Kind{Of: models.KindCategorical, Levels: []string{"02134", "10115"}}},
	{"city, town", models.Kind{Of: models.KindCategorical, Levels: []string{"a \"b\"", "NA", "x,y"}}},
}

var fieldRows = []float64{
	0.1, 12000000, 0.5, 10, 2134, 0,
	-1e-9, -3, 2.5, 1, 10115, 1,
	3, 1 << 40, 1, 2, 2134, 2,
}

// Columns of every kind come back from every kind of file, in pieces of any size.
func TestKindsRoundTrip(t *testing.T) {
	for _, ext := range []string{".csv", ".npy", ".parquet"} {
		p := filepath.Join(t.TempDir(), "d"+ext)
		w, err := Create(p, fields, nil, false)
		require.NoError(t, err)
		require.NoError(t, w.Write(fieldRows))
		require.NoError(t, w.Close())
		r, err := Open(p, nil)
		require.NoError(t, err)
		var order []int
		for i, f := range fields {
			at := i
			if ext != ".npy" { // where columns have names
				at = slices.Index(r.Columns(), f.Name)
			}
			order = append(order, at)
			r.Take(at, values(t, f.Kind))
		}
		r.Pick(order)
		var got []float64
		for buf := make([]float64, 2*len(fields)); ; {
			n, err := r.Next(buf)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			got = append(got, buf[:n*len(fields)]...)
		}
		require.Equal(t, fieldRows, got, ext)
		require.NoError(t, r.Close())
	}
	var out bytes.Buffer
	w, err := Create("-", fields, &out, true)
	require.NoError(t, err)
	require.NoError(t, w.Write(fieldRows[:12]))
	require.NoError(t, w.Close())
	require.Equal(t, "a real,count,grade,rooms,zip,\"city, town\"\n0.1,12000000,0.5,10,02134,\"a \"\"b\"\"\"\n-1e-09,-3,2.5,1,10115,NA\n", out.String())
}

// Columns of text become levels; their cells are the numbers of these.
func TestTexts(t *testing.T) {
	r, err := Open(write(t, "d.csv", "city,n,zip,id\nRome,1,10115,a1\nBonn,2,02134,b\n Oslo ,3,10115,c\nBonn,4,10115,d\n"), nil)
	require.NoError(t, err)
	r.TakeTexts()
	r.TakeText(2)
	got, err := r.All()
	require.NoError(t, err)
	require.Equal(t, [][]string{{"Bonn", "Oslo", "Rome"}, nil, {"02134", "10115"}, {"a1", "b", "c", "d"}}, got.Texts)
	require.Equal(t, []float64{2, 1, 10115, 0, 0, 2, 2134, 1, 1, 3, 10115, 2, 0, 4, 10115, 3}, got.Data)
	require.Equal(t, []bool{false, false, false, false}, got.TooMany)

	many := "id\n"
	for i := range models.MaxLevels + 1 {
		many += fmt.Sprintf("x%d\n", i)
	}
	r, err = Open(write(t, "d.csv", many), nil)
	require.NoError(t, err)
	r.TakeTexts()
	got, err = r.All()
	require.NoError(t, err)
	require.Equal(t, []bool{true}, got.TooMany)

	r, err = Open(write(t, "d.csv", "a,b\n1,2\nx,3\n"), nil)
	require.NoError(t, err)
	r.TakeTexts()
	_, err = r.All()
	require.ErrorContains(t, err, `d.csv:3: column "a": "x" is not a number, as the cells above it are`)
}

// Rows with missing values can be left out; they are counted, their other cells leave
// no trace, and lines in messages are those of the file.
func TestDropMissing(t *testing.T) {
	text := "a,city\n1,Rome\nNA,Bonn\n3,\n4,null\nnan,Rome\n6,Oslo\n"
	r, err := Open(write(t, "d.csv", text), nil)
	require.NoError(t, err)
	r.TakeTexts()
	r.DropMissing()
	got, err := r.All()
	require.NoError(t, err)
	require.Equal(t, 4, got.Dropped)
	require.Equal(t, []float64{1, 1, 6, 0}, got.Data)
	require.Equal(t, []string{"Oslo", "Rome"}, got.Texts[1])

	r, err = Open(write(t, "d.csv", text), nil)
	require.NoError(t, err)
	r.TakeTexts()
	_, err = r.All()
	require.ErrorContains(t, err, `d.csv:3: column "a": "NA" is a missing value`)

	r, err = Open(write(t, "d.csv", text+"7,8,9\n"), nil)
	require.NoError(t, err)
	r.DropMissing()
	r.TakeTexts()
	_, err = r.All()
	require.ErrorContains(t, err, "d.csv:8: 3 fields")

	r, err = Open(write(t, "d.csv", "a\nNA\n"), nil)
	require.NoError(t, err)
	_, err = r.All()
	require.ErrorContains(t, err, `column "a": "NA" is a missing value`)
	r, err = Open(write(t, "d.csv", "a\nNA\n"), nil)
	require.NoError(t, err)
	r.DropMissing()
	_, err = r.All()
	require.ErrorContains(t, err, "each of the 1 rows has a missing value")

	r, err = Open(write(t, "d.csv", "1,NA\n2,3\n"), nil) // no header
	require.NoError(t, err)
	require.Equal(t, []string{"x1", "x2"}, r.Columns())
}

// Cells are held against their kinds where they stand; columns that are not read can
// hold anything.
func TestTake(t *testing.T) {
	for _, c := range []struct {
		kind      models.Kind
		good, bad string
		want      string
	}{
		{models.Kind{Of: models.KindPositive}, "1", "-1", "-1 in a column of positive numbers"},
		{models.Kind{Of: models.KindBounded, Lo: 0, Hi: 1}, "0.5", "1", "1 in a column bounded by 0 and 1"},
		{models.Kind{Of: models.KindInteger}, "5", "0.25", "0.25 in a column of whole numbers"},
		{models.Kind{Of: models.KindInteger}, "5", "x", `"x" is not a number`},
		{models.Kind{Of: models.KindInteger}, "5", "NA", `"NA" is a missing value`},
		{models.Kind{Of: models.KindCategorical, Levels: []string{"0.5", "red"}}, "0.5", "rad", `"rad" is none of the levels 0.5, red, did you mean "red"`},
	} {
		r, err := Open(write(t, "d.csv", "a,b\nok,"+c.good+"\nok,"+c.bad+"\n"), nil)
		require.NoError(t, err)
		r.Pick([]int{1})
		r.Take(1, values(t, c.kind))
		_, err = r.All()
		require.ErrorContains(t, err, `d.csv:3: column "b": `+c.want)
	}
	// Numbers of .npy files too, by row.
	p := filepath.Join(t.TempDir(), "d.npy")
	w, err := Create(p, []Field{{Name: "a"}, {Name: "b"}}, nil, false)
	require.NoError(t, err)
	require.NoError(t, w.Write([]float64{1, 2, 3, -4}))
	require.NoError(t, w.Close())
	r, err := Open(p, nil)
	require.NoError(t, err)
	r.Take(1, values(t, models.Kind{Of: models.KindPositive}))
	_, err = r.All()
	require.ErrorContains(t, err, `d.npy: row 2, column "x2": -4 in a column of positive numbers`)
}

// Columns of a Parquet file that are neither numbers nor text matter only when they
// are read.
func TestParquetColumns(t *testing.T) {
	p := filepath.Join(t.TempDir(), "d.parquet")
	type row struct {
		A    *float64 `parquet:"a,optional"`
		List []int64  `parquet:"list"`
		Name string   `parquet:"name"`
	}
	one := 1.5
	require.NoError(t, parquet.WriteFile(p, []row{{&one, []int64{1, 2}, "x"}, {nil, nil, "y"}, {&one, nil, "x"}}))
	r, err := Open(p, nil)
	require.NoError(t, err)
	_, err = r.All()
	require.ErrorContains(t, err, `column "list" holds lists`)
	require.NoError(t, r.Close())
	for _, drop := range []bool{false, true} {
		r, err = Open(p, nil)
		require.NoError(t, err)
		r.Pick([]int{slices.Index(r.Columns(), "name"), slices.Index(r.Columns(), "a")})
		r.TakeTexts()
		if drop {
			r.DropMissing()
		}
		got, err := r.All()
		if drop {
			require.NoError(t, err)
			require.Equal(t, []float64{0, 1.5, 0, 1.5}, got.Data)
			require.Equal(t, 1, got.Dropped)
		} else {
			require.ErrorContains(t, err, `row 2, column "a": empty cell`)
		}
		require.NoError(t, r.Close())
	}
	type point struct{ X float64 }
	type pair struct{ From, To point }
	require.NoError(t, parquet.WriteFile(p, []pair{{point{1}, point{2}}}))
	got, err := Read(p, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"From.X", "To.X"}, got.Columns, "the same leaf of two groups")
}
