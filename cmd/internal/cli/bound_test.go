package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Models whose log-probabilities are lower bounds say so wherever they give one; more
// draws give more, and a row scored in pieces gets the same bits.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	b.WriteString("n,x\n")
	for range 400 {
		n := rng.IntN(4)
		fmt.Fprintf(&b, "%d,%.5f\n", n, float64(n)+rng.NormFloat64())
	}
	data := file(t, dir, "rows.csv", b.String())
	for flag, says := range map[string]string{
		"--augment=2":              "lower bound on the log in nats of a probability (n)",
		"--dequantise=variational": "lower bound on the log in nats of a probability (n)",
	} {
		run := filepath.Join(dir, flag)
		code, out, errs := gorge("", "train", "--data", data, "--out", run, flag, "--model", "realnvp", "--layers", "2", "--hidden", "8", "--steps", "300", "--lr", "0.01")
		require.Zero(t, code, errs)
		require.Contains(t, out, "test log-likelihood  at least -")
		require.Contains(t, out, says)
		text, err := os.ReadFile(filepath.Join(run, "summary.json"))
		require.NoError(t, err)
		var s summary
		require.NoError(t, json.Unmarshal(text, &s))
		require.Equal(t, 16, s.Draws)
		require.Contains(t, s.LogProb, says)
		model := filepath.Join(run, "model.safetensors")
		code, out, errs = gorge("", "inspect", model)
		require.Zero(t, code, errs)
		require.Contains(t, out, says)
		mean := func(draws string) float64 {
			code, out, errs := gorge("", "score", model, data, "--draws", draws)
			require.Zero(t, code, errs)
			require.True(t, strings.HasPrefix(out, "log_prob_bound\n"), out[:30])
			require.Contains(t, errs, says)
			sum := 0.0
			for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
				v, err := strconv.ParseFloat(line, 64)
				require.NoError(t, err)
				sum += v
			}
			return sum / 400
		}
		one, many := mean("1"), mean("50")
		if strings.Contains(flag, "variational") {
			require.Less(t, one, many-0.005)
		} else { // a bound that is nearly tight here
			require.InDelta(t, one, many, 0.05)
		}
		code, out, errs = gorge("", "sample", model, "-n", "3")
		require.Zero(t, code, errs)
		require.True(t, strings.HasPrefix(out, "n,x,log_prob_bound\n"), out)
		code, _, errs = gorge("", "score", model, data, "--draws", "0")
		require.Equal(t, 2, code)
		require.Contains(t, errs, "--draws 0: want at least 1")
	}
	code, _, errs := gorge("", "train", "--data", data, "--dequantise", "variatonal")
	require.Equal(t, 2, code)
	require.Contains(t, errs, `did you mean "variational"`)
}

// A run folder of the time when dequantising was on or off is read.
func TestOldDequantise(t *testing.T) {
	for was, is := range map[string]string{"true": "uniform", "false": "", "variational": "variational"} {
		dir := t.TempDir()
		file(t, dir, optionsFile, "dequantise: "+was+"\n")
		o, err := readOptions(dir)
		require.NoError(t, err)
		require.Equal(t, is, o.Dequantise)
	}
}
