package graph

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// tasker runs task i on worker slot, and may do something there when no task is left.
type tasker interface {
	task(i, slot int)
	idle(slot int)
}

// job hands the tasks of a stage to the caller and to whoever of the pool comes
// before they are done. Which worker takes which task has no influence on results.
type job struct {
	t    tasker
	n    int64
	next atomic.Int64
	slot atomic.Int64
	// open is the number of the round, and in the last bits how many may still join.
	open atomic.Uint64
	busy atomic.Int64 // helpers that may still be at work: joined and not done, or invited
	wg   sync.WaitGroup
}

// seats is the room in job.open for the number of helpers.
const seats = 1 << 16

// invitation asks a helper to a round of a job. By the time it is read the round
// may be over.
type invitation struct {
	j     *job
	round uint64
}

// Helpers wait parked. One that has just worked looks out for a while, since the
// next job often follows at once and to wake a thread takes longer than many jobs.
var (
	poolOnce sync.Once
	parked   chan invitation // to those that wait
	lookout  chan invitation // to those that look out
	looking  atomic.Int64
)

// looks is how often a helper looks before it parks, and a caller before it sleeps:
// about a tenth of a millisecond.
const looks = 1 << 10

// startPool starts the helpers that all programs share.
func startPool() {
	parked, lookout = make(chan invitation), make(chan invitation, runtime.NumCPU())
	for range runtime.NumCPU() {
		go func() {
			for {
				accept(<-parked)
				for look() {
				}
			}
		}()
	}
}

// look waits for an invitation for a while and reports whether there was one.
func look() bool {
	looking.Add(1)
	defer looking.Add(-1)
	for range looks {
		select {
		case i := <-lookout:
			accept(i)
			return true
		default:
			runtime.Gosched()
		}
	}
	return false
}

// accept works on the job if it is still the same round and there is a seat.
func accept(i invitation) {
	for {
		o := i.j.open.Load()
		if o/seats != i.round || o%seats == 0 {
			return
		}
		if i.j.open.CompareAndSwap(o, o-1) {
			break
		}
	}
	i.j.work(int(i.j.slot.Add(1)))
	i.j.busy.Add(-1)
	i.j.wg.Done()
}

// do runs tasks 0 … tasks-1 on so many workers, of whom one for each task at most takes any.
func (j *job) do(t tasker, tasks, workers int) {
	poolOnce.Do(startPool)
	j.t, j.n = t, int64(tasks)
	j.next.Store(0)
	j.slot.Store(0)
	helpers := max(workers-1, 0)
	if helpers == 0 {
		j.work(0)
		return
	}
	round := j.open.Load()/seats + 1
	j.wg.Add(helpers)
	j.busy.Store(int64(helpers))
	j.open.Store(round*seats + uint64(helpers))
	for range helpers {
		j.invite(invitation{j, round})
	}
	j.work(0)
	absent := int(j.open.Swap(round*seats) % seats)
	j.busy.Add(int64(-absent))
	j.wg.Add(-absent)
	for range looks {
		if j.busy.Load() == 0 {
			break
		}
		runtime.Gosched()
	}
	j.wg.Wait()
}

func (j *job) invite(i invitation) {
	if looking.Load() > 0 {
		select {
		case lookout <- i:
			return
		default:
		}
	}
	select {
	case parked <- i:
	default:
	}
}

func (j *job) work(slot int) {
	for int64(slot) < j.n {
		i := j.next.Add(1) - 1
		if i >= j.n {
			break
		}
		j.t.task(int(i), slot)
	}
	j.t.idle(slot)
}
