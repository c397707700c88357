package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// match finds a model's columns and context in a table, by name or, if the table or the
// model has no names or two have the same one (in files of old), by place, the context
// first; and has their cells held against their kinds. Rows of the table are then the
// columns and the context, in this order.
func match(r *table.Reader, columns, context []models.Column) error {
	inRow := append(slices.Clone(columns), context...)
	inTable := append(slices.Clone(context), columns...)
	at, err := byName(r, inRow)
	if err != nil {
		return err
	}
	if all := names(inRow); at == nil || len(slices.Compact(slices.Sorted(slices.Values(all)))) < len(all) {
		there := names(inTable)
		if n := len(r.Columns()); n != len(there) {
			note := ""
			if len(context) > 0 && len(columns) > 0 {
				note = fmt.Sprintf(", %d of them context", len(context))
			}
			return fmt.Errorf("%s: %d columns, the model has %d (%s)%s; columns without names are taken by place", r.Name(), n, len(there), strings.Join(there, ", "), note)
		}
		at = nil
		for i := range inRow {
			at = append(at, (i+len(context))%len(inRow))
		}
	}
	r.Pick(at)
	for i, c := range inRow {
		v, err := c.Values()
		if err != nil {
			return err
		}
		r.Take(at[i], v)
	}
	return nil
}

// byName are the places of columns in a table, nil where they are to be taken by place:
// in a table without names, or if the columns' own are those of such a table. Names that
// are none of the columns' and in part numbers are a row of a table without names.
func byName(r *table.Reader, columns []models.Column) ([]int, error) {
	at, err := places(r, columns)
	if err != nil || at != nil || !r.Named() || unnamed(columns) {
		return at, err
	}
	if r.TakeNamesAsRow(); r.Named() {
		return nil, fmt.Errorf("%s: no column %s; there are: %s; columns without names are taken by place", r.Name(), strings.Join(names(columns), ", "), strings.Join(r.Columns(), ", "))
	}
	return nil, nil
}

// unnamed reports whether columns have the names of those in a table without any: x1, x2
// and so on.
func unnamed(columns []models.Column) bool {
	return !slices.ContainsFunc(columns, func(c models.Column) bool {
		number, ok := strings.CutPrefix(c.Name, "x")
		n, err := strconv.Atoi(number)
		return !ok || err != nil || n < 1
	})
}

// places are those of the columns in a table that has their names, nil in one that has
// none of them.
func places(r *table.Reader, columns []models.Column) ([]int, error) {
	there := r.Columns()
	var at []int
	var lacks []string
	for _, c := range columns {
		if i := slices.Index(there, c.Name); i >= 0 {
			at = append(at, i)
		} else {
			lacks = append(lacks, c.Name)
		}
	}
	if at != nil && lacks != nil {
		return nil, fmt.Errorf("%s: no column %s%s; there are: %s", r.Name(), strings.Join(lacks, ", "), models.Nearest(lacks[0], there), strings.Join(there, ", "))
	}
	return at, nil
}

func names(columns []models.Column) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.Name)
	}
	return out
}
