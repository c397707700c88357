package cli

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/toy"
)

// dataset is what a run is fitted to and judged by. Its rows are the columns that are
// modelled, the context and the weight, in this order.
type dataset struct {
	name               string
	train, valid, test models.Data
	schema             models.Schema
	table              []string // all columns of the table
	roles              *roles
	given              map[string]bool   // columns whose kind the schema file gives
	ignored            map[string]string // why columns are, that nobody asked to be
	rows, dropped      int
}

// What can be done about missing values; kept are rows that are scored.
const (
	missingError = "error"
	missingDrop  = "drop"
	missingKeep  = "keep"
)

func checkMissing(how string, ways ...string) error {
	if how == "" || slices.Contains(ways, how) {
		return nil
	}
	return usagef("--missing %q%s: want %s or %s", how, models.Nearest(how, ways), strings.Join(ways[:len(ways)-1], ", "), ways[len(ways)-1])
}

// fraction reads a number, which is to be a part of the rows.
func fraction(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// isPart reports whether f can be a part of rows that leaves some.
func isPart(f float64) bool { return f >= 0 && f < 1 }

// loadData reads the table, finds what its columns hold, and sets the test rows
// aside.
func loadData(o *trainOptions, streams IO) (*dataset, error) {
	if err := checkMissing(o.Missing, missingError, missingDrop); err != nil {
		return nil, err
	}
	if f, isNumber := fraction(o.Valid); isNumber && !isPart(f) {
		return nil, usagef("--valid %v: want a fraction of the rows, 0 ≤ f < 1, or a table", f)
	}
	if o.Data == "-" && (o.Test == "-" || o.Valid == "-") {
		return nil, usagef("--data - beside --test or --valid -: standard input is one table")
	}
	file, err := o.schemaFile()
	if err != nil {
		return nil, err
	}
	if o.Data == "" {
		return loadShape(o, file)
	}
	r, err := table.Open(o.Data, streams.In)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	base := filepath.Base(o.Data)
	d := &dataset{name: strings.TrimSuffix(base, filepath.Ext(base)), table: r.Columns(), given: map[string]bool{}, ignored: map[string]string{}}
	if o.Data == "-" {
		d.name = "stdin"
	}
	if !o.Quiet {
		noteNames(streams.Err, r)
	}
	if err := file.checkNames(r.Name(), d.table); err != nil {
		return nil, err
	}
	if d.roles, err = o.roles(d.table, file); err != nil {
		return nil, err
	}
	t, err := d.read(r, o, file)
	if err != nil {
		return nil, err
	}
	if t, err = d.findKinds(t, o, file); err != nil {
		return nil, err
	}
	for i, w := range d.data(t, nil).Weights {
		if w < 0 {
			return nil, fmt.Errorf("%s: row %d, column %q: weight %v: must not be negative", t.Name, i+1, d.table[d.roles.weight], w)
		}
	}
	d.rows, d.dropped = t.Rows+t.Dropped, t.Dropped
	if d.dropped > 0 && !o.Quiet {
		fmt.Fprintf(streams.Err, "%s: %d of %d rows have missing values and are left out\n", t.Name, d.dropped, d.rows)
	}
	return d, d.split(o, t)
}

// noteNames says what was made of a first row that may be names, or may not.
func noteNames(out io.Writer, r *table.Reader) {
	there := r.Columns()
	switch {
	case r.Doubtful():
		fmt.Fprintf(out, "%s: the first row is taken for names: %s\n", r.Name(), strings.Join(there[:min(len(there), 8)], ", "))
	case !r.Named():
		fmt.Fprintf(out, "%s: no names of columns: they are x1 to x%d\n", r.Name(), len(there))
	}
}

// read reads the columns that are of use.
func (d *dataset) read(r *table.Reader, o *trainOptions, file *schemaFile) (*table.Table, error) {
	picked := d.roles.picked()
	r.Pick(picked)
	for _, c := range picked {
		said := file.find(d.table[c])
		switch {
		case c == d.roles.weight || said == nil:
		case said.openLevels():
			r.TakeText(c)
		default:
			v, err := said.kind.Values()
			if err != nil {
				return nil, usagef("%s:%d: column %q: %w", file.path, said.line, said.name, err)
			}
			r.Take(c, v)
		}
	}
	if o.Schema != schemaNone {
		r.TakeTexts()
	}
	if o.Missing == missingDrop {
		r.DropMissing()
	}
	return r.All()
}

// data are rows of a table as the dataset has them; nil is all.
func (d *dataset) data(t *table.Table, rows []int) models.Data {
	n := len(rows)
	if rows == nil {
		n = t.Rows
	}
	nx, nc := len(d.roles.columns), len(d.roles.context)
	part := func(lo, hi int) mat.Matrix { return block{t.Data, t.Cols, lo, hi, n, rows} }
	out := models.Data{X: part(0, nx)}
	for _, c := range d.roles.columns {
		out.Names = append(out.Names, d.table[c])
	}
	if nc > 0 {
		out.Context = part(nx, nx+nc)
		for _, c := range d.roles.context {
			out.ContextNames = append(out.ContextNames, d.table[c])
		}
	}
	if d.roles.weight >= 0 {
		out.Weights = mat.Col(nil, 0, part(nx+nc, nx+nc+1))
	}
	return out
}

// block is the columns lo … hi of some rows of a table.
type block struct {
	v      []float64
	k      int
	lo, hi int
	n      int
	rows   []int // nil is all
}

func (b block) Dims() (int, int)    { return b.n, b.hi - b.lo }
func (b block) T() mat.Matrix       { return mat.Transpose{Matrix: b} }
func (b block) At(i, j int) float64 { return b.RawRowView(i)[j] }

// RawRowView is a row in its own memory, by which it is read fast.
func (b block) RawRowView(i int) []float64 {
	if b.rows != nil {
		i = b.rows[i]
	}
	return b.v[i*b.k+b.lo : i*b.k+b.hi]
}

// split sets the test rows aside, by the seed, or reads them from a table.
func (d *dataset) split(o *trainOptions, t *table.Table) (err error) {
	if _, isNumber := fraction(o.Valid); o.Valid != "" && !isNumber {
		if d.valid, err = d.readOther(o.Valid, o); err != nil {
			return err
		}
	}
	f, isNumber := fraction(o.Test)
	if o.Test != "" && !isNumber {
		d.test, err = d.readOther(o.Test, o)
		d.train = d.data(t, nil)
		return err
	}
	if o.Test == "" {
		f = 0.1
	}
	if !isPart(f) {
		return usagef("--test %v: want a fraction of the rows, 0 ≤ f < 1, or a table", f)
	}
	k := int(f * float64(t.Rows))
	if t.Rows-k < 2 {
		if k > 0 && o.Test != "" {
			return usagef("--test %v: of %d rows that leaves %d, too few to fit", f, t.Rows, t.Rows-k)
		}
		k = 0
	}
	perm := rand.New(rand.NewPCG(o.Seed, 0x7e57)).Perm(t.Rows)
	d.train = d.data(t, perm[k:])
	if k > 0 {
		d.test = d.data(t, perm[:k])
	}
	return nil
}

// readOther reads the rows of another table: its columns by name or, if one of the two
// has no names and there are as many as in the first, by place.
func (d *dataset) readOther(path string, o *trainOptions) (models.Data, error) {
	r, err := table.Open(path, nil)
	if err != nil {
		return models.Data{}, err
	}
	defer r.Close()
	picked := d.roles.picked()
	there := make([]models.Column, len(picked))
	for i, c := range picked {
		there[i].Name = d.table[c]
	}
	at, err := byName(r, there)
	if err != nil {
		return models.Data{}, err
	}
	if at != nil {
		picked = at
	} else if n := len(r.Columns()); n != len(d.table) {
		return models.Data{}, fmt.Errorf("%s: %d columns, and not each of %s; the table that is fitted has %d", path, n, strings.Join(names(there), ", "), len(d.table))
	}
	r.Pick(picked)
	for i, c := range append(slices.Clone(d.schema.Columns), d.schema.Context...) {
		v, err := c.Values()
		if err != nil {
			return models.Data{}, err
		}
		r.Take(picked[i], v)
	}
	if o.Missing == missingDrop {
		r.DropMissing()
	}
	t, err := r.All()
	if err != nil {
		return models.Data{}, err
	}
	return d.data(t, nil), nil
}

func loadShape(o *trainOptions, file *schemaFile) (*dataset, error) {
	names := []string{"x", "y"}
	if err := file.checkNames("a shape", names); err != nil {
		return nil, err
	}
	d := &dataset{name: o.Shape, table: names, roles: &roles{columns: []int{0, 1}, weight: -1}}
	n := max(o.Rows, 2)
	x, err := toy.Sample(o.Shape, n, o.Seed)
	if err != nil {
		return nil, usageError{err}
	}
	test, err := toy.Sample(o.Shape, max(n/2, 2), o.Seed+1)
	if err != nil {
		return nil, err
	}
	d.train, d.test = models.Data{X: x, Names: names}, models.Data{X: test, Names: names}
	known := map[string]models.Kind{}
	for _, name := range names {
		known[name] = models.Kind{Of: models.KindReal}
		if o.Model == "ncsf" {
			known[name] = models.Radians()
		}
		if said := file.find(name); said != nil {
			known[name] = said.kind
		}
	}
	d.schema, err = models.Infer(d.train, known)
	return d, err
}
