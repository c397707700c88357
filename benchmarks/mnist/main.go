// Command mnist fits MAF and MAF-MoG to handwritten digits as vectors of 784
// numbers, by the protocol of Papamakarios et al. (2017), arXiv:1705.07057:
// five layers with one hidden layer of 1024 rectified units, batch normalisation
// between them, batches of 100, Adam with rate 1e-4, and an end after 30 epochs
// in which validation did not improve.
//
//	go run ./benchmarks/mnist --data DIR --model maf-mog --minutes 15
//
// DIR has the four gzipped idx files. The log-likelihood is in nats an image, in
// the space of logits, as the paper's: −1300.5 for maf, −1100.3 for maf-mog. The
// same command goes on with a fit that was stopped. Each fit that ends adds a line
// to benchmarks/mnist.jsonl.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

type options struct {
	data, model, out, results string
	epochs                    int
	minutes, rate             float64
	schedule                  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.data, "data", "", "folder of the idx files")
	flag.StringVar(&o.model, "model", "maf", "maf or maf-mog")
	flag.StringVar(&o.out, "out", filepath.Join("runs", "mnist"), "folder for checkpoint and model")
	flag.StringVar(&o.results, "results", filepath.Join("benchmarks", "mnist.jsonl"), "file that gets a line")
	flag.IntVar(&o.epochs, "epochs", 1000, "passes over the training images at most")
	flag.Float64Var(&o.minutes, "minutes", 0, "time at most (default none)")
	flag.Float64Var(&o.rate, "lr", 1e-4, "learning rate")
	flag.StringVar(&o.schedule, "schedule", "constant", "of the learning rate: constant or cosine")
	flag.Parse()
	debug.SetGCPercent(20) // the images and the weights stay
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "mnist:", err)
		os.Exit(1)
	}
}

// result is a line of mnist.jsonl; log-likelihoods are in nats an image.
type result struct {
	Model      string  `json:"model"`
	LearnRate  float64 `json:"lr"`
	Schedule   string  `json:"schedule"`
	Minutes    float64 `json:"minutes,omitempty"`
	Valid      float64 `json:"valid"`
	Test       float64 `json:"test"`
	TwoSE      float64 `json:"two_se"`
	Train      float64 `json:"train"` // running mean over the last epoch's batches
	Parameters int     `json:"parameters"`
	Steps      int     `json:"steps"`
	BestStep   int     `json:"best_step"`
	Epochs     int     `json:"epochs"`
	Seconds    float64 `json:"seconds"` // by the clock
	Stopped    string  `json:"stopped"`
}

func run(ctx context.Context, o options) error {
	if o.data == "" {
		return errors.New("--data is missing: the folder of the idx files")
	}
	train, valid, test, err := load(o.data)
	if err != nil {
		return err
	}
	m, err := models.New(models.Spec{Model: o.model, Dim: pixels, Layers: 5, Hidden: []int{1024}, Norm: "batch", Tails: -1, Seed: 1})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	opts := models.FitOptions{Epochs: o.epochs, Minutes: o.minutes, Batch: 100, LearnRate: o.rate, Schedule: o.schedule, WarmUp: 100,
		Patience: 30, Valid: models.Data{X: valid}, ValidEvery: 500, Seed: 1,
		Checkpoint: filepath.Join(o.out, o.model+"-checkpoint.safetensors"), CheckpointSteps: 500, Progress: tell}
	if _, err := os.Stat(opts.Checkpoint); err == nil {
		opts.Resume = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	report, err := m.Fit(ctx, models.Data{X: train}, opts)
	if err != nil {
		return err
	}
	if report.Stopped == "interrupted" {
		return nil // the checkpoint has all there is
	}
	mean, two, err := score(m, test)
	if err != nil {
		return err
	}
	r := result{Model: o.model, LearnRate: o.rate, Schedule: o.schedule, Minutes: o.minutes, Valid: -report.Valid, Test: mean, TwoSE: two, Train: -report.Train,
		Parameters: m.Parameters(), Steps: report.Steps, BestStep: report.BestStep, Epochs: report.Epochs, Seconds: report.Seconds, Stopped: report.Stopped}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", line)
	if err := m.Save(filepath.Join(o.out, o.model+".safetensors")); err != nil {
		return err
	}
	return appendLine(o.results, line)
}

// tell prints a line for each validation.
func tell(p models.Progress) {
	if p.Validated {
		fmt.Fprintf(os.Stderr, "step %6d  epoch %3d  train %.1f  validation %.1f  best %.1f  %.0f rows/s\n", p.Step, p.Epoch, -p.Train, -p.Valid, -p.BestValid, p.RowsPerSecond)
	}
}

// score returns the mean log-density of the rows and two standard errors of it.
func score(m *models.Model, x mat.Matrix) (mean, two float64, err error) {
	lp, err := m.LogProb(x, nil)
	if err != nil {
		return 0, 0, err
	}
	n := float64(len(lp))
	for _, v := range lp {
		mean += v / n
	}
	for _, v := range lp {
		two += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, 2 * math.Sqrt(two/n), nil
}

func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
