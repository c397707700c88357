package layers

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// A network is told an angle by its sine and its cosine, so that what it gives is
// periodic.

func checkAngles(angles []int, columns int) error {
	for i, a := range angles {
		if a < 0 || a >= columns || slices.Contains(angles[:i], a) {
			return fmt.Errorf("angles %v: want some of the columns 0 … %d, each once", angles, columns-1)
		}
	}
	return nil
}

// before is the number of inputs that the first columns make.
func (n *network) before(columns int) int {
	k := columns
	for _, a := range n.Angles {
		if a < columns {
			k++
		}
	}
	return k
}

// told is the inputs that the columns make: the others, saturated, then sines, then
// cosines; in a masked network column by column.
func (n *network) told(x graph.Expr) graph.Expr {
	if len(n.Angles) == 0 {
		return n.saturated(x)
	}
	var others []int
	for c := range n.in {
		if !slices.Contains(n.Angles, c) {
			others = append(others, c)
		}
	}
	a := x.Columns(n.Angles)
	y := graph.Concat(a.Sin(), a.Cos())
	if len(others) > 0 {
		y = graph.Concat(n.saturated(x.Columns(others)), y)
	}
	if n.degrees == nil {
		return y
	}
	var order []int
	for c := range n.in {
		if i := slices.Index(n.Angles, c); i >= 0 {
			order = append(order, len(others)+i, len(others)+len(n.Angles)+i)
		} else {
			order = append(order, slices.Index(others, c))
		}
	}
	return y.Columns(order)
}

func (n *network) saturated(x graph.Expr) graph.Expr {
	if n.Saturate > 0 {
		return Saturate(x, n.Saturate)
	}
	return x
}
