package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// gorge runs a command line and returns its exit code and what it wrote.
func gorge(in string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Run(context.Background(), "", args, IO{strings.NewReader(in), &o, &e})
	return code, o.String(), e.String()
}

func rows(n int, cols int, header string) string {
	rng := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	b.WriteString(header)
	for range n {
		for j := range cols {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%.5f", 10*float64(j)+rng.NormFloat64())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(p, []byte(text), 0o644))
	return p
}

var quick = []string{"--model", "realnvp", "--layers", "2", "--hidden", "8", "--steps", "30", "--quiet"}

// A length that is given is the whole schedule's; a built-in shape has its own.
func TestScheduleDefaults(t *testing.T) {
	for args, want := range map[string]trainOptions{
		"":                                  {Minutes: 0.4},
		"--dropout 0.3":                     {Minutes: 0.4, Dropout: 0.3},
		"--data a.csv":                      {Steps: tableSteps, Patience: tablePatience, Dropout: tableDropout},
		"--data a.csv --patience -1":        {Steps: tableSteps, Patience: -1, Dropout: tableDropout},
		"--data a.csv --minutes 2":          {Minutes: 2, Dropout: tableDropout},
		"--data a.csv --epochs 5":           {Epochs: 5, Dropout: tableDropout},
		"--data - --steps 9 --dropout 0":    {Steps: 9},
		"--steps 0":                         {Minutes: 0.4},
		"--data a.csv --minutes 0":          {Steps: tableSteps, Patience: tablePatience, Dropout: tableDropout},
		"--data a.csv --steps 0 --epochs 3": {Epochs: 3, Dropout: tableDropout},
	} {
		var o trainOptions
		c := &cobra.Command{}
		o.flags(c)
		require.NoError(t, c.ParseFlags(strings.Fields(args)))
		require.NoError(t, o.complete(c.Flags().Changed))
		got := trainOptions{Epochs: o.Epochs, Steps: o.Steps, Minutes: o.Minutes, Patience: o.Patience, Dropout: o.Dropout}
		require.Equal(t, want, got, args)
		require.Equal(t, "nsf-ar", o.Model)
	}
}

// The whole way: train, score, sample, inspect.
func TestTrainScoreSample(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(300, 3, "a,b,c\n"))
	run := filepath.Join(dir, "run")
	code, out, errs := gorge("", append([]string{"train", "--data", data, "--out", run}, quick...)...)
	require.Zero(t, code, errs)
	require.Empty(t, out+errs, "quiet")
	for _, name := range []string{"model.safetensors", "checkpoint.safetensors", "samples.png", "loss.png", "metrics.jsonl", "summary.json", "train.yaml"} {
		st, err := os.Stat(filepath.Join(run, name))
		require.NoError(t, err)
		require.Positive(t, st.Size(), name)
	}
	events, err := filepath.Glob(filepath.Join(run, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, events, 1)
	var s summary
	b, err := os.ReadFile(filepath.Join(run, "summary.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &s))
	require.Equal(t, 30, s.TestRows)
	require.Equal(t, 30, s.Steps)
	require.False(t, math.IsNaN(*s.TestLogLikelihood))

	model := filepath.Join(run, "model.safetensors")
	code, all, errs := gorge("", "score", model, data)
	require.Zero(t, code, errs)
	require.Equal(t, 301, strings.Count(all, "\n"))
	// By name in another order, by place without a header, from standard input.
	shuffled := "c,b,a\n" + "20.5,10.25,0.125\n"
	code, one, errs := gorge(shuffled, "score", model, "-")
	require.Zero(t, code, errs)
	_, two, _ := gorge("0.125,10.25,20.5\n", "score", model, "-")
	require.Equal(t, two, one)

	code, samples, errs := gorge("", "sample", model, "-n", "5")
	require.Zero(t, code, errs)
	require.True(t, strings.HasPrefix(samples, "a,b,c,log_prob\n"))
	require.Equal(t, 6, strings.Count(samples, "\n"))
	npy := filepath.Join(dir, "s.npy")
	code, _, errs = gorge("", "sample", model, "-n", "7", "-o", npy)
	require.Zero(t, code, errs)
	code, out, errs = gorge("", "inspect", model)
	require.Zero(t, code, errs)
	require.Contains(t, out, "realnvp")
	require.Regexp(t, `\nflow +base +StandardNormal +0\n`, out)
	require.Regexp(t, `\n +layer1 +Coupling +\d+  8 × [12], `, out)
	require.NotContains(t, out, "layer0.hidden0.weight")
	code, all, errs = gorge("", "inspect", model, "--tensors")
	require.Zero(t, code, errs)
	require.True(t, strings.HasPrefix(all, out))
	require.Contains(t, all, "\ntensors     layer0.hidden0.weight ")

	code, out, _ = gorge("", "train", "--resume", run)
	require.Zero(t, code)
	require.Contains(t, out, "finished")
	code, _, errs = gorge("", "train", "--resume", run, "--steps", "60")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--steps beside --resume")
	require.Contains(t, errs, "train --help")
}

// A run into the folder of another is not taken for it when it is cut short: nothing but
// the model of the other is left.
func TestSameFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	run := "run[" // no pattern
	args := []string{"train", "--rows", "300", "--model", "realnvp", "--layers", "2", "--hidden", "8", "--steps", "20", "--quiet", "--out", run}
	code, _, errs := gorge("", args...)
	require.Zero(t, code, errs)
	require.NoError(t, clearRun(run))
	names := func() (names []string) {
		entries, err := os.ReadDir(run)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	left := names()
	require.ElementsMatch(t, []string{"metrics.jsonl", "model.safetensors", "schema.yaml"}, left)
	code, _, errs = gorge("", args...)
	require.Zero(t, code, errs)
	events := slices.DeleteFunc(names(), func(name string) bool { return !strings.HasPrefix(name, "events.") })
	require.Len(t, events, 1)
	// Nor is a run lost that was killed, of which there is but a checkpoint.
	require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
	code, _, errs = gorge("", args...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--resume "+run+" goes on with it")
	require.FileExists(t, filepath.Join(run, "checkpoint.safetensors"))
}

// A run that ends before its schema is written cannot be resumed, by which its columns
// would be taken for real numbers or for those of an earlier run.
func TestBegunInPart(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	args := append([]string{"train", "--data", data, "--out", run}, quick...)
	code, _, errs := gorge("", args...)
	require.Zero(t, code, errs)
	schema := filepath.Join(run, schemaName)
	require.NoError(t, os.Remove(schema))
	require.NoError(t, os.Mkdir(schema, 0o755)) // where no file can be
	code, _, errs = gorge("", args...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, schemaName)
	code, _, errs = gorge("", "train", "--resume", run)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no run to resume")
}

// The model file of a run that was resumed is that of one that was not, to the last byte,
// where nothing is inferred too.
func TestResumedBytes(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	for i, args := range [][]string{{"--rows", "300"}, {"--data", data}, {"--data", data, "--schema", "none"}} {
		run := filepath.Join(dir, strconv.Itoa(i))
		code, _, errs := gorge("", append(append([]string{"train", "--out", run}, args...), quick...)...)
		require.Zero(t, code, errs)
		want := string(read(t, run, "model.safetensors"))
		require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
		code, _, errs = gorge("", "train", "--resume", run)
		require.Zero(t, code, errs)
		require.Equal(t, want, string(read(t, run, "model.safetensors")), "%v", args)
	}
}

// A run that ended while its pictures were drawn has the rest of them drawn when it is
// resumed, by the same model; one without a checkpoint is left as it is.
func TestPicturesResumed(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	code, _, errs := gorge("", "train", "--rows", "300", "--model", "realnvp", "--layers", "2", "--hidden", "8", "--steps", "20", "--quiet", "--out", run)
	require.Zero(t, code, errs)
	model := read(t, run, "model.safetensors")
	pictures := []string{"density.png", "samples.png"}
	for _, name := range pictures {
		require.NoError(t, os.Remove(filepath.Join(run, name)))
	}
	code, out, errs := gorge("", "train", "--resume", run)
	require.Zero(t, code, errs)
	require.Contains(t, out, "test log-likelihood")
	for _, name := range pictures {
		require.FileExists(t, filepath.Join(run, name))
	}
	require.Equal(t, model, read(t, run, "model.safetensors"))
	require.NoFileExists(t, filepath.Join(run, "best.safetensors"))

	// Pictures of an earlier end of the fit are not taken for those of the last.
	density := filepath.Join(run, "density.png")
	for _, name := range []string{"density.png", "summary.json"} {
		require.NoError(t, os.Remove(filepath.Join(run, name)))
	}
	require.NoError(t, os.Mkdir(density, 0o755)) // where no file can be
	code, _, errs = gorge("", "train", "--resume", run)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "density.png")
	require.NoError(t, os.Remove(density))
	code, out, errs = gorge("", "train", "--resume", run)
	require.Zero(t, code, errs)
	require.Contains(t, out, "test log-likelihood")
	require.FileExists(t, density)

	for _, name := range []string{"samples.png", "checkpoint.safetensors"} {
		require.NoError(t, os.Remove(filepath.Join(run, name)))
	}
	code, out, errs = gorge("", "train", "--resume", run)
	require.Zero(t, code, errs)
	require.Contains(t, out, "finished")
}

// Conditional models, weights, and options from a file.
func TestContextAndConfig(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(200, 4, "a,b,c,w\n"))
	config := file(t, dir, "c.yaml", "model: nsf\nlayers: 1\nhidden: [8]\nbins: 4\nsteps: 1000\nquiet: true\n")
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", "train", "--data", data, "--context", "a", "--columns", "b-c", "--out", run, "--config", config, "--steps", "5")
	require.Equal(t, 2, code, "b-c is no range of numbers: %s", errs)
	code, _, errs = gorge("", "train", "--data", data, "--context", "a", "--columns", "2-3", "--weights", "w", "--out", run, "--config", config, "--steps", "5")
	require.Zero(t, code, errs)
	code, _, errs = gorge("", "train", "--data", data, "--context", "a", "--columns", "2-3", "--out", run, "--config", config, "--steps", "5")
	require.Zero(t, code, errs)
	model := filepath.Join(run, "model.safetensors")
	code, _, errs = gorge("", "sample", model)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--context")
	given := file(t, dir, "given.csv", "a\n0\n1\n2\n")
	code, out, errs := gorge("", "sample", model, "--context", given)
	require.Zero(t, code, errs)
	require.Equal(t, 4, strings.Count(out, "\n"))
	code, out, errs = gorge("", "score", model, data)
	require.Zero(t, code, errs)
	require.Equal(t, 201, strings.Count(out, "\n"))
	bad := file(t, dir, "bad.yaml", "modle: nsf\n")
	code, _, errs = gorge("", "train", "--config", bad)
	require.Equal(t, 2, code)
	require.Contains(t, errs, `did you mean "model"`)
}

// Wrong usage exits with 2, failure with 1, and the message says what to do.
func TestMessages(t *testing.T) {
	dir := t.TempDir()
	good := file(t, dir, "good.csv", rows(60, 2, "a,b\n"))
	constant := file(t, dir, "constant.csv", "a,b\n1,1\n2,1\n3,1\n4,1\n")
	ragged := file(t, dir, "ragged.csv", "a,b\n1,2\n1\n")
	text := file(t, dir, "text.csv", "a,b\n1,2\n1,n/a\n")
	nan := file(t, dir, "nan.csv", "a,b\n1,2\n1,nan\n")
	empty := file(t, dir, "empty.csv", "")
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", append([]string{"train", "--data", good, "--out", run}, quick...)...)
	require.Zero(t, code, errs)
	model := filepath.Join(run, "model.safetensors")
	three := file(t, dir, "three.csv", "x,y,z\n1,2,3\n")
	notModel := file(t, dir, "not.safetensors", "hello, this is no model file")
	aFile := file(t, dir, "afile", "x")
	negative := file(t, dir, "negative.csv", "a,b,w\n1,2,1\n3,2.5,-1\n2,7,1\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"trian"}, 2, `did you mean "train"`},
		{[]string{"train", "--modle", "nsf"}, 2, `did you mean "model"`},
		{[]string{"train", "--model", "nfs"}, 2, `did you mean "nsf"`},
		{[]string{"train", "--shape", "mons"}, 2, `did you mean "moons"`},
		{[]string{"train", "--steps", "many"}, 2, "many"},
		{[]string{"train", "extra"}, 2, "--data"},
		{[]string{"train", "extra"}, 2, "See 'gorge train --help'"},
		{[]string{"train", "--columns", "a"}, 2, "--columns a: is for a table"},
		{[]string{"train", "--test", "0.2"}, 2, "--test 0.2: is for a table"},
		{[]string{"train", "--valid", good}, 2, "fraction of its rows"},
		{[]string{"train", "--rows", "-5"}, 2, "--rows -5"},
		{[]string{"train", "--data", good, "--shape", "rings"}, 2, "--shape rings"},
		{[]string{"train", "--data", good, "--context", "100-200"}, 2, "there are 2 columns"},
		{[]string{"train", "--data", good, "--test", "nan"}, 2, "--test NaN"},
		{[]string{"train", "--data", good, "--valid", "1"}, 2, "--valid 1"},
		{[]string{"train", "--data", good, "--valid", "nan"}, 2, "--valid NaN"},
		{[]string{"train", "--data", negative, "--weights", "w"}, 1, `negative.csv: row 2, column "w": weight -1`},
		{[]string{"train", "--resume", run, "--steps", "50"}, 2, "--steps beside --resume"},
		{[]string{"train", "--data", good, "--columns", "z"}, 2, "there are: a, b"},
		{[]string{"train", "--data", filepath.Join(dir, "none.csv")}, 1, "none.csv"},
		{[]string{"train", "--data", empty}, 1, "empty"},
		{[]string{"train", "--data", ragged}, 1, "ragged.csv:3"},
		{[]string{"train", "--data", text}, 1, `text.csv:3: column "b": "n/a"`},
		{[]string{"train", "--data", nan}, 1, `nan.csv:3: column "b": "nan" is a missing value`},
		{[]string{"train", "--data", constant, "--out", filepath.Join(dir, "c")}, 1, `column "b" is constant`},
		{[]string{"train", "--data", good, "--out", filepath.Join(aFile, "run")}, 1, "run folder"},
		{[]string{"train", "--resume", filepath.Join(dir, "nowhere")}, 1, "no run to resume"},
		{[]string{"score", model}, 2, "MODEL and DATA"},
		{[]string{"score", model, three}, 1, "no column a, b; there are: x, y, z; columns without names are taken by place"},
		{[]string{"score", model, file(t, dir, "unnamed.csv", "1,2,3\n")}, 1, "3 columns, the model has 2 (a, b)"},
		{[]string{"score", model, file(t, dir, "upper.csv", "B,A\n1,2\n")}, 1, "no column a, b; there are: B, A"},
		{[]string{"train", "--data", good, "--test", "0.9999", "--out", filepath.Join(dir, "e")}, 2, "too few to fit"},
		{[]string{"train", "--data", "-", "--test", "-"}, 2, "standard input is one table"},
		{[]string{"train", "--data", good, "--embed", "5"}, 2, "no context to embed"},
		{[]string{"train", "--model", "maf", "--bins", "7"}, 2, "model maf has no bins"},
		{[]string{"train", "--model", "maf", "--bound", "3"}, 2, "model maf has no box"},
		{[]string{"train", "--clip", "-5"}, 2, "--clip -5: want a number above 0"},
		{[]string{"score", notModel, good}, 1, "not a model file"},
		{[]string{"score", filepath.Join(dir, "none"), good}, 1, "none"},
		{[]string{"score", model, good, "-o", filepath.Join(dir, "o.xls")}, 2, "unknown kind of file"},
		{[]string{"sample", model, "-o", filepath.Join(dir, "o.xls")}, 2, "unknown kind of file"},
		{[]string{"score", model, text, "-o", filepath.Join(dir, "o.csv")}, 1, "n/a"},
		{[]string{"sample", model, "-n", "-3"}, 2, "--rows -3: want 0 or more"},
		{[]string{"sample", model, "--temperature", "0"}, 2, "--temperature 0: want a number above 0"},
	} {
		code, _, errs := gorge("", c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
	}
	_, err := os.Stat(filepath.Join(dir, "o.csv"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is left of a failed score")
	code, out, _ := gorge("", "--help")
	require.Zero(t, code)
	require.Contains(t, out, "gorge train --data rows.csv")
	for _, c := range []string{"train", "score", "sample", "inspect", "models"} {
		code, out, _ = gorge("", c, "--help")
		require.Zero(t, code)
		require.Contains(t, out, "gorge "+c)
	}
}

// A run begun in the folder of a finished one is not taken for it, two do not run in one
// folder, and without validation there is none.
func TestRunFolder(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	constant := file(t, dir, "constant.csv", "a,b\n1,1\n2,1\n3,1\n4,1\n")
	run := filepath.Join(dir, "run")
	args := append([]string{"train", "--data", data, "--valid", "0", "--out", run}, quick...)
	code, _, errs := gorge("", args...)
	require.Zero(t, code, errs)
	require.Contains(t, string(read(t, run, "summary.json")), `"valid_nll": null`)
	unlock, err := lock(run)
	require.NoError(t, err)
	code, _, errs = gorge("", args...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "another process")
	unlock()
	// A fit that cannot begin leaves the run before it as it is.
	contents := func() map[string]string {
		out := map[string]string{}
		there, err := os.ReadDir(run)
		require.NoError(t, err)
		for _, e := range there {
			out[e.Name()] = string(read(t, run, e.Name()))
		}
		return out
	}
	before := contents()
	require.Contains(t, before, "summary.json")
	code, _, errs = gorge("", append([]string{"train", "--data", constant, "--out", run}, quick...)...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, `column "b" is constant`)
	require.Equal(t, before, contents())
	code, _, errs = gorge("", append(args, "--seed", "2")...)
	require.Zero(t, code, errs)
	require.NotEqual(t, before["model.safetensors"], contents()["model.safetensors"])
}

// A column may have the name that samples' log-densities would have; options without a
// value in a file are none; an interrupted score or sample leaves nothing.
func TestOddCases(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,log_prob\n"))
	config := file(t, dir, "c.yaml", "model:\nweights:\nsteps: 5\n")
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", "train", "--data", data, "--out", run, "--config", config, "--layers", "1", "--hidden", "8", "--quiet")
	require.Zero(t, code, errs)
	model := filepath.Join(run, "model.safetensors")
	for _, ext := range []string{".csv", ".parquet"} {
		out := filepath.Join(dir, "s"+ext)
		code, _, errs = gorge("", "sample", model, "-n", "3", "-o", out)
		require.Zero(t, code, errs)
		got, err := table.Read(out, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "log_prob", "model_log_prob"}, got.Columns)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var o, e bytes.Buffer
	for _, args := range [][]string{{"score", model, data}, {"sample", model}} {
		out := filepath.Join(dir, "none.csv")
		require.Equal(t, 1, Run(ctx, "", append(args, "-o", out), IO{nil, &o, &e}))
		require.Contains(t, e.String(), "interrupted")
		left, err := filepath.Glob(filepath.Join(dir, "*none.csv*"))
		require.NoError(t, err)
		hidden, err := filepath.Glob(filepath.Join(dir, ".none.csv*"))
		require.NoError(t, err)
		require.Empty(t, append(left, hidden...))
	}
}

// Names that a column and one of the context share tell nothing.
func TestMatchDoubledNames(t *testing.T) {
	r, err := table.Open("-", strings.NewReader("1,2,3\n4,5,6\n"))
	require.NoError(t, err)
	require.NoError(t, match(r, []models.Column{{Name: "x1"}, {Name: "x2"}}, []models.Column{{Name: "x1"}}))
	got, err := r.All()
	require.NoError(t, err)
	require.Equal(t, []float64{2, 3, 1, 5, 6, 4}, got.Data)
}

// TestMain is also the training process that TestKill kills and TestSecondInterrupt
// interrupts.
func TestMain(m *testing.M) {
	if args := os.Getenv("GORGE_TEST_ARGS"); args != "" {
		if os.Getenv("GORGE_TEST_MAIN") != "" {
			os.Args = append(os.Args[:1], strings.Split(args, "\x1f")...)
			Main("")
		}
		os.Exit(Run(context.Background(), "", strings.Split(args, "\x1f"), IO{os.Stdin, os.Stdout, os.Stderr}))
	}
	os.Exit(m.Run())
}

// A training process killed at random moments and resumed ends in the same bits
// as one that was left alone.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(400, 2, "a,b\n"))
	args := []string{"train", "--data", data, "--model", "realnvp", "--layers", "2", "--hidden", "16", "--steps", "700", "--batch", "32", "--checkpoint", "50", "--ema", "0.99", "--quiet"}
	whole := filepath.Join(dir, "whole")
	code, _, errs := gorge("", append(args, "--out", whole)...)
	require.Zero(t, code, errs)
	want, err := os.ReadFile(filepath.Join(whole, "model.safetensors"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	run := filepath.Join(dir, "killed")
	next := append(args, "--out", run)
	kills := 0
	for range 60 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "GORGE_TEST_ARGS="+strings.Join(next, "\x1f"))
		require.NoError(t, cmd.Start())
		if kills < 6 {
			time.AfterFunc(time.Duration(50+rng.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		if cmd.Wait() == nil {
			break
		}
		kills++
		if _, err := os.Stat(filepath.Join(run, "train.yaml")); err == nil {
			next = []string{"train", "--resume", run, "--quiet"}
		}
	}
	got, err := os.ReadFile(filepath.Join(run, "model.safetensors"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "after %d kills", kills)
}

// Each base can be asked for by its name; with classes, given by numbers or by texts, the
// context says which one to score and to sample.
func TestClasses(t *testing.T) {
	for _, label := range []func(k int) string{strconv.Itoa, func(k int) string { return []string{"cat", "dog"}[k] }} {
		dir := t.TempDir()
		rng := rand.New(rand.NewPCG(2, 2))
		var b, given strings.Builder
		b.WriteString("kind,a,b\n")
		given.WriteString("kind\n")
		for i := range 400 {
			fmt.Fprintf(&b, "%s,%.5f,%.5f\n", label(i%2), 20*float64(i%2)+rng.NormFloat64(), rng.NormFloat64())
			fmt.Fprintln(&given, label(i%2))
		}
		data, context := file(t, dir, "rows.csv", b.String()), file(t, dir, "given.csv", given.String())
		run := filepath.Join(dir, "run")
		code, _, errs := gorge("", append([]string{"train", "--data", data, "--out", run, "--base", "class", "--components", "2", "--context", "kind"}, quick...)...)
		require.Zero(t, code, errs)
		model := filepath.Join(run, "model.safetensors")
		code, out, errs := gorge("", "sample", model, "--context", context)
		require.Zero(t, code, errs)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Len(t, lines, 401)
		column := slices.Index(strings.Split(lines[0], ","), "a")
		for i, l := range lines[1:] {
			a, err := strconv.ParseFloat(strings.Split(l, ",")[column], 64)
			require.NoError(t, err)
			require.InDelta(t, 20*float64(i%2), a, 9, "row %d", i)
		}
		code, out, errs = gorge("", "score", model, data)
		require.Zero(t, code, errs)
		require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 401)
	}
	code, _, errs := gorge("", append([]string{"train", "--base", "class"}, quick...)...)
	require.NotZero(t, code)
	require.Contains(t, errs, "without a context")
	code, out, _ := gorge("", "models")
	require.Zero(t, code)
	for _, name := range models.Bases() {
		require.Contains(t, out, "\n"+name+" ")
	}
}

// A line of metrics that a kill cut short takes none of those after it along.
func TestMetricsCut(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(400, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	ctx := &patient{Context: context.Background()}
	ctx.left.Store(100)
	var out, errs bytes.Buffer
	args := append([]string{"train", "--data", data, "--out", run, "--batch", "32"}, append(quick, "--steps", "100")...)
	require.Zero(t, Run(ctx, "", args, IO{nil, &out, &errs}), errs.String())
	require.False(t, finished(run))
	path := filepath.Join(run, "metrics.jsonl")
	before, err := readMetrics(path)
	require.NoError(t, err)
	require.NotEmpty(t, before)
	require.Less(t, before[len(before)-1].Step, 100)
	file(t, run, "metrics.jsonl", string(read(t, run, "metrics.jsonl"))+`{"step":40,"epo`)
	code, _, e := gorge("", "train", "--resume", run, "--quiet")
	require.Zero(t, code, e)
	for line := range strings.Lines(string(read(t, run, "metrics.jsonl"))) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	after, err := readMetrics(path)
	require.NoError(t, err)
	require.Equal(t, 100, after[len(after)-1].Step)
	// Nor does one that is there already, of an earlier version.
	file(t, run, "metrics.jsonl", `{"step":10,"epo`+string(read(t, run, "metrics.jsonl")))
	after, err = readMetrics(path)
	require.NoError(t, err)
	require.Equal(t, 100, after[len(after)-1].Step)
}

// What a run that was killed left half written is gone once another process is at work
// in its folder; files of other names stay.
func TestLeftOver(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	require.NoError(t, os.Mkdir(run, 0o755))
	parts := []string{".checkpoint.safetensors.123", ".best.safetensors.4", ".model.safetensors.5", ".summary.json.6", ".train.yaml.7", ".schema.yaml.8", ".picture.9"}
	mine := []string{".checkpoint.safetensors.old", ".notes", "picture.1"}
	begin := append([]string{"train", "--data", data, "--out", run}, quick...)
	for _, args := range [][]string{begin, {"train", "--resume", run, "--quiet"}} {
		for _, name := range append(parts, mine...) {
			file(t, run, name, "x")
		}
		code, _, errs := gorge("", args...)
		require.Zero(t, code, errs)
		for _, name := range parts {
			require.NoFileExists(t, filepath.Join(run, name))
		}
		for _, name := range mine {
			require.FileExists(t, filepath.Join(run, name))
		}
		require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
	}
}

// cancelling is standard input that cancels a context when it has been read.
type cancelling struct {
	io.Reader
	cancel func()
}

func (c cancelling) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err != nil {
		c.cancel()
	}
	return n, err
}

// An interrupt while the table is read leaves the folder as it was.
func TestInterruptedReading(t *testing.T) {
	dir := t.TempDir()
	text := rows(100, 2, "a,b\n")
	run := filepath.Join(dir, "run")
	args := append([]string{"train", "--data", "-", "--out", run}, quick...)
	code, _, errs := gorge(text, args...)
	require.Zero(t, code, errs)
	ctx, cancel := context.WithCancel(context.Background())
	var o, e bytes.Buffer
	require.Equal(t, 1, Run(ctx, "", args, IO{cancelling{strings.NewReader(text), cancel}, &o, &e}))
	require.Contains(t, e.String(), "interrupted: nothing is written")
	require.True(t, finished(run))
	require.FileExists(t, filepath.Join(run, "checkpoint.safetensors"))
}

// The first interrupt of a fit saves the model before the test rows are scored, and says
// so; the second ends the process at once, and the fit can be resumed.
func TestSecondInterrupt(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("starts a process and signals it")
	}
	run := filepath.Join(t.TempDir(), "run")
	self, err := os.Executable()
	require.NoError(t, err)
	args := []string{"train", "--rows", "1000000", "--valid", "0.001", "--model", "umnn", "--steps", "100000", "--checkpoint", "1", "--out", run}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "GORGE_TEST_MAIN=1", "GORGE_TEST_ARGS="+strings.Join(args, "\x1f"))
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	lines := bufio.NewScanner(errs)
	until := func(text string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		require.Fail(t, "not said", text)
	}
	until("step 1/")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	until("the model is saved")
	model := filepath.Join(run, "model.safetensors")
	want, err := os.ReadFile(model)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	got, err := os.ReadFile(model)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	_, err = models.Load(model)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(run, "summary.json"))
	require.FileExists(t, filepath.Join(run, "checkpoint.safetensors"))
}

// A run whose table was moved says where to name it, and goes on from there.
func TestMovedTable(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", append([]string{"train", "--data", data, "--out", run}, quick...)...)
	require.Zero(t, code, errs)
	want := read(t, run, "model.safetensors")
	require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
	require.NoError(t, os.Rename(data, filepath.Join(dir, "moved.csv")))
	code, _, errs = gorge("", "train", "--resume", run)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "rows.csv: no such file or directory: the run began with it")
	require.Contains(t, errs, filepath.Join(run, optionsFile))
	file(t, run, optionsFile, strings.Replace(string(read(t, run, optionsFile)), "rows.csv", "moved.csv", 1))
	code, _, errs = gorge("", "train", "--resume", run, "--quiet")
	require.Zero(t, code, errs)
	require.Equal(t, want, read(t, run, "model.safetensors"))
}
