package graph

import (
	"runtime"
	"slices"
	"sync/atomic"
)

// Steps without rows, such as the products of the factors of a layer's matrix, are work for
// one core. Where a stage has many, each core takes strands of them: those of one layer
// are one mostly, and those of other layers do not wait for it.

// strand is steps without rows that one core does in order.
type strand[T float] struct {
	steps []flatStep[T]
	after []int // strands of the stage, each before this one, that it reads results of
}

// strandWork is how many nanoseconds, about, the steps of a stage take at least to be worth
// another core.
var strandWork = 40e3

// strandShare is the most that strands which meet may come to together, as a part of all,
// to become one: else the one that reads both is another.
const strandShare = 4

// strandUsers is how many steps a result may have that read it for them to be one strand
// with it.
const strandUsers = 4

// flatWork is about how many nanoseconds a step without rows takes.
func (v *value) flatWork() float64 {
	n := float64(v.d.r * v.d.c)
	for _, a := range v.in {
		n += float64(a.d.r * a.d.c)
	}
	n /= 4
	switch v.k.(type) {
	case linear, linearT:
		n += float64(v.d.r*v.in[1].d.r*v.in[1].d.c) / 16
	case outer:
		n += float64(v.d.r*v.d.c*v.in[0].d.r) / 16
	case matInverse, triInverse, logDet, expm:
		n += float64(v.in[0].d.r * v.in[0].d.r * v.in[0].d.c)
	}
	return n
}

// braid is strands in the making.
type braid struct {
	place  map[*value]int    // of each step among all
	of     map[*value]*draft // by step
	drafts []*draft
	most   float64 // that strands which meet may come to
}

// draft is a strand in the making.
type draft struct {
	steps  []*value
	after  map[*draft]bool
	work   float64
	closed bool // others are after it: what it is after is settled
	at     int  // its place among all
}

// strandsOf groups the steps without rows of a stage, arguments first, none if they
// are not worth it.
func strandsOf(steps []*value) []*draft {
	b := &braid{place: map[*value]int{}, of: map[*value]*draft{}}
	for i, v := range steps {
		b.place[v] = i
		b.most += v.flatWork()
	}
	if b.most < strandWork {
		return nil
	}
	b.most /= strandShare
	for _, v := range steps {
		b.add(v)
	}
	// A strand that another is after was closed before the other's last step.
	last := func(l *draft) int { return b.place[l.steps[len(l.steps)-1]] }
	b.drafts = slices.DeleteFunc(b.drafts, func(l *draft) bool { return len(l.steps) == 0 })
	slices.SortFunc(b.drafts, func(x, y *draft) int { return last(x) - last(y) })
	for i, l := range b.drafts {
		l.at = i
	}
	if len(b.drafts) == 1 {
		return nil
	}
	return b.drafts
}

// add gives a step to the one strand that it may go on with, or begins one.
func (b *braid) add(v *value) {
	var open []*draft
	after := map[*draft]bool{}
	work := v.flatWork()
	for _, a := range v.in {
		l := b.of[a]
		switch {
		case l == nil || slices.Contains(open, l):
		case l.closed:
			after[l] = true
		default:
			open = append(open, l)
			work += l.work
		}
	}
	if len(open) > 1 && work > b.most {
		for _, l := range open {
			l.closed = true
			after[l] = true
		}
		open = nil
	}
	if len(open) == 0 {
		open = append(open, &draft{after: map[*draft]bool{}})
		b.drafts = append(b.drafts, open[0])
	}
	s := open[0]
	for _, l := range open[1:] {
		b.join(s, l)
	}
	for l := range after {
		s.after[l] = true
	}
	s.steps, s.work = append(s.steps, v), s.work+v.flatWork()
	b.of[v] = s
	users := 0
	for _, u := range v.users {
		if _, here := b.place[u]; here {
			users++
		}
	}
	s.closed = users > strandUsers
}

// join gives the steps of l to s; nothing is after either yet.
func (b *braid) join(s, l *draft) {
	for _, v := range l.steps {
		b.of[v] = s
	}
	for x := range l.after {
		s.after[x] = true
	}
	s.steps = append(s.steps, l.steps...)
	slices.SortFunc(s.steps, func(x, y *value) int { return b.place[x] - b.place[y] })
	s.work += l.work
	l.steps = nil
}

// bindStrands groups the steps without rows of a stage.
func (s *stage[T]) bindStrands() {
	of := map[*value]flatStep[T]{}
	var steps []*value
	for _, f := range s.flat {
		of[f.v] = f
		steps = append(steps, f.v)
	}
	for _, l := range strandsOf(steps) {
		var t strand[T]
		for _, v := range l.steps {
			t.steps = append(t.steps, of[v])
		}
		for x := range l.after {
			t.after = append(t.after, x.at)
		}
		slices.Sort(t.after)
		s.strands = append(s.strands, t)
	}
}

// flatScratch is what a core's steps without rows work in.
type flatScratch[T float] struct {
	mats  []mat[T]
	times []T
}

// strands is a run's state of the strands of the stage at work.
type strands[T float] struct {
	r    *run[T]
	s    *stage[T]
	time uint64          // counts the stages that were run so
	done []atomic.Uint64 // of each strand: when
}

// flats does the steps without rows of a stage.
func (r *run[T]) flats(s *stage[T]) {
	if r.cores < 2 || len(s.strands) == 0 {
		for i := range s.flat {
			s.flat[i].run(r, &r.scratch[0])
		}
		return
	}
	for len(r.scratch) < r.cores {
		r.scratch = append(r.scratch, r.pr.newFlatScratch())
	}
	x := &r.strands
	x.r, x.s = r, s
	x.time++
	if len(x.done) < len(s.strands) {
		x.done = make([]atomic.Uint64, len(s.strands))
	}
	r.job.do(x, len(s.strands), r.cores)
}

func (pr *program[T]) newFlatScratch() flatScratch[T] {
	return flatScratch[T]{mats: make([]mat[T], pr.flatArgs), times: make([]T, pr.flatScratch)}
}

// task does strand i. Those that it waits for are under way: they were taken before.
func (x *strands[T]) task(i, slot int) {
	t := &x.s.strands[i]
	for _, a := range t.after {
		for x.done[a].Load() != x.time {
			runtime.Gosched()
		}
	}
	for j := range t.steps {
		t.steps[j].run(x.r, &x.r.scratch[slot])
	}
	x.done[i].Store(x.time)
}

func (x *strands[T]) idle(int) {}
