package graph

// lanes is how many sums run side by side. Lane l takes shards l, l+lanes, … in
// order, and the sum is (lane 0 + lane 1) + (lane 2 + lane 3): it does not depend
// on the number of cores. Where each lane has one shard and there are no more
// than two cores, lanes 0 and 1 share an arena, and lanes 2 and 3: the second
// adds to the first, which comes to the same.
const lanes = 4

// chunk is a piece of a sum, to be added up by one worker.
type chunk[T float] struct {
	total []T
	off   int // in the other arenas
}

// chunkSize is how many elements are worth a task of their own.
const chunkSize = 1 << 14

// sharers is the number of arenas that sums are added up in.
func (r *run[T]) sharers() int {
	if r.pairs {
		return 2
	}
	return min(lanes, r.shards)
}

// clearSums is what no rows add up to.
func (r *run[T]) clearSums(s *stage[T]) {
	for _, v := range s.sums {
		clear(r.pr.ref(v).get(r))
	}
}

// addArenas adds the arenas up, in chunks that the workers share.
func (r *run[T]) addArenas(s *stage[T]) {
	if r.sharers() < 2 {
		return
	}
	r.adding = r.adding[:0]
	for _, v := range s.sums {
		total, off := r.pr.ref(v).get(r), v.sumAt
		for at := 0; at < len(total); at += chunkSize {
			r.adding = append(r.adding, chunk[T]{total[at:min(at+chunkSize, len(total))], off + at})
		}
	}
	r.job.do((*adder[T])(r), len(r.adding), len(r.workers))
}

// adder is a run whose tasks add up chunks.
type adder[T float] run[T]

func (r *adder[T]) task(i, _ int) {
	c := r.adding[i]
	lane := func(l int) []T { return r.arenas[l-1][c.off:][:len(c.total)] }
	addTo(c.total, lane(1))
	switch (*run[T])(r).sharers() {
	case 3:
		addTo(c.total, lane(2))
	case 4:
		addTo(lane(2), lane(3))
		addTo(c.total, lane(2))
	}
}

// sum is where the worker adds up the value.
func (w *worker[T]) sum(v *value) []T {
	if w.arena == 0 {
		return w.r.pr.ref(v).get(w.r)
	}
	return w.r.arenas[w.arena-1][v.sumAt:][:v.d.r*v.d.c]
}
