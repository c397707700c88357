package flowtest

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Smooth checks that the map has no jumps of slope: along a line through the
// points and on both sides of each, one-sided slopes agree. Layers with networks
// that have kinks pass if their jumps are small and few. Between sets that are not
// all rows, lines have no place.
func Smooth(c Case) error {
	if c.Kinks {
		return nil
	}
	b, err := newBench(c, graph.Float64, 13)
	if err != nil {
		return err
	}
	for _, d := range both {
		if c.set(d).Draw != nil {
			continue
		}
		for _, col := range c.columns(23) {
			if err := b.line(d, col); err != nil {
				return err
			}
		}
	}
	return nil
}

// line checks one column of a direction.
func (b *bench) line(d direction, col int) error {
	const h = 1e-5
	c := b.c
	points := append([]float64{-1, 0, 1}, c.Points...)
	n := c.rows(60, 12)
	for i := range n {
		points = append(points, -6+12/float64(n)*float64(i)+0.013)
	}
	base, one := c.inputs(d, 1, 14)
	var x, ctx []float64
	for _, p := range points {
		for _, by := range []float64{-2 * h, -h, 0, h, 2 * h} {
			row := append([]float64(nil), base...)
			row[col] = p + by
			x = append(x, row...)
			ctx = append(ctx, one...)
		}
	}
	res, err := b.values(d, x, ctx)
	if err != nil {
		return err
	}
	for k, p := range points {
		at := func(i int) float64 { return res.y[(5*k+i)*c.Dim+col] }
		left := (3*at(2) - 4*at(1) + at(0)) / (2 * h)
		right := -(3*at(2) - 4*at(3) + at(4)) / (2 * h)
		if !(math.Abs(left-right) <= 2e-3*(1+math.Abs(left))) {
			return fmt.Errorf("%s: at x%d = %v the slope jumps from %v to %v", d, col, p, left, right)
		}
	}
	return nil
}
