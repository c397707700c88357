package models

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

func discreteColumns(d int) []line {
	return make([]line, d)
}

// The points of cells fill the cube: they integrate products of waves to a percent or
// so, and every column has a place of its own.
func TestCellPlaces(t *testing.T) {
	for _, d := range []int{1, 2, 3, 5, 8} {
		ls := discreteColumns(d + 1)
		for j := range d {
			ls[j+1].discrete = true
		}
		places := cellPlaces(ls)
		total := 0.0
		for _, r := range places {
			require.Equal(t, middle, r[0], "a column that is not discrete")
			f := 1.0
			for _, v := range r[1:] {
				require.True(t, v > 0 && v < 1)
				f *= 1 + 0.5*math.Cos(2*math.Pi*v)
			}
			total += f / float64(len(places))
		}
		require.InDelta(t, 1, total, 0.05, "%d columns, %d points", d, len(places))
	}
	require.Len(t, cellPlaces(make([]line, 3)), 1)
}

// Probabilities by the points of cells are near those by many more.
func TestCellAccuracy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n, d = 3000, 5
	x := mat.NewDense(n, d, nil)
	var s Schema
	for j := range d {
		s.Columns = append(s.Columns, Column{Name: columnName(nil, j, false), Kind: Kind{Of: KindInteger}})
	}
	s.Columns[1].Kind = Kind{Of: KindCategorical, Levels: []string{"0", "1", "2", "3"}}
	for i := range n {
		c := rng.IntN(4)
		x.SetRow(i, []float64{float64(c + rng.IntN(3)), float64(c), float64(rng.IntN(2)), math.Round(3 * rng.NormFloat64()), float64(c*c) + math.Round(rng.NormFloat64())})
	}
	m, err := NewFor(s, Spec{Layers: 3, Hidden: []int{32}, Blocks: -1})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), Data{X: x}, FitOptions{Steps: 400, LearnRate: 4e-3})
	require.NoError(t, err)
	rows := x.Slice(0, 300, 0, d)
	few, err := m.LogProb(rows, nil)
	require.NoError(t, err)
	m.places = nil
	for range 4096 {
		r := make([]float64, d)
		for j := range r {
			r[j] = inside(rng)
		}
		m.places = append(m.places, r)
	}
	many, err := m.LogProb(rows, nil)
	require.NoError(t, err)
	bias, off := 0.0, 0.0
	for i := range few {
		bias += (few[i] - many[i]) / 300
		off += math.Abs(few[i]-many[i]) / 300
	}
	t.Logf("64 points beside 4096: mean difference %.4f nats, mean absolute difference %.4f", bias, off)
	require.InDelta(t, 0, bias, 0.05)
	require.Less(t, off, 0.15)
}
