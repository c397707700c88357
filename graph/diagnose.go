package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

func (r *run[T]) diagnose(rows int, seed, step, first uint64) string {
	if err := r.prepare(rows); err != nil {
		return err.Error()
	}
	r.seed, r.step, r.first, r.ctx = seed, step, first, context.Background()
	r.pr.refresh(r)
	r.pr.layOut(r)
	found := ""
	bad := func(v *value, x []T) bool {
		if found == "" && slices.ContainsFunc(x, func(f T) bool { return f-f != 0 }) {
			place := position(v.pcs)
			found = fmt.Sprintf("%s of %s at %s", v.name(), orWord(v.scope, "the graph"), place)
		}
		return found != ""
	}
	for _, in := range r.pr.plan.values {
		if in.leaf != nil && !in.body && bad(in, r.pr.ref(in).get(r)) {
			return "parameter " + in.leaf.name
		}
	}
	for _, f := range r.pr.stages[0].flat {
		f.run(r, &r.scratch[0])
		if bad(f.v, r.pr.ref(f.v).get(r)) {
			return found
		}
	}
	r.team = 1
	r.check = func(v *value, w *worker[T]) bool {
		if !v.body {
			return bad(v, w.r.pr.ref(v).get(w.r))
		}
		if _, ok := v.k.(place); ok { // its columns are other steps' results, or may hold anything yet
			return false
		}
		n := kernel.PanelRows[T]()
		t := w.tile(v)
		for p := range w.panels {
			used := min(n, w.n-p*n)
			if t.ByRows {
				if bad(v, t.Panel(p, v.d.c)[:used*v.d.c]) {
					return true
				}
				continue
			}
			for f := range v.d.c {
				if bad(v, t.Data[p*t.Stride+f*n:][:used]) {
					return true
				}
			}
		}
		return false
	}
	_ = r.stages() // the context is not cancelled
	r.check = nil
	return found
}

func orWord(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
