package models

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// Column is one column of data, what kind of numbers it has, and how these become
// numbers on the real line of about unit size: v = (g(x) - Mean)/Scale.
type Column struct {
	Name string `json:"name"`
	Kind
	Mean  float64 `json:"mean"`
	Scale float64 `json:"scale"`
	// Step, if positive, is the width of the uniform noise that is added to the
	// column in training: it has few distinct values that far apart.
	Step float64 `json:"step,omitempty"`
}

// Schema is the columns of a model and of its context.
type Schema struct {
	Columns []Column `json:"columns"`
	Context []Column `json:"context,omitempty"`
}

// FewValues is the number of distinct values up to which a column of many rows
// counts as discrete.
const FewValues = 32

// fitKinds gives the columns the kinds that were asked for, by name, after checking
// every value against them.
func fitKinds(x mat.Matrix, names []string, kinds map[string]Kind) ([]Kind, error) {
	rows, cols := x.Dims()
	out := make([]Kind, cols)
	at := map[string]int{}
	var known []string
	for j := range cols {
		at[columnName(names, j)] = j
		known = append(known, columnName(names, j))
	}
	for name, k := range kinds {
		j, ok := at[name]
		if !ok {
			return nil, fmt.Errorf("models: schema: no column %q%s: the columns are %s", name, Nearest(name, known), strings.Join(known, ", "))
		}
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("models: schema: column %q: %w", name, err)
		}
		out[j] = k
		for i := range rows {
			if err := k.holds(x.At(i, j)); err != nil {
				return nil, fmt.Errorf("models: row %d, column %q: %w", i+1, name, err)
			}
		}
	}
	return out, nil
}

func columnName(names []string, j int) string {
	if j < len(names) {
		return names[j]
	}
	return fmt.Sprintf("x%d", j+1)
}

// fitColumns finds mean and standard deviation of each column of x. A constant
// column, and one of few distinct values unless dequantise says to add noise to
// such, is an error: the likelihood of a density there has no bound.
func fitColumns(x mat.Matrix, names []string, kinds []Kind, dequantise, context bool) ([]Column, error) {
	rows, cols := x.Dims()
	out := make([]Column, cols)
	v := make([]float64, rows)
	for j := range cols {
		name := columnName(names, j)
		var kind Kind
		if kinds != nil {
			kind = kinds[j]
		}
		for i := range v {
			v[i] = x.At(i, j)
			if math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
				return nil, fmt.Errorf("models: row %d, column %q: %v is not a finite number: drop or fill such rows", i+1, name, v[i])
			}
		}
		for i := range v {
			v[i] = kind.toLine(v[i])
		}
		c, err := fitColumn(v, name, dequantise || kind.Of == KindInteger, context)
		if err != nil {
			return nil, err
		}
		if c.Kind = kind; kind.Of == KindInteger {
			c.Step = 1
		}
		out[j] = c
	}
	return out, nil
}

func fitColumn(v []float64, name string, dequantise, context bool) (Column, error) {
	c := Column{Name: name}
	n := float64(len(v))
	big := 0.0
	for _, x := range v {
		big = math.Max(big, math.Abs(x))
	}
	if big == 0 {
		big = 1
	}
	for _, x := range v { // scaled, so that sums of squares do not overflow
		c.Mean += x / big / n
	}
	ss := 0.0
	for _, x := range v {
		ss += (x/big - c.Mean) * (x/big - c.Mean) / n
	}
	c.Mean *= big
	c.Scale = math.Sqrt(ss) * big
	if !(c.Scale > 1e-12*math.Abs(c.Mean)) || c.Scale == 0 {
		if context {
			c.Scale = 1
			return c, nil
		}
		return c, fmt.Errorf("models: column %q is constant (%v in all %d rows): it has no density; leave it out", name, v[0], len(v))
	}
	if context {
		return c, nil
	}
	few, gap := distinct(v)
	if few == 0 || len(v) < 4*few {
		return c, nil
	}
	if !dequantise {
		return c, fmt.Errorf("models: column %q has only %d distinct values in %d rows: a density there grows without bound; leave it out, make it context, or ask for dequantising", name, few, len(v))
	}
	c.Step = gap
	return c, nil
}

// asAngles takes the columns as they are, if they are angles in radians.
func asAngles(cols []Column, x mat.Matrix) error {
	rows, _ := x.Dims()
	for j := range cols {
		for i := range rows {
			if v := x.At(i, j); !(math.Abs(v) <= math.Pi*(1+1e-6)) {
				return fmt.Errorf("models: row %d, column %q: %v is no angle from -π to π in radians, which this model wants", i+1, cols[j].Name, v)
			}
		}
		cols[j].Mean, cols[j].Scale = 0, 1
	}
	return nil
}

// distinct returns the number of distinct values if it is at most FewValues, and
// the least gap between them; 0 if there are more.
func distinct(v []float64) (n int, gap float64) {
	seen := make(map[float64]bool, FewValues+1)
	for _, x := range v {
		seen[x] = true
		if len(seen) > FewValues {
			return 0, 0
		}
	}
	s := make([]float64, 0, len(seen))
	for x := range seen {
		s = append(s, x)
	}
	slices.Sort(s)
	gap = math.Inf(1)
	for i := 1; i < len(s); i++ {
		gap = math.Min(gap, s[i]-s[i-1])
	}
	return len(s), gap
}

// standardise writes rows lo … hi of x to dst, row by row.
func standardise(dst []float64, x mat.Matrix, lo, hi int, cols []Column) {
	k := 0
	for i := lo; i < hi; i++ {
		for j, c := range cols {
			dst[k] = (c.toLine(x.At(i, j)) - c.Mean) / c.Scale
			k++
		}
	}
}
