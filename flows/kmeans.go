package flows

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// clusters are what k-means makes of rows: means and variances of the columns, one
// cluster after the other, and the share of the rows in each.
type clusters struct {
	k, dim    int
	means     []float64 // k·dim
	variances []float64 // k·dim
	shares    []float64 // k
}

const (
	kMeansStarts = 4  // of which the best is kept
	kMeansSteps  = 50 // of each at most
	// leastVariance keeps the scale of a cluster of equal rows off zero.
	leastVariance = 1e-4
)

// kMeans divides rows of finite numbers into k clusters of least variance by Lloyd's
// algorithm (1982) from centres drawn as Arthur & Vassilvitskii (2007) do, k-means++:
// each next one with probabilities as the squared distance from those before. A cluster
// that loses its rows begins again at the row that is furthest from its centre. Where
// there are fewer distinct rows than clusters, clusters are the same and share their
// rows.
func kMeans(x mat.Matrix, k int, rng *rand.Rand) *clusters {
	n, dim := x.Dims()
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = mat.Row(nil, i, x)
	}
	var best [][]float64
	var of []int
	least := math.Inf(1)
	for range kMeansStarts {
		centres := seedCentres(rows, k, rng)
		labels, spread := lloyd(rows, centres)
		if best == nil || spread < least {
			best, of, least = centres, labels, spread
		}
	}
	return describe(rows, best, of, k, dim)
}

// seedCentres draws k centres among the rows, fewer if there are fewer distinct rows.
func seedCentres(rows [][]float64, k int, rng *rand.Rand) [][]float64 {
	centres := [][]float64{append([]float64(nil), rows[rng.IntN(len(rows))]...)}
	d := make([]float64, len(rows)) // squared distance from the nearest
	for i := range d {
		d[i] = math.Inf(1)
	}
	for len(centres) < k {
		total, last := 0.0, centres[len(centres)-1]
		for i, r := range rows {
			d[i] = min(d[i], squaredDistance(r, last))
			total += d[i]
		}
		if total == 0 {
			break
		}
		left, at := rng.Float64()*total, -1
		for i, v := range d {
			if v > 0 && (at < 0 || left >= 0) {
				at = i // the last of them, should rounding leave something
			}
			left -= v
		}
		centres = append(centres, append([]float64(nil), rows[at]...))
	}
	return centres
}

// lloyd moves the centres to the means of the rows next to them until none changes
// sides. It returns the rows' clusters and the sum of squared distances.
func lloyd(rows, centres [][]float64) (of []int, spread float64) {
	of = make([]int, len(rows))
	for i := range of {
		of[i] = -1
	}
	for range kMeansSteps {
		changed := false
		spread = 0
		furthest, far := -1, -1.0
		for i, r := range rows {
			c, d := nearest(r, centres)
			changed = changed || c != of[i]
			of[i] = c
			spread += d
			if d > far {
				furthest, far = i, d
			}
		}
		if !changed {
			break
		}
		recentre(rows, centres, of, furthest)
	}
	return of, spread
}

func nearest(r []float64, centres [][]float64) (at int, least float64) {
	least = math.Inf(1)
	for c, m := range centres {
		if d := squaredDistance(r, m); d < least {
			at, least = c, d
		}
	}
	return at, least
}

func squaredDistance(a, b []float64) float64 {
	s := 0.0
	for j, v := range a {
		s += (v - b[j]) * (v - b[j])
	}
	return s
}

func recentre(rows, centres [][]float64, of []int, furthest int) {
	count := make([]float64, len(centres))
	for c := range centres {
		clear(centres[c])
	}
	for i, r := range rows {
		count[of[i]]++
		for j, v := range r { // a running mean
			m := &centres[of[i]][j]
			*m += (v - *m) / count[of[i]]
		}
	}
	for c, n := range count {
		if n == 0 {
			copy(centres[c], rows[furthest])
		}
	}
}

// describe finds the numbers of the clusters. Variances are drawn towards those within
// all clusters by the weight of one row, for clusters of few.
func describe(rows, centres [][]float64, of []int, k, dim int) *clusters {
	found := len(centres)
	count, ss, pooled := make([]float64, found), make([]float64, found*dim), make([]float64, dim)
	for i, r := range rows {
		c := of[i]
		count[c]++
		for j, v := range r {
			d := (v - centres[c][j]) * (v - centres[c][j])
			ss[c*dim+j] += d
			pooled[j] += d / float64(len(rows))
		}
	}
	out := &clusters{k: k, dim: dim}
	for i := range k {
		c := i % found
		copies := (k-c-1)/found + 1
		out.shares = append(out.shares, (count[c]+0.5)/(float64(len(rows))+0.5*float64(found))/float64(copies))
		for j := range dim {
			out.means = append(out.means, centres[c][j])
			out.variances = append(out.variances, (ss[c*dim+j]+pooled[j])/(count[c]+1)+leastVariance)
		}
	}
	return out
}

// logWeights are logits of the shares.
func (c *clusters) logWeights() []float64 {
	out := make([]float64, c.k)
	for i, s := range c.shares {
		out[i] = math.Log(s)
	}
	return out
}

// logScales are the parameters that bounded makes log-scales of.
func (c *clusters) logScales() []float64 {
	out := make([]float64, len(c.variances))
	for i, v := range c.variances {
		out[i] = unbounded(math.Log(v) / 2)
	}
	return out
}
