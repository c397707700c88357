package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The log-slope of a bounded column is finite as near to an end as numbers go.
func TestLogitAtItsEnds(t *testing.T) {
	g := logit{0, 3}
	for _, x := range []float64{math.SmallestNonzeroFloat64, 1e-310, 1e-300, 1e-10, 1.5, math.Nextafter(3, 0)} {
		log, _, _ := g.slopes(x, middle)
		require.InDelta(t, math.Log(3)-math.Log(x)-math.Log(3-x), log, 1e-9, x)
	}
}
