package layers

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// RandomOrder is an order of dim columns that depends on the seed alone: for
// AutoregressiveOptions.Order, for [Passes], for [NewPermutation].
func RandomOrder(dim int, seed uint64) []int {
	return rand.New(rand.NewPCG(seed, 0)).Perm(max(dim, 0))
}

// Passes returns the parents of the columns in k passes, for [NewAcyclic]: in the given
// order, the columns of each pass, one k-th of them, see those of all passes before
// (Wehenkel & Louppe 2020, arXiv:2006.02548). Two passes are a coupling layer, as
// many as columns an autoregressive one. Of no pass, or of an order that is none, it
// returns nil, which NewAcyclic refuses.
func Passes(order []int, k int) [][]int {
	dim := len(order)
	if _, err := invertOrder(order, dim); err != nil || k < 1 {
		return nil
	}
	parents := make([][]int, dim)
	for a, i := range order {
		for b, j := range order {
			if b*k/dim < a*k/dim {
				parents[i] = append(parents[i], j)
			}
		}
	}
	return parents
}

// topology returns the columns in levels, or says which lie on a cycle.
func topology(parents [][]int) ([][]int, error) {
	n := len(parents)
	if n == 0 {
		return nil, fmt.Errorf("no columns")
	}
	level := slices.Repeat([]int{-1}, n)
	var levels [][]int
	for done := 0; done < n; {
		var now []int
		for i, ps := range parents {
			ready := level[i] < 0
			for _, j := range ps {
				if j < 0 || j >= n {
					return nil, fmt.Errorf("parent %d of column %d: want 0 to %d", j, i, n-1)
				}
				ready = ready && level[j] >= 0
			}
			if ready {
				now = append(now, i)
			}
		}
		if len(now) == 0 {
			var rest []int
			for i, v := range level {
				if v < 0 {
					rest = append(rest, i)
				}
			}
			return nil, fmt.Errorf("columns %v depend on each other in a cycle", rest)
		}
		for _, i := range now {
			level[i] = len(levels)
		}
		levels = append(levels, now)
		done += len(now)
	}
	return levels, nil
}
