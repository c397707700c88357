package models

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// Infer says what the columns of d seem to hold. A column that known names is of that
// kind, after every value has been held against it; an ordinal or categorical one
// without levels has those that it holds, from small to large. Of the others
//
//   - whole numbers of two values are categorical;
//   - whole numbers of at most 256 values, on average in four rows or more each, are integer;
//   - other numbers of at most [FewValues] values, in as many rows, are ordinal;
//   - positive numbers over more than two orders of magnitude, very skew (> 2) while
//     their logarithms are not (< 1, none lower than five standard deviations), are positive;
//   - all others are real. So are all columns of context.
//
// What cannot be told from numbers (ends, periods, levels that are only named by
// numbers) is not guessed.
func Infer(d Data, known map[string]Kind) (Schema, error) {
	var s Schema
	used := map[string]bool{}
	for i, part := range []struct {
		x     mat.Matrix
		names []string
	}{{d.X, d.Names}, {d.Context, d.ContextNames}} {
		if isNil(part.x) {
			continue
		}
		_, k := part.x.Dims()
		cols := make([]Column, k)
		var v []float64
		for j := range cols {
			c := &cols[j]
			c.Name, c.Scale = columnName(part.names, j, i == 1), 1
			v = column(v, part.x, j)
			kind, ok := known[c.Name]
			if used[c.Name] = true; ok {
				c.Kind = kind
				if err := c.knownKind(v); err != nil {
					return s, fmt.Errorf("models: schema: %w", err)
				}
			} else if i == 0 {
				c.Kind = inferred(v)
			}
		}
		if i == 0 {
			s.Columns = cols
		} else {
			s.Context = cols
		}
	}
	return s, unknownNames(known, used)
}

func unknownNames(known map[string]Kind, used map[string]bool) error {
	var names []string
	for n := range used {
		names = append(names, n)
	}
	slices.Sort(names)
	for name := range known {
		if !used[name] {
			return fmt.Errorf("models: schema: no column %q%s: the columns are %s", name, Nearest(name, names), strings.Join(names, ", "))
		}
	}
	return nil
}

// knownKind fills in levels that are not given and checks the values.
func (c *Column) knownKind(v []float64) error {
	if c.levelled() && len(c.Levels) == 0 {
		if err := c.checkEach(new(Values), v); err != nil { // what is no number is no level
			return err
		}
		s := firstValues(v, MaxLevels)
		if s == nil {
			return fmt.Errorf("column %q: %s with more than %d distinct values", c.Name, c.Of, MaxLevels)
		}
		c.Levels = levelNames(s)
	}
	if c.Of == KindIgnored {
		return fmt.Errorf("column %q is ignored: leave it out of the data", c.Name)
	}
	values, err := c.Kind.Values()
	if err != nil {
		return fmt.Errorf("column %q: %w", c.Name, err)
	}
	return c.checkEach(values, v)
}

func (c *Column) checkEach(values *Values, v []float64) error {
	for i, x := range v {
		if err := values.Check(x); err != nil {
			return fmt.Errorf("row %d, column %q: %w", i+1, c.Name, err)
		}
	}
	return nil
}

// levelNames are numbers as texts, with the digits of a float32 where these are all.
func levelNames(v []float64) []string {
	bits := 32
	for _, x := range v {
		if float64(float32(x)) != x {
			bits = 64
		}
	}
	out := make([]string, len(v))
	for i, x := range v {
		out[i] = strconv.FormatFloat(x, 'g', -1, bits)
	}
	return out
}

// inferred is the kind that the values of a column suggest.
func inferred(v []float64) Kind {
	if slices.ContainsFunc(v, func(x float64) bool { return !finiteNumber(x) }) {
		return Kind{Of: KindReal}
	}
	whole := !slices.ContainsFunc(v, func(x float64) bool { return x != math.Trunc(x) || math.Abs(x) > 1<<40 })
	s := firstValues(v, 256)
	often := len(s) > 1 && len(v) >= 4*len(s)
	switch {
	case often && whole && len(s) == 2:
		return Kind{Of: KindCategorical, Levels: levelNames(s)}
	case often && whole:
		return Kind{Of: KindInteger}
	case often && len(s) <= FewValues:
		return Kind{Of: KindOrdinal, Levels: levelNames(s)}
	case s == nil && skewPositive(v):
		return Kind{Of: KindPositive}
	}
	return Kind{Of: KindReal}
}

// skewPositive reports whether positive numbers are better taken by their logarithms.
func skewPositive(v []float64) bool {
	if least, most := slices.Min(v), slices.Max(v); !(least > 0) || most < 100*least {
		return false
	}
	logs := make([]float64, len(v))
	for i, x := range v {
		logs[i] = math.Log(x)
	}
	skew, _ := shape(v)
	logSkew, lowest := shape(logs)
	return skew > 2 && math.Abs(logSkew) < 1 && lowest > -5
}

// shape is the skewness of values, and how many standard deviations the lowest is
// from the mean.
func shape(v []float64) (skew, lowest float64) {
	mean, sd := moments(v, &line{g: identity{}})
	for _, x := range v {
		z := (x - mean) / sd
		skew += z * z * z / float64(len(v))
		lowest = math.Min(lowest, z)
	}
	return skew, lowest
}
