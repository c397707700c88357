package table

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t testing.TB, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(p, []byte(text), 0o644))
	return p
}

func TestCSV(t *testing.T) {
	for name, text := range map[string]string{
		"header":    "a,b\n1,2\n3,4.5e-3\n",
		"crlf":      "\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4.5e-3",
		"tabs":      "a\tb\n1\t2\n3\t4.5e-3\n",
		"semicolon": "a;b\n1; 2\n3;4.5e-3\n",
		"quotes":    "\"a\",b\n\"1\",2\n3,\"4.5e-3\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(write(t, "d.csv", text), nil)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, got.Columns)
			require.Equal(t, []float64{1, 2, 3, 4.5e-3}, got.Data)
		})
	}
	got, err := Read(write(t, "d.csv", "\"a;b;c\",d\n1,2\n"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a;b;c", "d"}, got.Columns, "what is quoted separates nothing")
	got, err = Read("-", strings.NewReader("1,2\n3,4\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"x1", "x2"}, got.Columns)
	require.Equal(t, 2, got.Rows)
}

func TestErrors(t *testing.T) {
	npy := func(descr, shape string, data int) string {
		h := "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n"
		return npyPrefix + "\x01\x00" + string([]byte{byte(len(h)), 0}) + h + strings.Repeat("\x00", data)
	}
	for _, c := range []struct{ file, text, want string }{
		{"d.csv", "", "the file is empty"},
		{"d.csv", "a,b\n", "no rows"},
		{"d.csv", "a,b\n1,2\n3\n", "d.csv:3: 1 fields, the first row has 2"},
		{"d.csv", "a,b\n1,2,3\n", "d.csv:2: 3 fields"},
		{"d.csv", "income,b\n1,2\nn/a,2\n", `d.csv:3: column "income": "n/a" is a missing value: fill such cells, or leave such rows out by --missing drop`},
		{"d.csv", "income,b\n1,2\nnone,2\n", `d.csv:3: column "income": "none" is not a number`},
		{"d.csv", "a,b\n1,\n", `d.csv:2: column "b": empty cell`},
		{"d.csv", "a,b\n1,2\n1,NaN\n", `d.csv:3: column "b": "NaN" is a missing value`},
		{"d.csv", "a,b\n1,1e999\n", `d.csv:2: column "b": "1e999" is out of the range of numbers`},
		{"d.csv", "a,b\n1,-Inf\n", `d.csv:2: column "b": -Inf is not a finite number`},
		{"d.csv", "a,a\n1,2\n", "both named"},
		{"d.csv", "a,b\n1,2\n3,\"4\n5,6\n7,8\n", "d.csv:3: a quote in this row is not closed until line 5"},
		{"d.csv", "a,b\noops,1\n" + strings.Repeat("2,3\n", 200), `d.csv: column "a": "oops" is not a number, as 200 of its 201 cells are`},
		{"d.csv", "a,b\n\"one\ntwo\",1\n\n\"x\",2\ny,z\n", `d.csv:6: column "b": "z" is not a number`},
		{"d.csv", "a,b\n1,2\n3,5\" pipe\n4,5\n", `d.csv:3: byte 4: bare " in non-quoted-field`},
		{"d.csv", "\xff\xfea,b\n1,2\n", "d.csv:1: column 1: \"\\xff\\xfea\" is not UTF-8"},
		{"d.csv", "a,b\nZ\xfcrich,2\n", `d.csv:2: column "a": "Z\xfcrich" is not UTF-8: convert the file`},
		{"d.xls", "abc", "unknown kind of file"},
		{"d.npy", "abc", "not a NumPy"},
		{"d.npy", npy("<f8", "(3, 2)", 40), "promises 3 × 2"},
		{"d.npy", npy("<f8", "(1000000000, 100000)", 8), "promises"},
		{"d.npy", npy("|O", "(3, 2)", 48), `"|O" is not supported`},
		{"d.npy", npy("<f8", "(3, 2, 2)", 96), "want a matrix"},
		{"d.npy", npy("<f8", "(0, 2)", 0), "no numbers"},
		{"d.parquet", "PAR1 broken PAR1", "not a Parquet file"},
		{"d.npz", "PK broken", "not an .npz archive"},
	} {
		r, err := Open(write(t, c.file, c.text), nil)
		if err == nil {
			if strings.Contains(c.text, "\xfc") || strings.Contains(c.text, "\"one") || strings.Contains(c.text, "oops") {
				r.TakeTexts()
			}
			_, err = r.All()
			require.NoError(t, r.Close())
		}
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, c.file)
	}
	_, err := Read(filepath.Join(t.TempDir(), "missing.csv"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "missing.csv")
	_, err = Read(t.TempDir(), nil)
	require.ErrorContains(t, err, "folder")
}

// Every kind of file gives back what was written, in pieces of any size.
func TestRoundTrip(t *testing.T) {
	data := []float64{1, -2.5, 1e-300, math.MaxFloat64, 0.1, 1. / 3}
	for _, ext := range []string{".csv", ".tsv", ".npy", ".parquet"} {
		p := filepath.Join(t.TempDir(), "d"+ext)
		_, err := Create(p, []Field{{Name: "a"}, {Name: "a"}}, nil, false)
		require.ErrorContains(t, err, `two columns named "a"`)
		w, err := Create(p, []Field{{Name: "a"}, {Name: "b,c"}}, nil, false)
		require.NoError(t, err)
		require.NoError(t, w.Write(data[:2]))
		require.NoError(t, w.Write(data[2:]))
		require.NoError(t, w.Close())
		got, err := Read(p, nil)
		require.NoError(t, err)
		if ext == ".parquet" { // columns come back sorted by name: these are
			require.Equal(t, []string{"a", "b,c"}, got.Columns)
		}
		require.Equal(t, data, got.Data)
		if ext == ".tsv" {
			text, err := os.ReadFile(p)
			require.NoError(t, err)
			require.Equal(t, "a\t\"b,c\"\n1\t-2.5\n", string(text[:len("a\t\"b,c\"\n1\t-2.5\n")]))
		}
		r, err := Open(p, nil)
		require.NoError(t, err)
		var pieces []float64
		buf := make([]float64, 5)
		for {
			n, err := r.Next(buf)
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			pieces = append(pieces, buf[:2*n]...)
		}
		require.Equal(t, data, pieces)
		require.NoError(t, r.Close())
		w, err = Create(p, []Field{{Name: "a"}}, nil, true)
		require.NoError(t, err)
		w.Abort()
		left, err := os.ReadDir(filepath.Dir(p))
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
	var out bytes.Buffer
	w, err := Create("-", []Field{{Name: "p"}}, &out, true)
	require.NoError(t, err)
	require.NoError(t, w.Write([]float64{float64(float32(0.1))}))
	require.NoError(t, w.Close())
	require.Equal(t, "p\n0.1\n", out.String())
}

func TestSelect(t *testing.T) {
	cols := []string{"age", "income", "7", "d"}
	got, err := Select(cols, "income, 1,3-4")
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 2, 3}, got)
	_, err = Select(cols, "incme")
	require.ErrorContains(t, err, `did you mean "income"`)
	_, err = Select(cols, "9")
	require.ErrorContains(t, err, "there are 4 columns")
	_, err = Select(cols, "100-200")
	require.ErrorContains(t, err, "there are 4 columns")
	_, err = Select(cols, "d,d")
	require.ErrorContains(t, err, "twice")
}

func fuzz(f *testing.F, ext string) {
	f.Fuzz(func(t *testing.T, b []byte) {
		p := filepath.Join(t.TempDir(), "f"+ext)
		require.NoError(t, os.WriteFile(p, b, 0o644))
		r, err := Open(p, nil)
		if err != nil {
			return
		}
		defer r.Close()
		r.TakeTexts()
		r.DropMissing()
		got, err := r.All()
		if err == nil {
			require.Len(t, got.Data, got.Rows*got.Cols)
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,b\nx,2\n\"y, z\",NA\n", "\"\n", "1;2\n\"3\";4", "\xef\xbb\xbf", ",,,\n,,,"} {
		f.Add([]byte(s))
	}
	fuzz(f, ".csv")
}

func FuzzNPY(f *testing.F) {
	f.Add([]byte(npyPrefix + "\x01\x00\x3a\x00{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }\n\x00\x00\x00\x00"))
	f.Add([]byte(npyPrefix))
	fuzz(f, ".npy")
}

// What is read ahead is what is read piece by piece; it can be left at any piece, and
// errors come where they are.
func TestAhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	write := func(rows int, end string) {
		var b strings.Builder
		b.WriteString("a,b\n")
		for i := range rows {
			fmt.Fprintf(&b, "%d,%d\n", i, -i)
		}
		b.WriteString(end)
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	for _, rows := range []int{1, 9, 10, 11, 35} {
		write(rows, "")
		for stop := range 6 {
			r, err := Open(path, nil)
			require.NoError(t, err)
			a := r.Ahead(10)
			seen := 0
			for range stop {
				v, err := a.Next()
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
					require.Equal(t, rows, seen)
					break
				}
				for i := 0; i < len(v); i += 2 {
					require.Equal(t, []float64{float64(seen), float64(-seen)}, v[i:i+2])
					seen++
				}
			}
			a.Close()
			require.NoError(t, r.Close())
		}
	}
	write(25, "1,x\n")
	r, err := Open(path, nil)
	require.NoError(t, err)
	defer r.Close()
	a := r.Ahead(10)
	defer a.Close()
	for range 2 {
		_, err = a.Next()
		require.NoError(t, err)
	}
	_, err = a.Next()
	require.ErrorContains(t, err, `a.csv:27: column "b": "x" is not a number`)
}

// A first row of numbers and texts may be names or a row; one of numbers alone, or with a
// number twice, is a row.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		text            string
		named, doubtful bool
		names           []string
	}{
		{"a,b\n1,2\n", true, false, []string{"a", "b"}},
		{"region,2019,2020\nx,1,2\n", true, true, []string{"region", "2019", "2020"}},
		{"1,2,red,1\n", false, false, []string{"x1", "x2", "x3", "x4"}},
		{"2019,2020\n1,2\n", false, false, []string{"x1", "x2"}},
	} {
		r, err := Open("-", strings.NewReader(c.text))
		require.NoError(t, err)
		require.Equal(t, c.named, r.Named(), c.text)
		require.Equal(t, c.doubtful, r.Doubtful(), c.text)
		require.Equal(t, c.names, r.Columns())
	}
	r, err := Open("-", strings.NewReader("5,red\n6,blue\n"))
	require.NoError(t, err)
	require.True(t, r.Doubtful())
	r.TakeNamesAsRow()
	require.False(t, r.Named())
	r.TakeTexts()
	all, err := r.All()
	require.NoError(t, err)
	require.Equal(t, []float64{5, 1, 6, 0}, all.Data)
	require.Equal(t, []string{"x1", "x2"}, all.Columns)
	for ext, named := range map[string]bool{".parquet": true, ".npy": false} {
		path := filepath.Join(t.TempDir(), "d"+ext)
		w, err := Create(path, []Field{{Name: "2019"}, {Name: "b"}}, nil, false)
		require.NoError(t, err)
		require.NoError(t, w.Write([]float64{1, 2}))
		require.NoError(t, w.Close())
		r, err := Open(path, nil)
		require.NoError(t, err)
		require.Equal(t, named, r.Named(), ext)
		require.False(t, r.Doubtful(), ext)
		require.NoError(t, r.Close())
	}
}
