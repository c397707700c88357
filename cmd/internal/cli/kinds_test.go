package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

const homesHeader = "id,price,share,rooms,colour,grade,hour,z\n"

// homes is a table with a column of each kind.
func homes(n int) string {
	rng := rand.New(rand.NewPCG(4, 4))
	var b strings.Builder
	b.WriteString(homesHeader)
	for i := range n {
		z := rng.NormFloat64()
		fmt.Fprintf(&b, "home %d,%.4f,%.5f,%d,%s,%s,%.3f,%.3f\n", i, math.Exp(3+2*z), 0.1+0.8*rng.Float64(), 1+rng.IntN(5),
			[]string{"red", `"blue, dark"`, "green"}[rng.IntN(3)], []string{"low", "mid", "high"}[rng.IntN(3)], math.Mod(47+2*rng.NormFloat64(), 24), z+rng.NormFloat64())
	}
	return b.String()
}

const homesSchema = `share: {kind: bounded, lo: 0, hi: 1}
grade: {kind: ordinal, levels: [low, mid, high]}
hour: {kind: periodic, period: 24}
`

// loud is quick without --quiet.
var loud = quick[:len(quick)-1]

func train0(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	code, out, errs := gorge("", append(append([]string{"train"}, args...), loud...)...)
	require.Zero(t, code, errs)
	return out, errs
}

// What columns hold is inferred, printed, written, and the same when given again.
func TestSchemaInferred(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(600))
	run := filepath.Join(dir, "run")
	out, _ := train0(t, "--data", data, "--schema", file(t, dir, "s.yaml", homesSchema), "--out", run)
	for _, line := range []string{
		"  id                 ignored: text, 600 different in 600 rows", "  price              positive",
		"  share              bounded by 0 and 1 (given)", "  rooms              integer",
		`  colour             categorical: "blue, dark", green, red`, "  grade              ordinal: low, mid, high (given)",
		"  hour               periodic: period 24 from 0 (given)", "  z                  real",
		"log in nats of a probability (rooms, colour, grade) times a density",
	} {
		require.Contains(t, out, line)
	}
	written, err := readSchema(filepath.Join(run, "schema.yaml"))
	require.NoError(t, err)
	require.Len(t, written.columns, 8)
	require.Equal(t, models.Kind{Of: "categorical", Levels: []string{"blue, dark", "green", "red"}}, written.find("colour").kind)
	again := filepath.Join(dir, "again")
	train0(t, "--data", data, "--schema", filepath.Join(run, "schema.yaml"), "--out", again)
	require.Equal(t, read(t, run, "model.safetensors"), read(t, again, "model.safetensors"))
	var s summary
	require.NoError(t, json.Unmarshal(read(t, run, "summary.json"), &s))
	require.Contains(t, s.LogProb, "probability (rooms, colour, grade)")
	require.Nil(t, s.WorstGaussian)

	code, out, errs := gorge("", "inspect", filepath.Join(run, "model.safetensors"))
	require.Zero(t, code, errs)
	for _, line := range []string{"log_prob    log in nats of a probability", "positive, mean of the logarithm", "periodic: period 24 from 0, cut open at ", "ignored     id"} {
		require.Contains(t, out, line)
	}
	out, _ = train0(t, "--data", data, "--schema", "none", "--columns", "price,z", "--out", run)
	require.Contains(t, out, "  price              real\n")
	require.NotContains(t, string(read(t, run, "schema.yaml")), "price: positive")
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// Samples are written as the columns are, in every kind of file, and what is read back
// scores as was said of it.
func TestSampleKinds(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(600))
	run := filepath.Join(dir, "run")
	train0(t, "--data", data, "--schema", file(t, dir, "s.yaml", homesSchema), "--out", run)
	model := filepath.Join(run, "model.safetensors")
	for _, ext := range []string{".csv", ".npy", ".parquet"} {
		samples, scores := filepath.Join(dir, "s"+ext), filepath.Join(dir, "scores"+ext)
		code, _, errs := gorge("", "sample", model, "-n", "50", "-o", samples)
		require.Zero(t, code, errs)
		if ext == ".npy" { // has no names: the columns by place, without the last
			tab, err := table.Read(samples, nil)
			require.NoError(t, err)
			var b strings.Builder
			b.WriteString("price,share,rooms,colour,grade,hour,z,log_prob\n")
			for i := range tab.Rows {
				row := tab.Data[i*tab.Cols : (i+1)*tab.Cols]
				fmt.Fprintf(&b, "%v,%v,%v,%s,%s,%v,%v,%v\n", row[0], row[1], row[2], []string{`"blue, dark"`, "green", "red"}[int(row[3])], []string{"low", "mid", "high"}[int(row[4])], row[5], row[6], row[7])
			}
			samples = file(t, dir, "npy.csv", b.String())
		}
		code, _, errs = gorge("", "score", model, samples, "-o", scores)
		require.Zero(t, code, errs)
		require.Contains(t, errs, "50 rows, mean log_prob")
		require.Contains(t, errs, "probability (rooms, colour, grade)")
		got, err := table.Read(scores, nil)
		require.NoError(t, err)
		r, err := table.Open(samples, nil)
		require.NoError(t, err)
		r.Pick([]int{slices.Index(r.Columns(), "log_prob")})
		want, err := r.All()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		for i := range got.Data {
			require.InDelta(t, want.Data[i], got.Data[i], 1e-3*(1+math.Abs(want.Data[i])), "%s row %d", ext, i)
		}
	}
	lines, err := csv.NewReader(strings.NewReader(string(read(t, dir, "s.csv")))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"price", "share", "rooms", "colour", "grade", "hour", "z", "log_prob"}, lines[0])
	for _, l := range lines[1:] {
		_, err := strconv.Atoi(l[2])
		require.NoError(t, err, "rooms")
		require.Contains(t, []string{"red", "blue, dark", "green"}, l[3])
		require.Contains(t, []string{"low", "mid", "high"}, l[4])
	}
	rows, err := parquet.ReadFile[struct {
		Rooms  int64  `parquet:"rooms"`
		Colour string `parquet:"colour"`
	}](filepath.Join(dir, "s.parquet"))
	require.NoError(t, err)
	require.Contains(t, []string{"red", "blue, dark", "green"}, rows[0].Colour)
}

// Columns that are context by the schema file, of names and of angles.
func TestSchemaContext(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(300))
	schema := file(t, dir, "s.yaml", "colour: {kind: categorical, encode: context}\nhour: {kind: periodic, period: 24, encode: context}\n")
	run := filepath.Join(dir, "run")
	out, _ := train0(t, "--data", data, "--schema", schema, "--columns", "price,z", "--out", run)
	require.Contains(t, out, `categorical: "blue, dark", green, red, context (given)`)
	model := filepath.Join(run, "model.safetensors")
	given := file(t, dir, "given.csv", "n,hour,colour\n1,25,red\n2,1,red\n3,4,\"blue, dark\"\n")
	code, out, errs := gorge("", "sample", model, "--context", given)
	require.Zero(t, code, errs)
	require.Equal(t, 4, strings.Count(out, "\n"))
	code, out, errs = gorge("colour,hour,price,z\nred,25,3,0\nred,1,3,0\n", "score", model, "-")
	require.Zero(t, code, errs)
	lines := strings.Split(out, "\n")
	require.Equal(t, lines[1], lines[2], "a turn later")
	for in, want := range map[string]string{
		"colour,hour,price,z\npink,1,3,0\n":          `standard input:2: column "colour": "pink" is none of the levels "blue, dark", green, red`,
		"colour,hour,price,z\nred,1,3,0\nred,1,-3,0": `standard input:3: column "price": -3 in a column of positive numbers`,
		"colour,price,z\nred,1,3\n":                  `no column hour; there are: colour, price, z`,
	} {
		code, _, errs := gorge(in, "score", model, "-")
		require.Equal(t, 1, code)
		require.Contains(t, errs, want)
	}
}

// Rows with missing values are an error, or are left out and counted.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	text := strings.Replace(homes(300), "\nhome 3,", "\nhome 3,NA,0.5,1,red,low,1,1\nhome x,", 1) + "last,1,0.5,,red,low,1,1\n"
	data := file(t, dir, "homes.csv", text)
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", "train", "--data", data, "--out", run)
	require.Equal(t, 1, code)
	require.Contains(t, errs, `homes.csv:5: column "price": "NA" is a missing value: fill such cells, or leave such rows out by --missing drop`)
	_, errs = train0(t, "--data", data, "--missing", "drop", "--out", run)
	require.Contains(t, errs, "homes.csv: 2 of 302 rows have missing values and are left out")
	var s summary
	require.NoError(t, json.Unmarshal(read(t, run, "summary.json"), &s))
	require.Equal(t, 2, s.DroppedRows)
	require.Equal(t, 30, s.TestRows)
	model := filepath.Join(run, "model.safetensors")
	code, _, errs = gorge("", "score", model, data)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "homes.csv:5")
	code, out, errs := gorge("", "score", model, data, "--missing", "drop")
	require.Zero(t, code, errs)
	require.Equal(t, 301, strings.Count(out, "\n"))
	require.Contains(t, errs, "2 rows have missing values")
	code, _, errs = gorge("price,share,rooms,colour,grade,hour,z\nNA,0.5,1,red,low,1,1\n", "score", model, "-", "--missing", "drop")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "standard input: each of the 1 rows has a missing value")
	dropped := strings.Split(out, "\n")
	code, out, errs = gorge("", "score", model, data, "--missing", "keep")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "homes.csv: 2 rows have missing values and are NaN\n300 rows, mean")
	kept := strings.Split(out, "\n")
	require.Len(t, kept, 304)
	require.Equal(t, "NaN", kept[4])
	require.Equal(t, dropped, slices.DeleteFunc(kept, func(s string) bool { return s == "NaN" }))
	code, out, errs = gorge("price,share,rooms,colour,grade,hour,z\nNA,0.5,1,red,low,1,1\n", "score", model, "-", "--missing", "keep")
	require.Zero(t, code, errs)
	require.Equal(t, "log_prob\nNaN\n", out)
	_, errs = train0(t, "--data", data, "--missing", "drop", "--test", data, "--valid", data, "--out", run)
	require.Contains(t, errs, "2 of 302")
}

// A run that is resumed takes the schema of its own folder.
func TestResumeSchema(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(300))
	schema := file(t, dir, "s.yaml", homesSchema)
	run := filepath.Join(dir, "run")
	train0(t, "--data", data, "--schema", schema, "--out", run)
	want := read(t, run, "model.safetensors")
	require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
	require.NoError(t, os.Remove(schema))
	code, _, errs := gorge("", "train", "--resume", run, "--quiet")
	require.Zero(t, code, errs)
	require.Equal(t, want, read(t, run, "model.safetensors"))
}

// What is wrong with schemas and columns is said before anything is fitted.
func TestSchemaMessages(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(300))
	for _, c := range []struct {
		schema string
		code   int
		want   string
		args   []string
	}{
		{"prices: positive", 2, `s.yaml:1: no column "prices", did you mean "price"; those of`, nil},
		{"price: positive\nprice: real", 2, `s.yaml:2: "price" is there twice`, nil},
		{"price: positve", 2, `did you mean "positive"`, nil},
		{"price: {kind: bounded, lo: 0, hi: 1}", 1, `in a column bounded by 0 and 1, the ends left out`, nil},
		{"z: integer", 1, `homes.csv:2: column "z"`, nil},
		{"id: integer", 1, `homes.csv:2: column "id": "home 0" is not a number`, nil},
		{"grade: ordinal", 2, `s.yaml:1: column "grade": cells are text: give their order, such as levels: [high, low, mid]`, nil},
		{"grade: {kind: categorical, levels: [low, high]}", 1, `"mid" is none of the levels low, high`, nil},
		{"grade: {kind: categorical, encode: context}", 2, `column "grade" is modelled by --columns, and context by`, []string{"--columns", "grade,z"}},
		{"z: ignored", 2, `column "z" is asked for, and ignored by`, []string{"--columns", "grade,z"}},
		{"", 1, `column "id" is text, 300 different in 300 rows: too many to model; a schema can say`, []string{"--columns", "id,z"}},
		{"", 2, `--missing "dorp", did you mean "drop"`, []string{"--missing", "dorp"}},
		{"", 2, `model "ncsf" is one of angles, and no column is periodic`, []string{"--model", "ncsf", "--columns", "price"}},
		{"price: {kind: integer}\nz: {kind: periodic, period: 0}", 2, `s.yaml:2: column "z": period: 0: want a number above 0`, nil},
	} {
		args := append([]string{"train", "--data", data, "--schema", file(t, dir, "s.yaml", c.schema), "--out", filepath.Join(dir, "run")}, c.args...)
		code, _, errs := gorge("", args...)
		require.Equal(t, c.code, code, errs)
		require.Contains(t, errs, c.want)
	}
	code, _, errs := gorge("", "train", "--data", data, "--schema", filepath.Join(dir, "none.yaml"))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "none.yaml: no such file")
	constant := file(t, dir, "constant.csv", "a,b\nx,1\nx,2\nx,3\n")
	code, _, errs = gorge("", "train", "--data", constant)
	require.Equal(t, 1, code)
	require.Contains(t, errs, `column "a" is constant ("x" in all 3 rows)`)
	_, err := os.Stat(filepath.Join(dir, "run"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is left behind")
}

// The density of two columns is drawn where it is one.
func TestDensityOfKinds(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "homes.csv", homes(300))
	for columns, drawn := range map[string]bool{"price,share": true, "rooms,z": false} {
		run := filepath.Join(dir, columns)
		train0(t, "--data", data, "--schema", file(t, dir, "s.yaml", homesSchema), "--columns", columns, "--out", run)
		require.Equal(t, drawn, fileExists(filepath.Join(run, "density.png")))
		require.True(t, fileExists(filepath.Join(run, "samples.png")))
	}
}
