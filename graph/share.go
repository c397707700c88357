package graph

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// A shard is one worker's, but for steps that take long: while others wait, for their turn
// to add to a sum or for the end, it hands out parts of these. So cores that are slower than
// others for a while, or more cores than shards, cost less. Parts are panels of rows or, of
// sums, columns: either way each number is made of the same operations in the same order.

// sharedWork is how many floating-point operations make a step worth sharing: tens of
// microseconds of work, against some few until another core has its operands.
var sharedWork = 4e6

// splineWork is about what a spline takes for an element, in these operations.
const splineWork = 4000

// mostParts is how many parts an offer has room to count.
const mostParts = 255

// worthSharing reports whether a step takes long and can be done in parts.
func (v *value) worthSharing() bool {
	if v.reduce && (v.parts() == 1 || v.parts() > mostParts) {
		return false
	}
	work := v.flops()
	switch v.k.(type) {
	case spline, splineOver, splineGrad, splineGradOver:
		work = float64(splineWork * v.in[0].d.c)
	}
	return work*shardRows >= sharedWork
}

// offer is a step of a worker's shard, open for others to take parts of.
type offer[T float] struct {
	step    *bodyStep[T]
	of      *worker[T] // whose tile it is; while parts are out, it stays as it is
	columns bool       // parts are those of a sum, from the second on, not of rows
	// state is a number of the offer and, in the last two bytes, how many parts it has and
	// how many of them were taken.
	state atomic.Uint64
	done  atomic.Int64
}

// make opens the offer for so many parts.
func (o *offer[T]) make(step *bodyStep[T], columns bool, parts int) {
	o.step, o.columns = step, columns
	o.done.Store(0)
	o.state.Store(o.state.Load()>>16<<16 + 1<<16 + uint64(parts)<<8)
}

// take returns a part that nobody has taken.
func (o *offer[T]) take() (part, parts int, ok bool) {
	for {
		s := o.state.Load()
		part, parts = int(s&mostParts), int(s>>8&mostParts)
		if part == parts {
			return 0, 0, false
		}
		if o.state.CompareAndSwap(s, s+1) {
			return part, parts, true
		}
	}
}

// share does a step with rows together with those that wait; two panels at a time are
// the faster.
func (w *worker[T]) share(s *bodyStep[T]) {
	most := w.panels
	if most >= 4 {
		most /= 2
	}
	w.offer.make(s, false, min(most, 1+int(w.r.waiting.Load())))
	w.finish()
}

// shareSum adds what is left of a sum after its first part, whose turn all of it has.
func (w *worker[T]) shareSum(s *bodyStep[T]) {
	w.offer.make(s, true, s.parts-1)
	w.finish()
}

// finish takes the parts that others leave and waits for theirs.
func (w *worker[T]) finish() {
	o := &w.offer
	for {
		part, parts, ok := o.take()
		if !ok {
			break
		}
		w.assist(o, part, parts)
	}
	for o.done.Load() < int64(o.state.Load()>>8&mostParts) {
		runtime.Gosched()
	}
}

// assist does a part of a step of some worker's shard, with its own scratch.
func (w *worker[T]) assist(o *offer[T], part, parts int) {
	if o.columns {
		part++
		on := o.of
		if on != w {
			on = w.view(o.of)
			on.outer = o.of.outer.Fork(on.scratch)
		}
		on.part = part
		o.step.run(on)
		on.pass(o.step.v)
	} else {
		on := w.view(o.of)
		from, to := part*on.panels/parts, (part+1)*on.panels/parts
		n := kernel.PanelRows[T]()
		on.first, on.panels, on.n = from, to-from, min(on.n-from*n, (to-from)*n)
		o.step.run(on)
	}
	o.done.Add(1)
}

// view is the worker at the tile of another or, for some rows of it, its own.
func (w *worker[T]) view(of *worker[T]) *worker[T] {
	v := w.away
	v.body, v.shard, v.n, v.panels, v.first = of.body, of.shard, of.n, of.panels, 0
	return v
}

// help does a part of what another worker offers; false means that there is none.
func (w *worker[T]) help() bool {
	r := w.r
	for _, other := range r.workers[:r.team] {
		if other == w {
			continue
		}
		if part, parts, ok := other.offer.take(); ok {
			r.waiting.Add(-1)
			w.assist(&other.offer, part, parts)
			r.waiting.Add(1)
			return true
		}
	}
	return false
}

const (
	// patience is how often a worker looks whether it may go on before it sleeps, eager
	// how often before it helps others.
	patience = 1 << 11
	eager    = 1 << 6
)

// sleep sleeps a little; meanwhile nobody should expect help.
func (w *worker[T]) sleep(helps bool) {
	if helps {
		w.r.waiting.Add(-1)
		defer w.r.waiting.Add(1)
	}
	time.Sleep(20 * time.Microsecond)
}

// idle helps with the shards of others when there are none left to take. If nothing is on
// offer for a while it ends: other runs may have more for this core.
func (r *run[T]) idle(slot int) {
	if !r.now.shares {
		return
	}
	w := r.workers[slot]
	r.waiting.Add(1)
	for looks := 0; looks < patience && r.finished.Load() < int64(r.shards); looks++ {
		if w.help() {
			looks = 0
		} else {
			runtime.Gosched()
		}
	}
	r.waiting.Add(-1)
}
