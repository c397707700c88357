package graph

import (
	"runtime"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// Sums over rows are added up shard by shard, in order: a worker adds its shard to
// a sum once the shard before is in it. So the sums do not depend on the number of
// cores, and take no memory but their own. Shards are handed out in order, so that
// the one before is always under way; from the first sum on a worker is a step
// behind it and rarely waits.

// beginSums makes the sums ready for the first shard.
func (r *run[T]) beginSums(s *stage[T]) {
	for _, v := range s.sums {
		for part := range v.parts() {
			r.turns[v.sum+part].Store(0)
		}
		if r.shards == 0 {
			clear(r.pr.ref(v).get(r))
		}
	}
}

// await waits for the worker's turn to add to the sum; before its first part, while the
// scratch is free, it helps others meanwhile. False means that the run was cancelled.
func (w *worker[T]) await(v *value) bool {
	r, helps, ok := w.r, false, true
	turn := &r.turns[v.sum+w.part]
	for looks := 0; ok && turn.Load() != int64(w.shard); looks++ {
		if !helps && w.part == 0 && looks >= eager {
			helps = true
			r.waiting.Add(1)
		}
		switch {
		case helps && w.help():
			looks = eager
		case looks < patience:
			runtime.Gosched()
		case r.ctx.Err() != nil:
			ok = false
		default:
			w.sleep(helps)
		}
	}
	if helps {
		r.waiting.Add(-1)
	}
	return ok
}

// hasTurns reports whether it is the worker's turn to add to all parts of the sum that are
// left after the first.
func (w *worker[T]) hasTurns(s *bodyStep[T]) bool {
	for part := 1; part < s.parts; part++ {
		if w.r.turns[s.v.sum+part].Load() != int64(w.shard) {
			return false
		}
	}
	return true
}

// pass gives the turn to the next shard.
func (w *worker[T]) pass(v *value) { w.r.turns[v.sum+w.part].Add(1) }

// parts is in how many parts a value is computed: gradients of large matrices in
// several, so that the next worker can begin before all of them is added to.
func (v *value) parts() int {
	if o, ok := v.k.(outer); ok && v.reduce {
		return kernel.OuterParts(v.d.c, o.reach)
	}
	return 1
}

// sum is where the worker adds to the sum; the first shard is written there.
func (w *worker[T]) sum(v *value) (sum []T, add bool) {
	return w.r.pr.ref(v).get(w.r), w.shard > 0
}
