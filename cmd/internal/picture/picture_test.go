package picture

import (
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func cloud(n, d int) []float64 {
	r := rand.New(rand.NewPCG(1, 1))
	out := make([]float64, n*d)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return out
}

func columns(names ...string) []Column {
	out := make([]Column, len(names))
	for i, n := range names {
		out[i].Name = n
	}
	return out
}

// colours counts the different colours of a picture: an empty one has few.
func colours(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	seen := map[[3]uint32]bool{}
	b := img.Bounds()
	for x := b.Min.X; x < b.Max.X; x += 3 {
		for y := b.Min.Y; y < b.Max.Y; y += 3 {
			r, g, bl, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, bl}] = true
		}
	}
	return len(seen)
}

// Each picture is drawn, nothing else is left in the folder, and degenerate
// input gives a picture or an error.
func TestPictures(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	normal := func(p []float64) ([]float64, error) {
		out := make([]float64, len(p)/2)
		for i := range out {
			out[i] = -(p[2*i]*p[2*i] + p[2*i+1]*p[2*i+1]) / 2
		}
		return out, nil
	}
	names := [2]string{"x", "y"}
	require.NoError(t, Density(at("density.png"), normal, cloud(500, 2), names))
	require.Greater(t, colours(t, at("density.png")), 100)
	require.NoError(t, Samples(at("samples.png"), cloud(500, 2), cloud(500, 2), [2]Column{{Name: "x", Levels: []string{"a", "b"}, Step: 1}, {Name: "y"}}))
	require.NoError(t, Corner(at("corner.png"), cloud(300, 3), cloud(300, 3), columns("a", "b", "c")))
	far := cloud(300, 3)
	far[0], far[3], far[6], far[9] = 1e300, -1e300, math.NaN(), math.Inf(1)
	require.NoError(t, Corner(at("far.png"), cloud(300, 3), far, columns("a", "b", "c")))
	require.NoError(t, Corner(at("one.png"), cloud(300, 1), cloud(300, 1), columns("a")))
	require.NoError(t, Corner(at("many.png"), cloud(50, 12), cloud(50, 12), columns("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")))
	require.NoError(t, Loss(at("loss.png"), []Series{{"training", []float64{1, 2, 3}, []float64{1e9, 3, 2}}, {"validation", []float64{3}, []float64{2.5}}}))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 7)

	nan := func(p []float64) ([]float64, error) {
		out := make([]float64, len(p)/2)
		for i := range out {
			out[i] = math.NaN()
		}
		return out, nil
	}
	require.NoError(t, Density(at("nan.png"), nan, []float64{1, 2}, names), "one row, no finite density")
	named := [2]Column{{Name: names[0]}, {Name: names[1]}}
	require.NoError(t, Samples(at("flat.png"), []float64{1, 5, 1, 6, 1, 7}, nil, named), "a constant column, no samples")
	require.ErrorContains(t, Density(at("none.png"), normal, nil, names), "no data")
	require.ErrorContains(t, Corner(at("none.png"), nil, nil, nil), "no data")
	require.ErrorContains(t, Loss(at("none.png"), []Series{{"training", []float64{1}, []float64{math.NaN()}}}), "no finite losses")
	require.Error(t, Samples(at("x.gif?"), cloud(5, 2), cloud(5, 2), named))
}
