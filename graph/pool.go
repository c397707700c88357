package graph

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// tasker runs task i on worker slot.
type tasker interface{ task(i, slot int) }

// job hands the tasks of a stage to the caller and to whoever of the pool is
// idle. Which worker takes which task has no influence on results.
type job struct {
	t    tasker
	n    int64
	next atomic.Int64
	slot atomic.Int64
	wg   sync.WaitGroup
}

var (
	poolOnce sync.Once
	idle     chan *job
)

// startPool starts the helpers that all programs share. They wait parked.
func startPool() {
	idle = make(chan *job)
	for range runtime.NumCPU() {
		go func() {
			for j := range idle {
				j.work()
				j.wg.Done()
			}
		}()
	}
}

func (j *job) do(t tasker, tasks, workers int) {
	poolOnce.Do(startPool)
	j.t, j.n = t, int64(tasks)
	j.next.Store(0)
	j.slot.Store(0)
	for range min(workers, tasks) - 1 {
		j.wg.Add(1)
		select {
		case idle <- j:
		default:
			j.wg.Done()
		}
	}
	j.work()
	j.wg.Wait()
}

func (j *job) work() {
	slot := int(j.slot.Add(1) - 1)
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.t.task(int(i), slot)
	}
}
