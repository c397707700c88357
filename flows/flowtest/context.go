package flowtest

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Context checks that each column of the context makes a difference.
func Context(c Case) error {
	if c.Context == 0 {
		return nil
	}
	b, err := newBench(c, graph.Float64, 25)
	if err != nil {
		return err
	}
	for _, d := range both {
		x, ctx := c.inputs(d, c.rows(20, 5), 26)
		res, err := b.values(d, x, ctx)
		if err != nil {
			return err
		}
		for j := range c.Context {
			other := slices.Clone(ctx)
			for k := j; k < len(other); k += c.Context {
				other[k]++
			}
			moved, err := b.values(d, x, other)
			if err != nil {
				return err
			}
			if slices.Equal(moved.y, res.y) && slices.Equal(moved.logDet, res.logDet) {
				return fmt.Errorf("%s: column %d of the context makes no difference", d, j)
			}
		}
	}
	return nil
}
