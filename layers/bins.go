package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// checkBins checks the settings of a spline.
func checkBins(bins, least int, bound, min float64) error {
	switch {
	case bins < least || bins > 256:
		return fmt.Errorf("%d bins: want %d to 256", bins, least)
	case !(bound > 0):
		return fmt.Errorf("bound %v: must be positive", bound)
	case !(float64(bins)*min < 1):
		return fmt.Errorf("%d bins of at least %v leave no room", bins, min)
	}
	return checkSize("bound", bound)
}

// checkSize refuses a setting that is no number, or one that float32 cannot compute with.
// Zero and negative ones have meanings of their own.
func checkSize(what string, v float64) error {
	if a := math.Abs(v); a != 0 && !(a >= 1e-10 && a <= 1e10) {
		return fmt.Errorf("%s %v: want 1e-10 to 1e10", what, v)
	}
	return nil
}

// checkSlope checks the least slope of a map whose slopes are one on average.
func checkSlope(min float64) error {
	if !(min < 1) {
		return fmt.Errorf("least slope %v: must be less than 1", min)
	}
	return nil
}

// bins is the bin of each element among k whose right edges are given: an
// indicator of it. The first holds all that lies below, the last all above.
type bins struct {
	k   int
	hot graph.Expr
}

func findBins(v, right graph.Expr, k int) bins {
	passed := v.Repeat(k).Less(right).Affine(-1, 1).Mul(row(v, numbered(k, func(i int) float64 { return step(i < k-1) })...))
	before := make([]int, passed.Cols())
	for i := range before {
		before[i] = max(i-1, 0)
	}
	reached := passed.Columns(before).Mul(row(v, numbered(k, func(i int) float64 { return step(i > 0) })...)).
		Add(row(v, numbered(k, func(i int) float64 { return step(i == 0) })...))
	return bins{k, reached.Sub(passed)}
}

// of is the bin's own among k quantities of each element.
func (b bins) of(q graph.Expr) graph.Expr { return b.hot.Mul(q).SumGroups(b.k) }
