package cli

import (
	"slices"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// roles say what each column of a table is for, by its place in the table.
type roles struct {
	columns, context []int
	weight           int // -1 for none
	chosen           bool
}

// picked are the columns that are read, in the order of the rows of a dataset.
func (r *roles) picked() []int {
	out := append(slices.Clone(r.columns), r.context...)
	if r.weight >= 0 {
		out = append(out, r.weight)
	}
	return out
}

// roles are those that options and schema file give the columns of these names.
func (o *trainOptions) roles(names []string, file *schemaFile) (*roles, error) {
	r := &roles{weight: -1, chosen: o.Columns != ""}
	if o.Weights != "" {
		w, err := table.Select(names, o.Weights)
		if err != nil {
			return nil, usagef("--weights: %w", err)
		}
		if len(w) != 1 {
			return nil, usagef("--weights %s: want one column, not %d", o.Weights, len(w))
		}
		r.weight = w[0]
	}
	var err error
	if o.Context != "" {
		if r.context, err = table.Select(names, o.Context); err != nil {
			return nil, usagef("--context: %w", err)
		}
	}
	if o.Columns != "" {
		if r.columns, err = table.Select(names, o.Columns); err != nil {
			return nil, usagef("--columns: %w", err)
		}
	}
	for i, name := range names {
		said := file.find(name)
		asked := slices.Contains(r.columns, i) || slices.Contains(r.context, i)
		switch {
		case said != nil && said.kind.Of == models.KindIgnored:
			if asked {
				return nil, usagef("column %q is asked for, and ignored by %s:%d", name, file.path, said.line)
			}
		case said != nil && said.context && !slices.Contains(r.context, i):
			if asked {
				return nil, usagef("column %q is modelled by --columns, and context by %s:%d", name, file.path, said.line)
			}
			r.context = append(r.context, i)
		case o.Columns == "" && i != r.weight && !asked:
			r.columns = append(r.columns, i)
		}
	}
	for _, c := range r.columns {
		if c == r.weight || slices.Contains(r.context, c) {
			return nil, usagef("column %q is modelled and also context or weight", names[c])
		}
	}
	if slices.Contains(r.context, r.weight) {
		return nil, usagef("column %q is context and also weight", names[r.weight])
	}
	if len(r.columns) == 0 {
		return nil, usagef("no columns are left to model")
	}
	return r, nil
}
