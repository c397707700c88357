package flows

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// blobs are rows about the given centres, in turn.
func blobs(n int, std float64, centres ...[]float64) *mat.Dense {
	rng := rand.New(rand.NewPCG(1, 2))
	m := mat.NewDense(n, len(centres[0]), nil)
	for i := range n {
		for j, c := range centres[i%len(centres)] {
			m.Set(i, j, c+std*rng.NormFloat64())
		}
	}
	return m
}

func TestKMeansFindsBlobs(t *testing.T) {
	centres := [][]float64{{0, 0}, {10, 0}, {0, 10}, {10, 10}, {5, 30}}
	const n, std = 1000, 0.5
	c := kMeans(blobs(n, std, centres...), 5, rand.New(rand.NewPCG(3, 3)))
	found := map[int]bool{}
	for k := range 5 {
		of, d := nearest(c.means[2*k:2*k+2], centres)
		found[of] = true
		// Five standard errors of a mean of 200 rows, in either column.
		require.Less(t, math.Sqrt(d), 5*std/math.Sqrt(n/5)*math.Sqrt2)
		require.InDelta(t, 0.2, c.shares[k], 1e-3)
		for j := range 2 {
			require.InDelta(t, std*std, c.variances[2*k+j], 0.1)
		}
	}
	require.Len(t, found, 5)
}

// The same rng gives the same bits.
func TestKMeansIsDeterministic(t *testing.T) {
	x := blobs(300, 3, []float64{0, 0, 1}, []float64{2, 1, 0})
	a, b := kMeans(x, 7, rand.New(rand.NewPCG(1, 1))), kMeans(x, 7, rand.New(rand.NewPCG(1, 1)))
	require.Equal(t, a, b)
	require.NotEqual(t, a.means, kMeans(x, 7, rand.New(rand.NewPCG(2, 1))).means)
}

// With fewer distinct rows than clusters, each cluster is one of the rows and they share
// its weight.
func TestKMeansOfFewRows(t *testing.T) {
	for _, c := range []struct {
		rows [][]float64
		k    int
	}{
		{[][]float64{{1, 2}}, 3},
		{[][]float64{{1, 2}, {1, 2}, {1, 2}, {1, 2}}, 2},
		{[][]float64{{0, 0}, {4, 0}, {0, 0}, {4, 0}}, 5},
	} {
		x := mat.NewDense(len(c.rows), 2, nil)
		for i, r := range c.rows {
			x.SetRow(i, r)
		}
		got := kMeans(x, c.k, rand.New(rand.NewPCG(1, 1)))
		total := 0.0
		for k := range c.k {
			total += got.shares[k]
			_, d := nearest(got.means[2*k:2*k+2], c.rows)
			require.Zero(t, d)
			require.Equal(t, leastVariance, got.variances[2*k])
		}
		require.InDelta(t, 1, total, 1e-12)
		for _, w := range append(got.logWeights(), got.logScales()...) {
			require.False(t, math.IsNaN(w) || math.IsInf(w, 0))
		}
	}
}

// A centre that no row is next to begins again at the row furthest from its centre.
func TestKMeansFillsEmptyClusters(t *testing.T) {
	rows := [][]float64{{0}, {1}, {2}, {50}}
	centres := [][]float64{{1}, {1e6}}
	of, spread := lloyd(rows, centres)
	require.Equal(t, []int{0, 0, 0, 1}, of)
	require.Equal(t, [][]float64{{1}, {50}}, centres)
	require.Equal(t, 2., spread)
}

// Points of a resampled base are spread as normal ones: their moments, alone and
// together, are nearer to N(0, 1)'s than those of random draws, whose error is that of
// a mean of n.
func TestEvenNormals(t *testing.T) {
	const n = 4096
	for _, dim := range []int{1, 2, 6} {
		v := evenNormals(n, dim)
		var mean, square, product float64
		for i := range n {
			a, b := v[i*dim], v[i*dim+dim-1]
			mean, square, product = mean+b/n, square+b*b/n, product+a*b/n
		}
		require.InDelta(t, 0, mean, 0.1/math.Sqrt(n))
		require.InDelta(t, 1, square, 0.2/math.Sqrt(n))
		if dim > 1 {
			require.InDelta(t, 0, product, 0.3/math.Sqrt(n))
		}
	}
}
