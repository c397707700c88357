package models

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// line is a column made ready for use: v = (g(x) - mean)/scale.
type line struct {
	*Values
	name        string
	g           bijection
	mean, scale float64
	logScale    float64
	step        float64
	discrete    bool
	plain       bool // a real number as it is
}

// line makes the column ready, or says what is wrong with it.
func (c Column) line() (line, error) {
	values, err := c.Kind.Values()
	if err != nil {
		return line{}, fmt.Errorf("column %q: %w", c.Name, err)
	}
	if !(c.Scale > 0) || math.IsInf(c.Scale, 0) || !finiteNumber(c.Mean) || !(c.Step >= 0) || math.IsInf(c.Step, 0) {
		return line{}, fmt.Errorf("column %q: scaling by %v from %v, step %v", c.Name, c.Scale, c.Mean, c.Step)
	}
	if err := c.checkCuts(); err != nil {
		return line{}, fmt.Errorf("column %q: %w", c.Name, err)
	}
	l := line{Values: values, name: c.Name, g: c.bijection(values), mean: c.Mean, scale: c.Scale, logScale: math.Log(c.Scale), discrete: c.Discrete()}
	if c.turns() && c.Seam == nil { // a circle has them in itself
		l.mean, l.scale, l.logScale = 0, 1, 0
	}
	if !l.discrete {
		l.step = c.Step
	}
	_, l.plain = l.g.(identity)
	return l, nil
}

// checkCuts checks the cells of levels, and the seam.
func (c Column) checkCuts() error {
	switch {
	case c.Seam != nil && (!c.turns() || !finiteNumber(*c.Seam)):
		return fmt.Errorf("seam at %v of a column that is %s", *c.Seam, c.Kind)
	case c.Cuts == nil:
		return nil
	case !c.levelled() || len(c.Cuts) != len(c.Levels)+1 || c.Cuts[0] != 0 || c.Cuts[len(c.Levels)] != 1:
		return fmt.Errorf("%d ends of cells from 0 to 1 for a column that is %s", len(c.Cuts), c.Kind)
	}
	for i := range c.Levels {
		if !(c.Cuts[i] < c.Cuts[i+1]) {
			return fmt.Errorf("the cell of level %q is from %v to %v", c.Levels[i], c.Cuts[i], c.Cuts[i+1])
		}
	}
	return nil
}

// bijection is the map of the column's kind.
func (c Column) bijection(values *Values) bijection {
	switch c.Of {
	case KindPositive:
		return logarithm{}
	case KindBounded:
		return logit{c.Lo, c.Hi}
	case KindPeriodic:
		return c.circle()
	case KindInteger:
		switch {
		case c.turns():
			return wholeOn{c.circle(), c.Origin, c.Origin + c.Period - 1, true}
		case c.ends():
			return wholeOn{logit{c.Lo - 0.5, c.Hi + 0.5}, c.Lo, c.Hi, false}
		}
		return whole{}
	case KindOrdinal, KindCategorical:
		cuts := c.Cuts
		if cuts == nil {
			cuts = cutsBy(make([]int, len(c.Levels)))
		}
		return levels{values, cuts}
	}
	return identity{}
}

// circle is the map of a column that turns: on a circle, or on one cut open.
func (c Column) circle() bijection {
	t := turn{c.Origin, c.Period}
	if c.Seam != nil {
		return opened{t, turn{*c.Seam, c.Period}}
	}
	return angle{t, c.Mean, c.Scale}
}

// cutsBy are the ends of cells as wide as levels are frequent, each counted half a
// time more than it is there.
func cutsBy(count []int) []float64 {
	cuts := make([]float64, len(count)+1)
	for i, n := range count {
		cuts[i+1] = cuts[i] + float64(n) + 0.5
	}
	total := cuts[len(count)]
	for i := range cuts {
		cuts[i] /= total
	}
	return cuts
}

// middle is r where nothing better is known.
const middle = 0.5

// standard is the number that the flow sees of x.
func (l *line) standard(x, r float64) float64 {
	if !l.plain {
		x = l.g.toLine(x, r)
	}
	return (x - l.mean) / l.scale
}

// original is the x that the flow's number stands for.
func (l *line) original(v float64) float64 {
	if v = v*l.scale + l.mean; l.plain {
		return v
	}
	return l.g.fromLine(v)
}

// logSlope is the logarithm of what a density gains in the units of x.
func (l *line) logSlope(x, r float64) float64 {
	s, _, _ := l.g.slopes(x, r)
	return s - l.logScale
}

// gradient is the derivative in x of a log-density whose derivative in the flow's
// number is d.
func (l *line) gradient(d, x, r float64) float64 {
	_, slope, more := l.g.slopes(x, r)
	return d/l.scale*slope + more
}

// noisy is standard with noise, r from 0 to 1: a place in the cell of a discrete
// number, else in the step of a column with few values.
func (l *line) noisy(x, r float64) float64 {
	if l.discrete {
		return l.standard(x, r)
	}
	return l.standard(x, middle) + (r-0.5)*l.step/l.scale
}

// lines makes columns ready.
func lines(cols []Column) ([]line, error) {
	out := make([]line, len(cols))
	for i, c := range cols {
		l, err := c.line()
		if err != nil {
			return nil, err
		}
		out[i] = l
	}
	return out, nil
}

// at is r of column j among places, where there are any.
func at(places []float64, j int) float64 {
	if places == nil {
		return middle
	}
	return places[j]
}

// rowIn is row i of x: its own memory where it has it in one piece, else a copy in buf.
func rowIn(x mat.Matrix, i int, buf *[]float64) []float64 {
	switch v := x.(type) {
	case mat.RawRowViewer:
		return v.RawRowView(i)
	case rowsOf:
		return rowIn(v.m, v.rows[i], buf)
	}
	_, k := x.Dims()
	if len(*buf) != k {
		*buf = make([]float64, k)
	}
	for j := range *buf {
		(*buf)[j] = x.At(i, j)
	}
	return *buf
}

// logSlopes is log|dv/dx| of a row: what a log-density gains in the user's units.
func logSlopes(ls []line, x []float64, places []float64) float64 {
	t := 0.0
	for j := range ls {
		t += ls[j].logSlope(x[j], at(places, j))
	}
	return t
}

// allPlain reports whether all columns are real numbers as they are.
func allPlain(ls []line) bool {
	for i := range ls {
		if !ls[i].plain {
			return false
		}
	}
	return true
}

// addLogSlopes adds those of the rows from lo on. They are the same where all columns are
// plain.
func addLogSlopes(lp []float64, ls []line, x mat.Matrix, lo int, places []float64) {
	var buf []float64
	plain := allPlain(ls)
	t := 0.0
	for i := range lp {
		if i == 0 || !plain {
			t = logSlopes(ls, rowIn(x, lo+i, &buf), places)
		}
		lp[i] += t
	}
}

// standardise writes rows lo … hi of x to dst, row by row.
func standardise(dst []float64, x mat.Matrix, lo, hi int, ls []line, places []float64) {
	var buf []float64
	for i := lo; i < hi; i++ {
		standardiseRow(dst[(i-lo)*len(ls):][:len(ls)], rowIn(x, i, &buf), ls, places)
	}
}

// standardiseRow writes a row to dst.
func standardiseRow(dst, row []float64, ls []line, places []float64) {
	for j, v := range row {
		dst[j] = ls[j].standard(v, at(places, j))
	}
}

// originals writes the rows that the flow's numbers v stand for to those of x from lo on.
func originals(x *mat.Dense, lo int, v []float64, ls []line) {
	for i := range len(v) / len(ls) {
		from, to := v[i*len(ls):][:len(ls)], x.RawRowView(lo+i)
		for j := range to {
			to[j] = ls[j].original(from[j])
		}
	}
}

// holds checks that every number is of the kind of its column.
func holds(task string, x mat.Matrix, ls []line) error {
	var buf []float64
	r, _ := x.Dims()
	for i := range r {
		for j, v := range rowIn(x, i, &buf) {
			l := &ls[j]
			if l.plain && finiteNumber(v) {
				continue
			}
			if err := l.Check(v); err != nil {
				return fmt.Errorf("models: %s: row %d, column %q: %w", task, i+1, l.name, err)
			}
		}
	}
	return nil
}
