package graph

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Profile is where the time of a run goes, step by step.
type Profile []StepTime

// StepTime is one step of a program.
type StepTime struct {
	Stage     string // "prologue", "body" or "epilogue"
	Layer     string // scope of [Graph.In]
	Operation string
	Line      string // file:line that made it; "derivative" of what differentiation made
	Shape     string
	Calls     int
	Time      time.Duration
	Flops     float64 // of matrix products, in all calls
}

// Profile runs the program on n rows, as often as repeats says, on one core, and
// times each step. Nothing is assigned to parameters, but gradients are.
func (r *Run) Profile(ctx context.Context, n, repeats int) (Profile, error) {
	return r.r.profile(ctx, n, repeats, r.Seed, r.Step, r.FirstRow)
}

// String lists the steps, the slowest first, and what they come to by operation.
func (p Profile) String() string {
	var total time.Duration
	byOp := map[string]time.Duration{}
	for _, s := range p {
		total += s.Time
		name, _, _ := strings.Cut(s.Operation, "(")
		name, _, _ = strings.Cut(name, "[")
		byOp[name] += s.Time
	}
	var b strings.Builder
	share := func(d time.Duration) float64 { return 100 * float64(d) / float64(max(total, 1)) }
	fmt.Fprintf(&b, "total %v\n", total)
	names := make([]string, 0, len(byOp))
	for n := range byOp {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if byOp[names[i]] != byOp[names[j]] {
			return byOp[names[i]] > byOp[names[j]]
		}
		return names[i] < names[j]
	})
	for _, n := range names {
		fmt.Fprintf(&b, "%6.1f %%  %v\n", share(byOp[n]), n)
	}
	b.WriteByte('\n')
	sorted := append(Profile(nil), p...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Time > sorted[j].Time })
	for _, s := range sorted {
		rate := ""
		if s.Flops > 0 && s.Time > 0 {
			rate = fmt.Sprintf("%.1f GFLOP/s", s.Flops/float64(s.Time))
		}
		fmt.Fprintf(&b, "%6.2f %%  %-9s %-24s %-14s %6d × %-12v %-14s %s  %s\n", share(s.Time), s.Stage, s.Operation, s.Shape, s.Calls, s.Time/time.Duration(max(s.Calls, 1)), rate, s.Layer, s.Line)
	}
	return b.String()
}

func (r *run[T]) profile(ctx context.Context, rows, repeats int, seed, step, first uint64) (Profile, error) {
	if err := r.prepare(rows); err != nil {
		return nil, err
	}
	r.seed, r.step, r.first, r.ctx = seed, step, first, ctx
	r.pr.refresh(r)
	r.pr.layOut(r)
	r.pr.mu.Lock()
	defer r.pr.mu.Unlock()
	r.team = 1
	r.timing = map[*value]*StepTime{}
	defer func() { r.timing = nil }()
	for range max(repeats, 1) {
		r.timedFlats("prologue", &r.pr.stages[0])
		if err := r.stages(); err != nil {
			return nil, err
		}
	}
	var out Profile
	for _, v := range r.pr.plan.values {
		if t := r.timing[v]; t != nil {
			out = append(out, *t)
		}
	}
	return out, nil
}

// timedFlats does the steps without rows of a stage one by one.
func (r *run[T]) timedFlats(name string, s *stage[T]) {
	for _, f := range s.flat {
		r.timed(name, f.v, 1, func() { f.run(r, &r.scratch[0]) })
	}
}

// timed runs a step and books its time.
func (r *run[T]) timed(stage string, v *value, rows int, f func()) {
	t := r.timing[v]
	if t == nil {
		t = &StepTime{Stage: stage, Layer: v.scope, Operation: v.name(), Line: position(v.pcs), Shape: v.d.String()}
		r.timing[v] = t
	}
	begin := time.Now()
	f()
	t.Time += time.Since(begin)
	t.Calls++
	if v.body || v.reduce {
		t.Flops += v.flops() * float64(rows) / float64(v.parts())
	}
}

// Passes compiles the graph and prints the program after each pass: a line for
// each value.
func (g *Graph) Passes() (string, error) {
	var b strings.Builder
	_, err := g.compile(func(name string, p *plan) {
		fmt.Fprintf(&b, "== %s\n", name)
		p.dump(&b)
	})
	return b.String(), err
}
