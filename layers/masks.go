package layers

import (
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// newMasked makes a network in which the outputs of element i, perElement of
// them, depend on the inputs before i alone (MADE; Germain et al. 2015,
// arXiv:1502.03509).
func newMasked(p *graph.Params, dim, perElement, context int, s Net) *network {
	dim = atLeastOne(p, "masked network", dim)
	if perElement < 1 {
		p.Fail("layers: masked network: %d outputs for each column: need at least one", perElement)
		perElement = 1
	}
	if err := s.check(); err != nil { // before masks are made for such widths
		p.Fail("layers: network %w", err)
		s = Net{}
	}
	widths := s.widths()
	degrees := make([][]int, len(widths))
	for l, h := range widths {
		d := s.Degrees
		if d == nil {
			d = spreadDegrees(h, dim, context > 0)
		}
		if len(d) != h || !slices.IsSorted(d) || d[0] < 0 || d[len(d)-1] > max(dim-1, 0) {
			p.Fail("layers: degrees %v: want %d in 0 … %d, not decreasing", d, h, dim-1)
			d = make([]int, h)
		}
		degrees[l] = d
	}
	return buildNetwork(p, dim, dim*perElement, context, s, degrees)
}

func spreadDegrees(hidden, dim int, context bool) []int {
	first := 1
	if context || dim == 1 {
		first = 0
	}
	d := make([]int, hidden)
	for i := range d {
		d[i] = first + i*max(dim-first, 1)/hidden
	}
	return d
}

func (n *network) hiddenReach(l int) graph.Reach {
	if n.degrees == nil {
		return nil
	}
	reach := make(graph.Reach, len(n.degrees[l]))
	for j, d := range n.degrees[l] {
		reach[j] = int32(n.before(d))
		if l > 0 {
			reach[j] = int32(countUpTo(n.degrees[l-1], d))
		}
	}
	return reach
}

func (n *network) outputReach() graph.Reach {
	if n.degrees == nil {
		return nil
	}
	last := n.degrees[len(n.degrees)-1]
	reach := make(graph.Reach, n.out)
	for j := range reach {
		reach[j] = int32(countUpTo(last, j/(n.out/n.in)))
	}
	return reach
}

// countUpTo returns how many of the sorted degrees are at most d.
func countUpTo(degrees []int, d int) int {
	k, _ := slices.BinarySearch(degrees, d+1)
	return k
}
