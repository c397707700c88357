package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A run that meets a row whose inverse is not finite says so, of one row and of many;
// rows that are not finite themselves stay so, and a finite row whose sum is not is none.
func TestInverseOf(t *testing.T) {
	const most = math.MaxFloat64
	for _, mode := range []Mode{Eval, Train} {
		p := NewParams(Float64, 1)
		g := New(p, mode)
		y := g.Rows("y", 3)
		g.Output("x", y.Scale(1e10).InverseOf(y))
		prog, err := g.Compile()
		require.NoError(t, err)
		run := prog.NewRun()
		inverse := func(y ...float64) ([]float64, error) {
			x := make([]float64, len(y))
			require.NoError(t, run.Bind("y", Rows{Float64: y}))
			require.NoError(t, run.Into("x", Rows{Float64: x}))
			err := run.Do(context.Background(), len(y)/3)
			return x, err
		}
		long := make([]float64, 3*1000)
		long[3*700+1], long[3*800], long[3*800+2] = math.Inf(1), most, most
		for want, rows := range map[string][][]float64{
			"":           {{1, -2, 3}, {most / 1e10, most / 1e10, most / 1e10}, {math.NaN(), 1, most}, long[:3*800]},
			"1 elements": {{1, 2, most}, {1, 2, 3, 4, -most, 6, 7, 8, 9, 1, 1, 1, math.Inf(1), 1, 1}},
			"2 elements": {long},
		} {
			for _, v := range rows {
				x, err := inverse(v...)
				if want == "" || mode == Train {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, ErrNoInverse)
					require.ErrorContains(t, err, want+" have no inverse among finite numbers")
				}
				for i := range x {
					if v[i] == v[i] {
						require.Equal(t, v[i]*1e10, x[i])
					}
				}
			}
		}
	}
}
