package cli

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// schemaNone, given for a schema file, is that every column is a real number.
const schemaNone = "none"

// maxTexts is the number of different texts up to which a column is categorical if
// nothing is said of it.
const maxTexts = 64

// schemaName is the schema's file in a run folder.
const schemaName = "schema.yaml"

// schemaFile reads what is said of columns: by the run's own file when it is resumed.
func (o *trainOptions) schemaFile() (*schemaFile, error) {
	path := o.Schema
	if o.resume != "" {
		if own := filepath.Join(o.resume, schemaName); fileExists(own) {
			path = own
		} else if path == "" {
			o.Schema, path = schemaNone, schemaNone // the run is older than inference
		}
	}
	if path == "" || path == schemaNone {
		return &schemaFile{path: "schema"}, nil
	}
	return readSchema(path)
}

// openLevels reports whether the column has levels, which the data are to tell.
func (c *schemaColumn) openLevels() bool {
	return c.kind.Discrete() && c.kind.Of != models.KindInteger && len(c.kind.Levels) == 0
}

// findKinds makes the dataset's schema of what is said and what the table holds, and
// leaves out columns of texts that are of no use.
func (d *dataset) findKinds(t *table.Table, o *trainOptions, file *schemaFile) (*table.Table, error) {
	known := map[string]models.Kind{}
	var drop []int
	for j := range len(d.roles.columns) + len(d.roles.context) {
		name, said := t.Columns[j], file.find(t.Columns[j])
		d.given[name] = said != nil
		k, why, err := d.kindOf(t, j, o, said)
		switch {
		case err != nil && said != nil:
			return nil, usagef("%s:%d: column %q: %w", file.path, said.line, name, err)
		case err != nil:
			return nil, fmt.Errorf("%s: column %q %w", t.Name, name, err)
		case why != "":
			d.ignored[name] = why
			drop = append(drop, j)
		case k != nil:
			known[name] = *k
		}
	}
	t = d.leaveOut(t, drop)
	if len(d.roles.columns) == 0 {
		return nil, fmt.Errorf("%s: no columns are left to model: all are text", t.Name)
	}
	var err error
	if d.schema, err = models.Infer(d.data(t, nil), known); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	picked := d.roles.picked()
	for i, name := range d.table {
		if !slices.Contains(picked, i) {
			d.schema.Ignored = append(d.schema.Ignored, name)
		}
	}
	return t, nil
}

// kindOf is the kind of a column by what is said of it, by its texts, or by the model; nil
// is for its numbers to tell. It also says why a column is to be ignored.
func (d *dataset) kindOf(t *table.Table, j int, o *trainOptions, said *schemaColumn) (k *models.Kind, ignore string, err error) {
	column := j < len(d.roles.columns)
	switch {
	case said != nil:
		kind, err := levelsOf(said, t, j)
		return &kind, "", err
	case t.Texts[j] != nil || t.TooMany[j]:
		kind, why, err := ofTexts(t, j)
		if why != "" && (d.roles.chosen || !column) {
			return nil, "", fmt.Errorf("is %s: too many to model; a schema can say that it is %s all the same, of up to %d", why, models.KindCategorical, models.MaxLevels)
		}
		return kind, why, err
	case o.Base == "class" && j == len(d.roles.columns): // numbers of classes
		return &models.Kind{Of: models.KindCategorical}, "", nil
	case o.Schema == schemaNone:
		return &models.Kind{Of: models.KindReal}, "", nil
	case o.Model == "ncsf" && column && inRadians(t, j):
		kind := models.Radians()
		return &kind, "", nil
	}
	return nil, "", nil
}

// ofTexts is the kind of a column of text of which nothing is said: categorical, or
// ignored, where texts hardly come again.
func ofTexts(t *table.Table, j int) (k *models.Kind, ignore string, err error) {
	texts := t.Texts[j]
	switch n := len(texts); {
	case t.TooMany[j]:
		return nil, fmt.Sprintf("text, more than %d different in %d rows", models.MaxLevels, t.Rows), nil
	case n == 1:
		return nil, "", fmt.Errorf("is constant (%q in all %d rows): leave it out, or say in a schema that it is %s", texts[0], t.Rows, models.KindIgnored)
	case n > maxTexts || t.Rows < 4*n:
		return nil, fmt.Sprintf("text, %d different in %d rows", n, t.Rows), nil
	}
	return &models.Kind{Of: models.KindCategorical, Levels: texts}, "", nil
}

// levelsOf is the kind that the file gives, with the levels that the table has where
// it gives none.
func levelsOf(said *schemaColumn, t *table.Table, j int) (models.Kind, error) {
	k := said.kind
	if !said.openLevels() {
		return k, nil
	}
	texts := t.Texts[j]
	switch {
	case t.TooMany[j]:
		return k, fmt.Errorf("more than %d different texts in %s", models.MaxLevels, t.Name)
	case len(texts) == 1:
		return k, fmt.Errorf("%q in all %d rows of %s: leave it out", texts[0], t.Rows, t.Name)
	case texts != nil && k.Of == models.KindOrdinal && !allNumbers(texts):
		return k, fmt.Errorf("cells are text: give their order, such as levels: [%s]", strings.Join(texts, ", "))
	}
	k.Levels = texts // those of numbers are still to be found
	return k, nil
}

func allNumbers(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { _, ok := fraction(s); return !ok })
}

func inRadians(t *table.Table, j int) bool {
	for i := j; i < len(t.Data); i += t.Cols {
		if math.Abs(t.Data[i]) > math.Pi*(1+1e-6) {
			return false
		}
	}
	return true
}

// leaveOut takes columns out of the table and of the roles.
func (d *dataset) leaveOut(t *table.Table, drop []int) *table.Table {
	if len(drop) == 0 {
		return t
	}
	out := *t
	out.Cols, out.Columns, out.Data = t.Cols-len(drop), nil, nil
	var keep []int
	for j, name := range t.Columns {
		if !slices.Contains(drop, j) {
			keep, out.Columns = append(keep, j), append(out.Columns, name)
		}
	}
	for i := range t.Rows {
		for _, j := range keep {
			out.Data = append(out.Data, t.Data[i*t.Cols+j])
		}
	}
	var columns []int
	for j, c := range d.roles.columns {
		if !slices.Contains(drop, j) {
			columns = append(columns, c)
		}
	}
	d.roles.columns = columns
	return &out
}

// file is the whole schema of the table, in its order.
func (d *dataset) file() *schemaFile {
	out := &schemaFile{}
	for i, name := range d.table {
		c := schemaColumn{name: name, kind: models.Kind{Of: models.KindIgnored}}
		if j := slices.Index(d.roles.columns, i); j >= 0 {
			c.kind = d.schema.Columns[j].Kind
		} else if j := slices.Index(d.roles.context, i); j >= 0 {
			c.kind, c.context = d.schema.Context[j].Kind, true
		} else if i == d.roles.weight {
			continue
		}
		out.columns = append(out.columns, c)
	}
	return out
}

const schemaComment = `What the columns hold. A changed copy can be given by --schema. Kinds: real, positive,
{kind: bounded, lo: 0, hi: 1}, {kind: periodic, period: 24}, integer (also with lo and hi, or a period),
{kind: ordinal, levels: [low, high]}, {kind: categorical, levels: [blue, red]}, ignored;
encode: context has the others conditioned on a column.`

// maxShown is how many columns are printed.
const maxShown = 40

// writeSchema writes the schema to the run folder and, for a table, prints it.
func (d *dataset) writeSchema(o *trainOptions, dir string, out io.Writer) error {
	file := d.file()
	b, err := file.bytes(schemaComment)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, schemaName)
	if err := writeFile(path, b); err != nil || o.Quiet || o.Data == "" {
		return err
	}
	p := printer{w: out}
	p.f("columns              %s: what they hold; edit it and give it by --schema\n", path)
	d.printSchema(&p, file)
	return p.err
}

// printSchema prints a line for each column but those that were left out on purpose.
func (d *dataset) printSchema(p *printer, file *schemaFile) {
	lines, unused := 0, 0
	for i, c := range file.columns {
		note := ""
		if c.context {
			note = ", context"
		}
		if d.given[c.name] {
			note += " (given)"
		}
		if c.kind.Of == models.KindIgnored {
			if note = ": " + d.ignored[c.name]; d.ignored[c.name] == "" {
				unused++
				continue
			}
		}
		if lines++; lines > maxShown {
			p.f("  … and %d more\n", len(file.columns)-i)
			return
		}
		p.f("  %-18s %s%s\n", c.name, c.kind, note)
	}
	if unused > 0 {
		p.f("  and %d ignored\n", unused)
	}
}
