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
	selected := func(option, spec string) ([]int, error) {
		if spec == "" {
			return nil, nil
		}
		out, err := table.Select(names, spec)
		if err != nil {
			return nil, usagef("--%s: %w", option, err)
		}
		return out, nil
	}
	weights, err := selected("weights", o.Weights)
	if err != nil {
		return nil, err
	}
	if len(weights) > 1 {
		return nil, usagef("--weights %s: want one column, not %d", o.Weights, len(weights))
	}
	if len(weights) == 1 {
		r.weight = weights[0]
	}
	if r.context, err = selected("context", o.Context); err != nil {
		return nil, err
	}
	if r.columns, err = selected("columns", o.Columns); err != nil {
		return nil, err
	}
	if err := r.addSaid(names, file); err != nil {
		return nil, err
	}
	return r, r.check(names)
}

// addSaid adds the columns that the file says are context and, unless columns were
// chosen, all that have no other role.
func (r *roles) addSaid(names []string, file *schemaFile) error {
	for i, name := range names {
		said := file.find(name)
		asked := slices.Contains(r.columns, i) || slices.Contains(r.context, i)
		switch {
		case said != nil && said.kind.Of == models.KindIgnored:
			if asked {
				return usagef("column %q is asked for, and ignored by %s:%d", name, file.path, said.line)
			}
		case said != nil && said.context && !slices.Contains(r.context, i):
			if asked {
				return usagef("column %q is modelled by --columns, and context by %s:%d", name, file.path, said.line)
			}
			r.context = append(r.context, i)
		case !r.chosen && i != r.weight && !asked:
			r.columns = append(r.columns, i)
		}
	}
	return nil
}

// check sees to it that no column has two roles.
func (r *roles) check(names []string) error {
	for _, c := range r.columns {
		if c == r.weight || slices.Contains(r.context, c) {
			return usagef("column %q is modelled and also context or weight", names[c])
		}
	}
	if slices.Contains(r.context, r.weight) {
		return usagef("column %q is context and also weight", names[r.weight])
	}
	if len(r.columns) == 0 {
		return usagef("no columns are left to model")
	}
	return nil
}
