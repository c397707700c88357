package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
)

// trainOptions are the flags of train. The yaml names are those of the flags:
// the same struct is what a run folder keeps, less what is left to package models.
type trainOptions struct {
	Data        string  `yaml:"data"`
	Shape       string  `yaml:"shape"`
	Rows        int     `yaml:"rows"`
	Columns     string  `yaml:"columns"`
	Context     string  `yaml:"context"`
	Weights     string  `yaml:"weights"`
	Test        string  `yaml:"test"`
	Valid       string  `yaml:"valid"`
	Model       string  `yaml:"model"`
	Layers      int     `yaml:"layers,omitempty"`
	Hidden      []int   `yaml:"hidden,flow"`
	Blocks      int     `yaml:"blocks,omitempty"`
	Bins        int     `yaml:"bins,omitempty"`
	Bound       float64 `yaml:"bound,omitempty"`
	Activation  string  `yaml:"activation"`
	Dropout     float64 `yaml:"dropout"`
	Mixing      string  `yaml:"mixing"`
	Norm        string  `yaml:"norm"`
	Base        string  `yaml:"base"`
	Components  int     `yaml:"components,omitempty"`
	Tails       float64 `yaml:"tails,omitempty"`
	Embed       int     `yaml:"embed"`
	LearnRate   float64 `yaml:"lr"`
	Schedule    string  `yaml:"schedule"`
	WarmUp      int     `yaml:"warm-up"`
	Epochs      int     `yaml:"epochs"`
	Steps       int     `yaml:"steps"`
	Minutes     float64 `yaml:"minutes"`
	Batch       int     `yaml:"batch"`
	Clip        float64 `yaml:"clip"`
	WeightDecay float64 `yaml:"weight-decay"`
	EMA         float64 `yaml:"ema"`
	Patience    int     `yaml:"patience,omitempty"`
	Seed        uint64  `yaml:"seed"`
	DType       string  `yaml:"dtype"`
	Augment     int     `yaml:"augment"`
	Dequantise  string  `yaml:"dequantise"`
	Schema      string  `yaml:"schema"`
	Missing     string  `yaml:"missing"`
	Checkpoint  int     `yaml:"checkpoint"`
	Out         string  `yaml:"out"`
	Quiet       bool    `yaml:"quiet"`
	resume      string
	config      string
	inConfig    []string // options that the file of --config gave
}

func (o *trainOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.Data, "data", "", "table to fit: .csv, .npy, .npz, .parquet, or - for standard input")
	f.StringVar(&o.Shape, "shape", defaultShape, "built-in shape to fit where no --data is given")
	f.IntVar(&o.Rows, "rows", defaultRows, "rows drawn of a built-in shape")
	f.StringVar(&o.Columns, "columns", "", "columns to model: names, numbers from 1, ranges (default all others)")
	f.StringVar(&o.Context, "context", "", "columns to condition on")
	f.StringVar(&o.Weights, "weights", "", "column with the weight of each row")
	f.StringVar(&o.Test, "test", "", "test table, or the fraction of rows set aside, 0 for none (default 0.1)")
	f.StringVar(&o.Valid, "valid", "", "validation table, or the fraction of rows set aside, 0 for none (default 0.1)")
	f.StringVar(&o.Model, "model", "nsf-ar", "one of "+strings.Join(models.Names(), ", "))
	f.IntVar(&o.Layers, "layers", 0, "couplings or autoregressive layers (default of the model)")
	f.IntSliceVar(&o.Hidden, "hidden", nil, "widths of hidden layers, such as 128,128 (default of the model)")
	f.IntVar(&o.Blocks, "blocks", 0, "residual blocks in each network, 0 for plain networks (default of the model)")
	f.IntVar(&o.Bins, "bins", 0, "bins of splines (default of the model)")
	f.Float64Var(&o.Bound, "bound", 0, "half width of the box of splines, above 0 (default 5)")
	f.StringVar(&o.Activation, "activation", "relu", "one of "+strings.Trim(fmt.Sprint(layers.Activations()), "[]"))
	f.Float64Var(&o.Dropout, "dropout", tableDropout, "probability of dropping a hidden unit in training")
	f.Lookup("dropout").DefValue += ", 0 for a built-in shape"
	f.StringVar(&o.Mixing, "mixing", "", "between layers: none, reverse, shuffle, lu (default of the model)")
	f.StringVar(&o.Norm, "norm", "", "between layers: none, act, batch (default none)")
	f.StringVar(&o.Base, "base", "", "noise: "+strings.Join(models.Bases(), ", ")+" (default normal, torus for angles)")
	f.IntVar(&o.Components, "components", 0, "Gaussians of the bases mixture, made and class (default 8, 10 and 1)")
	f.Float64Var(&o.Tails, "tails", 0, "standard deviations beyond which columns are drawn in, above 0, or -1 for never (default 4)")
	f.IntVar(&o.Embed, "embed", 0, "columns to embed the context in, by a network, 0 for none")
	f.Float64Var(&o.LearnRate, "lr", 1e-3, "learning rate, above 0")
	f.StringVar(&o.Schedule, "schedule", "cosine", "of the learning rate: "+strings.Join(schedules, ", "))
	f.IntVar(&o.WarmUp, "warm-up", 100, "steps over which the learning rate rises, 0 for none")
	f.IntVar(&o.Epochs, "epochs", 0, "passes over the data, 0 for no limit")
	f.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("optimiser steps, 0 for no limit (default %d, unless --epochs or --minutes is given)", tableSteps))
	f.Float64Var(&o.Minutes, "minutes", 0, "time for the fit, 0 for no limit (default 0.4 for a built-in shape)")
	f.IntVar(&o.Batch, "batch", 256, "rows a step, at least 1")
	f.Float64Var(&o.Clip, "clip", 5, "limit on the norm of the gradients, 0 for none")
	f.Float64Var(&o.WeightDecay, "weight-decay", 0, "decoupled weight decay")
	f.Float64Var(&o.EMA, "ema", 0.999, "decay of a moving average of the weights, 0 for none")
	f.IntVar(&o.Patience, "patience", 0, fmt.Sprintf("validations without improvement that end the fit, at least 1, or -1 for never (default %d, 10 with --epochs, never with --steps or --minutes)", tablePatience))
	f.Uint64Var(&o.Seed, "seed", 1, "decides splits, initial weights, order of rows, samples")
	f.StringVar(&o.DType, "dtype", "float32", "float32 or float64")
	f.IntVar(&o.Augment, "augment", 0, "columns of noise beside the data; log-densities are then lower bounds")
	f.StringVar(&o.Dequantise, "dequantise", "", "noise for columns of few distinct values that have a density: uniform, or variational\nfor noise of integer columns that is learnt too, with lower bounds (default none)")
	f.StringVar(&o.Schema, "schema", "", "YAML file of what columns hold, or none for all real numbers (default inferred)")
	f.StringVar(&o.Missing, "missing", missingError, "rows with missing values: error, or drop to leave them out")
	f.IntVar(&o.Checkpoint, "checkpoint", 500, "steps between checkpoints, 0 for none before the end")
	f.StringVar(&o.Out, "out", "", "run folder (default runs/NAME of the data)")
	f.StringVar(&o.resume, "resume", "", "go on with the run in this folder, by its own options")
	f.StringVar(&o.config, "config", "", "YAML file of options by these names; flags come first")
	f.BoolVar(&o.Quiet, "quiet", false, "print nothing but errors")
}

// The model and schedule for data that nothing is known of: they lost least over
// six data sets, see benchmarks/fits.md.
const (
	tableSteps    = 16000
	tablePatience = 20
	tableDropout  = 0.2
)

// schedules are those of models.FitOptions.
var schedules = []string{"cosine", "constant", "plateau"}

const (
	defaultShape = "moons"
	defaultRows  = 20000
)

// complete fills in what depends on whether a table is fitted or a built-in shape,
// which has as many rows as are asked for and is fitted in no time.
func (o *trainOptions) complete(given func(flag string) bool) error {
	if err := o.checkNumbers(given); err != nil {
		return err
	}
	if !slices.Contains(schedules, o.Schedule) {
		return usagef("%s %q%s: want one of %s", o.name("schedule"), o.Schedule, models.Nearest(o.Schedule, schedules), strings.Join(schedules, ", "))
	}
	o.none(given)
	if o.Data == "" && !given("dropout") {
		o.Dropout = 0
	}
	if o.Epochs != 0 || o.Steps != 0 || o.Minutes != 0 {
		return nil
	}
	limit := "steps"
	if o.Data == "" {
		limit = "minutes"
	}
	if given(limit) {
		return usagef("%s 0: the fit has no limit: want --epochs, --steps or --minutes above 0", o.name(limit))
	}
	if o.Data == "" {
		o.Minutes = 0.4
		return nil
	}
	o.Steps = tableSteps
	if o.Patience == 0 {
		o.Patience = tablePatience
	}
	return nil
}

// checkNumbers refuses numbers that options cannot have, among them zeros that package
// models would take for its defaults.
func (o *trainOptions) checkNumbers(given func(flag string) bool) error {
	// A clip of -1 is what the options of a run have for none.
	const orDefault = ", or leave it out for the default of the model"
	finite := func(v float64) bool { return v-v == 0 }
	for _, n := range []struct {
		flag string
		v    any
		ok   bool
		want string
	}{
		{"layers", o.Layers, o.Layers > 0 || o.Layers == 0 && baseAlone(o.Model), "1 to 1000" + orDefault},
		{"bins", o.Bins, o.Bins > 0, "1 to 256" + orDefault},
		{"bound", o.Bound, o.Bound > 0 && finite(o.Bound), "a number above 0" + orDefault},
		{"components", o.Components, o.Components > 0, "1 to 1000" + orDefault},
		{"tails", o.Tails, o.Tails != 0 && finite(o.Tails), "a number above 0, or -1 for never"},
		{"lr", o.LearnRate, o.LearnRate > 0 && finite(o.LearnRate), "a number above 0"},
		{"warm-up", o.WarmUp, o.WarmUp >= 0, "0 or more steps"},
		{"epochs", o.Epochs, o.Epochs >= 0, "at least 1, or 0 for no limit"},
		{"steps", o.Steps, o.Steps >= 0, "at least 1, or 0 for no limit"},
		{"minutes", o.Minutes, o.Minutes >= 0 && finite(o.Minutes), "a number above 0, or 0 for no limit"},
		{"batch", o.Batch, o.Batch > 0, "at least 1 row"},
		{"clip", o.Clip, (o.Clip >= 0 || o.Clip == -1) && finite(o.Clip), "a number above 0, or 0 for no limit"},
		{"weight-decay", o.WeightDecay, o.WeightDecay >= 0 && finite(o.WeightDecay), "0 or more"},
		{"ema", o.EMA, o.EMA >= 0 && o.EMA < 1, "0 ≤ decay < 1"},
		{"patience", o.Patience, o.Patience != 0, "at least 1, or -1 for never"},
	} {
		if given(n.flag) && !n.ok {
			return usagef("%s %v: want %s", o.name(n.flag), n.v, n.want)
		}
	}
	return o.checkUsed(given)
}

// checkUsed refuses numbers that the model has no use for.
func (o *trainOptions) checkUsed(given func(flag string) bool) error {
	has, err := models.Spec{Model: o.Model, Dim: 2}.Complete()
	if err != nil {
		return nil // which has yet to be told
	}
	switch {
	case given("bins") && has.Bins == 0:
		return usagef("%s %d: model %s has no bins", o.name("bins"), o.Bins, has.Model)
	case given("bound") && has.Bound == 0:
		return usagef("%s %v: model %s has no box", o.name("bound"), o.Bound, has.Model)
	}
	return nil
}

// name is what users know an option by: a flag, or a line of the file they gave.
func (o *trainOptions) name(flag string) string {
	if slices.Contains(o.inConfig, flag) {
		return o.config + ": " + flag
	}
	return "--" + flag
}

// baseAlone reports whether a model has no layers. Of an unknown one, users are to be told
// that and not how many layers it wants.
func baseAlone(model string) bool {
	s, err := models.Spec{Model: model, Dim: 2}.Complete()
	return err != nil || s.Layers == 0
}

// none brings zeros that mean none to what means it in package models, where zero is the
// default.
func (o *trainOptions) none(given func(flag string) bool) {
	if given("blocks") && o.Blocks == 0 {
		o.Blocks = -1
	}
	if o.Clip == 0 {
		o.Clip = -1
	}
	if o.Checkpoint == 0 {
		o.Checkpoint = -1
	}
}

// resumesAlone refuses options beside --resume: a run goes on by those it began with.
func resumesAlone(c *cobra.Command) error {
	var beside []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "resume" && f.Name != "quiet" {
			beside = append(beside, "--"+f.Name)
		}
	})
	if len(beside) > 0 {
		return usagef("%s beside --resume: a run goes on by its own options, in %s of its folder", strings.Join(beside, ", "), optionsFile)
	}
	return nil
}

// checkTable checks that what is asked of a table is asked with one, and of a shape
// without.
func (o *trainOptions) checkTable() error {
	if o.Data != "" {
		if o.Shape != defaultShape || o.Rows != defaultRows {
			return usagef("--shape %s --rows %d: for a built-in shape, not beside --data", o.Shape, o.Rows)
		}
		return nil
	}
	for flag, v := range map[string]string{"columns": o.Columns, "context": o.Context, "weights": o.Weights, "test": o.Test} {
		if v != "" {
			return usagef("--%s %s: is for a table, which is given by --data", flag, v)
		}
	}
	if _, isNumber := fraction(o.Valid); o.Valid != "" && !isNumber {
		return usagef("--valid %s: a built-in shape is validated by a fraction of its rows", o.Valid)
	}
	if o.Rows < 2 {
		return usagef("--rows %d: want at least two", o.Rows)
	}
	return nil
}

// readConfig sets the flags that a YAML file names and the command line does not.
func (o *trainOptions) readConfig(c *cobra.Command, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	values := map[string]any{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&values); err != nil && !errors.Is(err, io.EOF) { // at once, where nothing is said
		return usagef("%s: %w", path, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return usagef("%s: more than one YAML document", path)
	}
	for key, v := range values {
		f := c.Flags().Lookup(key)
		if f == nil || key == "config" || key == "resume" || key == "help" {
			return usagef("%s: unknown option %q%s", path, key, models.Nearest(key, flagNames(c)))
		}
		if f.Changed || v == nil {
			continue
		}
		text := fmt.Sprint(v)
		if list, ok := v.([]any); ok {
			parts := make([]string, len(list))
			for i, p := range list {
				parts[i] = fmt.Sprint(p)
			}
			if text = strings.Join(parts, ","); text == "" {
				continue
			}
		}
		if err := c.Flags().Set(key, text); err != nil {
			return usagef("%s: %s: %w", path, key, err)
		}
		o.inConfig = append(o.inConfig, key)
	}
	return nil
}

const optionsFile = "train.yaml"

func (o *trainOptions) write(dir string) error {
	b, err := yaml.Marshal(o)
	if err != nil {
		return fmt.Errorf("train: options: %w", err)
	}
	return writeFile(filepath.Join(dir, optionsFile), b)
}

func readOptions(dir string) (*trainOptions, error) {
	path := filepath.Join(dir, optionsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: no run to resume: %w", dir, err)
	}
	o := &trainOptions{}
	if err := yaml.Load(b, o, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	o.Out = dir
	switch o.Dequantise { // of versions that knew uniform noise alone
	case "true":
		o.Dequantise = "uniform"
	case "false":
		o.Dequantise = ""
	}
	return o, nil
}

// writeFile writes a file under a temporary name and renames it.
func writeFile(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if e := tmp.Chmod(0o644); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
