package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// result is a line of fits.jsonl. Log-likelihoods are in nats per row, in the
// units of the data.
type result struct {
	Data       string   `json:"data"`
	Args       string   `json:"args"`
	Valid      *float64 `json:"valid"` // of the weights that were kept; null where it was not written down
	Test       *float64 `json:"test"`
	TwoSE      *float64 `json:"two_se"`
	Worst      *float64 `json:"worst"`
	Gaussian   *float64 `json:"worst_gaussian"` // what a Gaussian fitted to the training rows gives the worst row
	Parameters int      `json:"parameters"`
	Steps      int      `json:"steps"`
	BestStep   int      `json:"best_step,omitempty"`
	Seconds    float64  `json:"seconds"` // of one core
	Rewinds    int      `json:"rewinds,omitempty"`
	Stopped    string   `json:"stopped,omitempty"`
	Failed     string   `json:"failed,omitempty"` // how the fit diverged
}

func (r result) key() string { return fit{r.Data, r.Args}.key() }

// readResults returns the lines of the file by key; the last line of a key counts.
func readResults(path string) (map[string]result, error) {
	out := map[string]result{}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		out[r.key()] = r
	}
	return out, lines.Err()
}

// runner runs fits by the gorge command.
type runner struct {
	data, runs, results string
	gorge               string
}

// all runs the fits that have no result yet, or one without a validation
// likelihood, until it is told to stop.
func (r *runner) all(ctx context.Context, fits []fit, match *regexp.Regexp) error {
	done, err := readResults(r.results)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.runs, 0o755); err != nil {
		return err
	}
	if r.gorge, err = filepath.Abs(filepath.Join(r.runs, "gorge")); err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-o", r.gorge, "./cmd/gorge").CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/gorge: %w\n%s", err, out)
	}
	for i, f := range fits {
		old, ok := done[f.key()]
		if ok && (old.Valid != nil || old.Failed != "") || !match.MatchString(f.key()) {
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		fmt.Printf("%s  %d/%d  %s\n", time.Now().Format(time.TimeOnly), i+1, len(fits), f.key())
		res, err := r.fit(ctx, f)
		if err != nil || res == nil {
			return err
		}
		if err := appendLine(r.results, res); err != nil {
			return err
		}
	}
	return nil
}

var notInName = regexp.MustCompile(`[^a-z0-9.+]+`)

// fit runs one fit, or goes on with it; without a result it was interrupted.
func (r *runner) fit(ctx context.Context, f fit) (*result, error) {
	dir := filepath.Join(r.runs, notInName.ReplaceAllString(f.key(), "-"))
	args, err := r.arguments(f, dir)
	if err != nil {
		return nil, err
	}
	clock := filepath.Join(dir, "seconds.json")
	before := 0.0
	if _, err := os.Stat(filepath.Join(dir, "checkpoint.safetensors")); err == nil {
		args = []string{"train", "--quiet", "--resume", dir}
		if err := readJSON(clock, &before); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, r.gorge, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C comes once, from Cancel
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var messages bytes.Buffer
	cmd.Stderr = &messages
	err = cmd.Run()
	seconds := before
	if s := cmd.ProcessState; s != nil {
		seconds += (s.UserTime() + s.SystemTime()).Seconds()
	}
	res := &result{Data: f.data, Args: f.args, Seconds: seconds}
	if err != nil && ctx.Err() == nil {
		res.Failed = lastLine(messages.String())
		if !strings.Contains(res.Failed, "diverged") { // a full disk is no result
			return nil, fmt.Errorf("%s: %s", f.key(), res.Failed)
		}
		return res, nil
	}
	if err := writeJSON(clock, seconds); err != nil {
		return nil, err
	}
	if err := res.take(filepath.Join(dir, "summary.json")); err != nil || res.Stopped == "interrupted" || res.Stopped == "" {
		return nil, ignoreIf(ctx.Err() != nil, err)
	}
	// The model and its pictures have served; the checkpoint is the bulk.
	return res, os.Remove(filepath.Join(dir, "checkpoint.safetensors"))
}

func ignoreIf(yes bool, err error) error {
	if yes {
		return nil
	}
	return err
}

// arguments are those of gorge train from the start.
func (r *runner) arguments(f fit, dir string) ([]string, error) {
	for _, d := range datasets() {
		if d.name != f.data {
			continue
		}
		files := []string{filepath.Join(r.data, d.train), filepath.Join(r.data, d.valid), filepath.Join(r.data, d.test)}
		if d.steps != nil {
			var err error
			if files, err = dequantised(files, filepath.Join(r.runs, "data"), d.steps); err != nil {
				return nil, err
			}
		}
		args := []string{"train", "--quiet", "--schema", "none", "--ema", "0", "--dropout", "0", "--data", files[0], "--valid", files[1], "--test", files[2], "--out", dir}
		return append(args, strings.Fields(f.args)...), nil
	}
	return nil, fmt.Errorf("no data set %q", f.data)
}

// take fills in what gorge train wrote.
func (r *result) take(path string) error {
	var s struct {
		Parameters    int      `json:"parameters"`
		Test          *float64 `json:"test_log_likelihood"`
		TwoSE         *float64 `json:"test_two_se"`
		WorstLogProb  *float64 `json:"worst_log_prob"`
		WorstGaussian *float64 `json:"worst_gaussian"`
		ValidNLL      *float64 `json:"valid_nll"`
		BestStep      int      `json:"best_step"`
		Steps         int      `json:"steps"`
		Rewinds       int      `json:"rewinds"`
		Stopped       string   `json:"stopped"`
	}
	if err := readJSON(path, &s); err != nil {
		return err
	}
	if s.ValidNLL != nil {
		v := -*s.ValidNLL
		r.Valid = &v
	}
	r.Test, r.TwoSE, r.Worst, r.Gaussian = s.Test, s.TwoSE, s.WorstLogProb, s.WorstGaussian
	r.Parameters, r.Steps, r.BestStep, r.Rewinds, r.Stopped = s.Parameters, s.Steps, s.BestStep, s.Rewinds, s.Stopped
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

func appendLine(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}
