package models

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// FewValues is the number of distinct values up to which a column of many rows
// counts as discrete.
const FewValues = 32

// scaled finds the scaling of the columns in the training rows x. A constant column,
// and one of few distinct values that is not discrete, unless dequantise says to add
// noise to such, is an error: the likelihood of a density there has no bound. Circle
// says which columns are modelled as angles.
func scaled(x mat.Matrix, cols []Column, circle func(j int) bool, dequantise bool) ([]Column, error) {
	v := make([]float64, 0)
	for j := range cols {
		c := &cols[j]
		v = column(v, x, j)
		if least, most := slices.Min(v), slices.Max(v); !(most-least > 1e-12*math.Max(math.Abs(least), math.Abs(most))) {
			note := ""
			if math.Abs(v[0]) > 1<<53 {
				note = ", as far as float64 tells integers beyond 2⁵³ apart"
			}
			return nil, fmt.Errorf("models: column %q is constant (%v in all %d rows%s): it has no density; leave it out", c.Name, v[0], len(v), note)
		}
		if err := c.scale(v, circle(j)); err != nil {
			return nil, err
		}
		if c.Discrete() {
			continue
		}
		l, err := c.line()
		if err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		for _, x := range []float64{slices.Min(v), slices.Max(v)} {
			if !finiteNumber(l.standard(x, middle)) {
				return nil, fmt.Errorf("models: column %q: %v is too far from the other numbers, about %v, to reckon with: change the column's unit", c.Name, x, c.Mean)
			}
		}
		for i := range v {
			v[i] = l.g.toLine(v[i], middle)
		}
		if few, gap := distinct(v); few > 0 && len(v) >= 4*few {
			if !dequantise {
				as := "integer, ordinal or categorical"
				if c.turns() {
					as = fmt.Sprintf("integer with period %v", c.Period)
				}
				return nil, fmt.Errorf("models: column %q has only %d distinct values in %d rows: a density there grows without bound; leave it out, make it context, say in a schema that it is %s, or ask for dequantising", c.Name, few, len(v), as)
			}
			c.Step = gap
		}
	}
	return cols, nil
}

// scaledContext finds the scaling of columns of context, of which a constant one
// does no harm.
func scaledContext(x mat.Matrix, cols []Column) error {
	var v []float64
	for j := range cols {
		v = column(v, x, j)
		if err := cols[j].scale(v, true); err != nil {
			return err
		}
	}
	return nil
}

// column fills v with column j of x.
func column(v []float64, x mat.Matrix, j int) []float64 {
	rows, _ := x.Dims()
	v = slices.Grow(v[:0], rows)
	for i := range rows {
		v = append(v, x.At(i, j))
	}
	return v
}

// scale finds seam, cells, mean and scale of a column from its values.
func (c *Column) scale(v []float64, circle bool) error {
	c.Mean, c.Scale, c.Step, c.Cuts, c.Seam = 0, 1, 0, nil, nil
	if c.turns() {
		t := turn{c.Origin, c.Period}
		if circle {
			c.Mean, c.Scale = direction(v, t)
			return nil
		}
		seam := widestGap(v, t)
		if c.Of == KindInteger && seam == math.Trunc(seam) { // between cells
			seam += 0.5
		}
		c.Seam = &seam
	}
	l, err := c.line()
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	if c.levelled() {
		count := make([]int, len(c.Levels))
		for _, x := range v {
			count[l.level(x)]++
		}
		c.Cuts = cutsBy(count)
		return nil
	}
	c.Mean, c.Scale = moments(v, &l)
	return nil
}

// moments are mean and standard deviation of g(x) over the values, in discrete
// columns over places in their cells too.
func moments(v []float64, l *line) (mean, sd float64) {
	places := []float64{middle}
	if l.discrete {
		places = []float64{1. / 8, 3. / 8, 5. / 8, 7. / 8}
	}
	n := float64(len(v) * len(places))
	big := 0.0
	for _, x := range v {
		big = math.Max(big, math.Abs(l.g.toLine(x, middle)))
	}
	if big == 0 {
		big = 1
	}
	for _, x := range v { // scaled, so that sums of squares do not overflow
		for _, r := range places {
			mean += l.g.toLine(x, r) / big / n
		}
	}
	ss := 0.0
	for _, x := range v {
		for _, r := range places {
			d := l.g.toLine(x, r)/big - mean
			ss += d * d / n
		}
	}
	mean, sd = mean*big, math.Sqrt(ss)*big
	if !(sd > 1e-12*math.Abs(mean)) || sd == 0 {
		sd = 1
	}
	return mean, sd
}

// direction is the mean direction of angles, and the scale that puts half of them
// within a quarter of a turn of it.
func direction(v []float64, t turn) (mean, scale float64) {
	plain := angle{t, 0, 1}
	sin, cos := 0.0, 0.0
	for _, x := range v {
		s, c := math.Sincos(plain.toLine(x, middle))
		sin, cos = sin+s, cos+c
	}
	mean = math.Atan2(sin, cos)
	half := make([]float64, len(v))
	about := angle{t, mean, 1}
	for i, x := range v {
		half[i] = math.Abs(math.Tan(about.from(x) / 2))
	}
	slices.Sort(half)
	return mean, math.Min(math.Max(half[len(half)/2], 1e-4), 1)
}

// widestGap is the middle of the widest gap between values on the circle.
func widestGap(v []float64, a turn) float64 {
	t := make([]float64, len(v))
	for i, x := range v {
		t[i] = a.of(x)
	}
	slices.Sort(t)
	last := t[len(t)-1]
	at, gap := (t[0]+last+1)/2, t[0]+1-last
	for i := 1; i < len(t); i++ {
		if d := t[i] - t[i-1]; d > gap {
			at, gap = (t[i]+t[i-1])/2, d
		}
	}
	return a.value(at)
}

// distinct returns the number of distinct values if it is at most FewValues, and
// the least gap between them; 0 if there are more.
func distinct(v []float64) (n int, gap float64) {
	s := firstValues(v, FewValues)
	if s == nil {
		return 0, 0
	}
	gap = math.Inf(1)
	for i := 1; i < len(s); i++ {
		gap = math.Min(gap, s[i]-s[i-1])
	}
	return len(s), gap
}

// firstValues returns the distinct values in order, nil if there are more than most.
func firstValues(v []float64, most int) []float64 {
	seen := make(map[float64]bool, most+1)
	for _, x := range v {
		if seen[x] = true; len(seen) > most {
			return nil
		}
	}
	s := make([]float64, 0, len(seen))
	for x := range seen {
		s = append(s, x)
	}
	slices.Sort(s)
	return s
}
