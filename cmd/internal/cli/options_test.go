package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models"
)

// A value that an option cannot have is refused before anything is written, zero too,
// which package models would take for a default.
func TestNumbersRefused(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(60, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	for args, want := range map[string]string{
		"--layers 0":                 "--layers 0: want 1 to 1000, or leave it out for the default of the model",
		"--bins 0":                   "--bins 0: want 1 to 256",
		"--bound 0":                  "--bound 0: want a number above 0",
		"--components 0 --base made": "--components 0: want 1 to 1000",
		"--tails 0":                  "--tails 0: want a number above 0, or -1 for never",
		"--lr 0":                     "--lr 0: want a number above 0",
		"--lr -1":                    "--lr -1: want a number above 0",
		"--lr nan":                   "--lr NaN: want a number above 0",
		"--batch 0":                  "--batch 0: want at least 1 row",
		"--patience 0":               "--patience 0: want at least 1, or -1 for never",
		"--warm-up -1":               "--warm-up -1: want 0 or more steps",
		"--ema 1":                    "--ema 1: want 0 ≤ decay < 1",
		"--weight-decay -1":          "--weight-decay -1: want 0 or more",
		"--epochs -1":                "--epochs -1: want at least 1, or 0 for no limit",
		"--clip inf":                 "--clip +Inf: want a number above 0, or 0 for no limit",
		"--steps 0":                  "--steps 0: the fit has no limit: want --epochs, --steps or --minutes above 0",
		"--steps 0 --minutes 0":      "--steps 0: the fit has no limit",
		"--hidden 0":                 "width 0: must be positive",
		"--config " + file(t, dir, "c.yaml", "lr: 0\n"): "c.yaml: lr 0: want a number above 0",
		"--schedule foo":           `--schedule "foo": want one of cosine, constant, plateau`,
		"--schedule cosin":         `--schedule "cosin", did you mean "cosine"`,
		"--dequantise variational": "variational dequantisation of no column",
		"--config " + file(t, dir, "s.yaml", "schedule: foo\n"):        `s.yaml: schedule "foo": want one of`,
		"--config " + file(t, dir, "d.yaml", "lr: 0.1\n---\nfoo: 1\n"): "d.yaml: more than one YAML document",
		"--model made --layers -1":                                     "--layers -1: want 1 to 1000",
		"--model bogus --layers 0":                                     "bogus",
	} {
		code, _, errs := gorge("", append([]string{"train", "--data", data, "--out", run}, strings.Fields(args)...)...)
		require.Equal(t, 2, code, "%s: %s", args, errs)
		require.Contains(t, errs, want, args)
		require.NoDirExists(t, run)
	}
	code, _, errs := gorge("", "train", "--minutes", "0", "--out", run)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--minutes 0: the fit has no limit")
	code, _, errs = gorge("", "train", "--data", data, "--model", "made", "--layers", "0", "--steps", "5", "--quiet", "--out", run)
	require.Zero(t, code, "a model without layers: %s", errs)
}

// patient is a context that is cancelled once it has been asked so many times.
type patient struct {
	context.Context
	left atomic.Int64
}

func (p *patient) Err() error {
	if p.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Zero is none where that makes sense, in a run that is stopped and resumed too, and in
// one by the options that another kept.
func TestZeroIsNone(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(400, 2, "a,b\n"))
	train := func(name string, args ...string) []byte {
		run := filepath.Join(dir, name)
		code, _, errs := gorge("", append([]string{"train", "--out", run, "--quiet"}, args...)...)
		require.Zero(t, code, errs)
		return read(t, run, "model.safetensors")
	}
	args := []string{"--data", data, "--model", "nsf", "--layers", "2", "--hidden", "8", "--steps", "60", "--batch", "32", "--lr", "0.5", "--blocks", "0", "--warm-up", "0", "--checkpoint", "0"}
	want := train("zero", append(args, "--clip", "0")...)
	require.Equal(t, want, train("far", append(args, "--clip", "1e30")...))
	require.NotEqual(t, want, train("default", append(args, "--clip", "5")...))
	require.NotEqual(t, want, train("slow", append(args, "--clip", "0", "--warm-up", "100")...))
	m, err := models.Load(filepath.Join(dir, "zero", "model.safetensors"))
	require.NoError(t, err)
	require.Equal(t, -1, m.Spec().Blocks)

	require.Equal(t, want, train("again", "--config", filepath.Join(dir, "zero", optionsFile)))

	run := filepath.Join(dir, "stopped")
	ctx := &patient{Context: context.Background()}
	ctx.left.Store(100)
	var out, errs bytes.Buffer
	require.Zero(t, Run(ctx, "", append([]string{"train", "--out", run, "--clip", "0"}, args...), IO{nil, &out, &errs}), errs.String())
	require.Contains(t, out.String(), "stopped by interrupted")
	o, err := readOptions(run)
	require.NoError(t, err)
	require.Equal(t, []any{-1.0, -1}, []any{o.Clip, o.Checkpoint})
	code, _, e := gorge("", append([]string{"train", "--out", run, "--clip", "0"}, args...)...)
	require.Equal(t, 1, code)
	require.Contains(t, e, "a run that was not finished is there: --resume "+run+" goes on with it")
	code, _, e = gorge("", "train", "--resume", run, "--quiet")
	require.Zero(t, code, e)
	require.Equal(t, want, read(t, run, "model.safetensors"))
	code, _, e = gorge("", append([]string{"train", "--out", run, "--clip", "0", "--quiet"}, args...)...)
	require.Zero(t, code, e)
}

// A run of the time when zero was the default of clip and checkpoint goes on by it.
func TestOldZeros(t *testing.T) {
	dir := t.TempDir()
	data := file(t, dir, "rows.csv", rows(100, 2, "a,b\n"))
	run := filepath.Join(dir, "run")
	code, _, errs := gorge("", append([]string{"train", "--data", data, "--out", run}, quick...)...)
	require.Zero(t, code, errs)
	want := read(t, run, "model.safetensors")
	for _, name := range []string{"summary.json", "checkpoint.safetensors"} {
		require.NoError(t, os.Remove(filepath.Join(run, name)))
	}
	old := string(read(t, run, optionsFile))
	for was, is := range map[string]string{"clip: 5\n": "clip: 0\n", "checkpoint: 500\n": "checkpoint: 0\n", "lr: 0.001\n": "lr: 0\n", "batch: 256\n": "batch: 0\nbins: 0\npatience: 0\n"} {
		require.Contains(t, old, was)
		old = strings.Replace(old, was, is, 1)
	}
	file(t, run, optionsFile, old)
	code, _, errs = gorge("", "train", "--resume", run, "--quiet")
	require.Zero(t, code, errs)
	require.Equal(t, want, read(t, run, "model.safetensors"))
}
