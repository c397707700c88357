package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gorgeflow/gorge/cmd/internal/tboard"
	"github.com/gorgeflow/gorge/models"
)

// metric is a line of metrics.jsonl.
type metric struct {
	Step      int      `json:"step"`
	Epoch     int      `json:"epoch"`
	Train     float64  `json:"train_nll"`
	Valid     *float64 `json:"valid_nll,omitempty"`
	GradNorm  float64  `json:"grad_norm"`
	LearnRate float64  `json:"learning_rate"`
	RowsPerS  float64  `json:"rows_per_s"`
}

// trainLog takes a fit's progress to the terminal, metrics.jsonl and
// TensorBoard.
type trainLog struct {
	file   *os.File
	events *tboard.Writer
	out    io.Writer
	quiet  bool
	bar    *bar // nil where there is no terminal
	begin  time.Time
	last   time.Time
	sum    float64
	n      int
}

// metricSteps is how many steps a line of metrics is the mean of.
const metricSteps = 10

func newLog(dir string, o *trainOptions, m *models.Model, out io.Writer) (*trainLog, error) {
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if o.resume != "" {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	path := filepath.Join(dir, "metrics.jsonl")
	if o.resume != "" {
		if err := wholeLines(path); err != nil {
			return nil, fmt.Errorf("run folder: %w", err)
		}
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	events, err := tboard.New(dir)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("run folder: %w", err)
	}
	l := &trainLog{file: f, events: events, out: out, quiet: o.Quiet, begin: time.Now()}
	if !o.Quiet {
		s := m.Spec()
		fmt.Fprintf(out, "%s: %d columns, %d context, %d layers, hidden %v, %d parameters, %s\n", s.Model, s.Dim, s.Context, s.Layers, s.Hidden, m.Parameters(), s.DType)
	}
	if !o.Quiet {
		l.bar = newBar(out)
	}
	return l, nil
}

// step is called after each step of a fit.
func (l *trainLog) step(p models.Progress) {
	l.sum += p.Train
	l.n++
	if l.n == metricSteps || p.Validated || p.Step == 1 {
		l.metric(p)
	}
	if l.quiet {
		return
	}
	now := time.Now()
	if l.bar != nil {
		if now.Sub(l.last) > 100*time.Millisecond || p.Validated {
			l.last = now
			l.bar.draw(l.done(p), line(p))
		}
		return
	}
	if p.Step == 1 || now.Sub(l.last) > 5*time.Second {
		l.last = now
		fmt.Fprintln(l.out, line(p))
	}
}

func (l *trainLog) metric(p models.Progress) {
	m := metric{Step: p.Step, Epoch: p.Epoch, Train: l.sum / float64(l.n), GradNorm: p.GradNorm, LearnRate: p.LearnRate, RowsPerS: p.RowsPerSecond}
	l.sum, l.n = 0, 0
	if p.Validated {
		m.Valid = finite(p.Valid)
	}
	// A log that cannot be written must not end a fit; close reports nothing either.
	// Each line is written at once, whole: the process may be killed.
	if b, err := json.Marshal(m); err == nil {
		_, _ = l.file.Write(append(b, '\n'))
	}
	_ = l.events.Scalar("nll/train", int64(p.Step), m.Train)
	_ = l.events.Scalar("gradient norm", int64(p.Step), p.GradNorm)
	_ = l.events.Scalar("learning rate", int64(p.Step), p.LearnRate)
	if m.Valid != nil {
		_ = l.events.Scalar("nll/validation", int64(p.Step), *m.Valid)
	}
}

// done is the part of the fit that lies behind.
func (l *trainLog) done(p models.Progress) float64 {
	if p.Steps > 0 {
		return float64(p.Step) / float64(p.Steps)
	}
	elapsed := time.Since(l.begin)
	if p.Left < 0 {
		return 0
	}
	return float64(elapsed) / float64(elapsed+p.Left)
}

func line(p models.Progress) string {
	s := fmt.Sprintf("step %d", p.Step)
	if p.Steps > 0 {
		s += fmt.Sprintf("/%d", p.Steps)
	}
	s += fmt.Sprintf("  epoch %d  nll %.4f", p.Epoch, p.Train)
	if v := finite(p.Valid); v != nil {
		s += fmt.Sprintf("  validation %.4f", *v)
	}
	s += fmt.Sprintf("  %.0f rows/s", p.RowsPerSecond)
	if p.Left >= 0 {
		s += fmt.Sprintf("  %v left", p.Left.Round(time.Second))
	}
	return s
}

func (l *trainLog) close() {
	if l.bar != nil {
		l.bar.close()
	}
	_ = l.file.Close()
	_ = l.events.Close()
}

// wholeLines takes off a last line that was cut short, which the next one would be
// written behind.
func wholeLines(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if n := bytes.LastIndexByte(b, '\n') + 1; err == nil && n < len(b) {
		err = os.Truncate(path, int64(n))
	}
	return err
}

// readMetrics reads a run's metrics; of steps told twice, before and after a
// resume, the later telling counts. Lines that are none, cut short by a kill or a full
// disk, count for nothing.
func readMetrics(path string) ([]metric, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []metric
	for line := range bytes.Lines(b) {
		var m metric
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		for len(out) > 0 && out[len(out)-1].Step >= m.Step {
			out = out[:len(out)-1]
		}
		out = append(out, m)
	}
	return out, nil
}
