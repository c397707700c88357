package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gorgeflow/gorge/models"
)

// fit is a fit that takes its steps when it is told to.
type fit struct {
	steps chan int
	took  chan time.Duration
	ended chan struct{}
}

// startFit begins a fit of that element type, which waits after its first step.
func startFit(b *testing.B, s size, dtype string) *fit {
	b.Helper()
	f := &fit{make(chan int), make(chan time.Duration), make(chan struct{})}
	m, x := s.build(b, dtype), normal(4096, s.dim)
	ctx, cancel := context.WithCancel(context.Background())
	left := 1
	var begin time.Time
	o := models.FitOptions{Steps: 1 << 30, Batch: 512, ValidFraction: -1, LearnRate: 1e-5, Progress: func(models.Progress) {
		if left--; left > 0 {
			return
		}
		if !begin.IsZero() {
			f.took <- time.Since(begin)
		}
		if left = <-f.steps; left == 0 {
			cancel()
		}
		begin = time.Now()
	}}
	go func() {
		if _, err := m.Fit(ctx, models.Data{X: x}, o); ctx.Err() == nil {
			panic(fmt.Sprintf("benchmarks: the fit ended by itself: %v", err))
		}
		close(f.ended)
	}()
	return f
}

// take makes n steps, after one that does not count, and returns the time of one in milliseconds.
func (f *fit) take(n int) float64 {
	f.steps <- 1
	<-f.took
	f.steps <- n
	return (<-f.took).Seconds() * 1e3 / float64(n)
}

func (f *fit) end() {
	f.steps <- 0
	<-f.ended
}

// turn is how long the steps of a turn take at least.
const turn = 25 * time.Millisecond

// stepsOf is how many steps are a turn.
func stepsOf(f *fit) int {
	f.take(2)
	return max(2, int(turn.Seconds()*1e3/f.take(4))+1)
}

// cores are those that the process may run on.
func cores(b *testing.B) []int {
	b.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		b.Fatal(err)
	}
	var all []int
	for c := range 8 * int(unsafe.Sizeof(set)) {
		if set.IsSet(c) {
			all = append(all, c)
		}
	}
	return all
}

// runOn lets all threads of the process run on these cores alone.
func runOn(b *testing.B, cores ...int) {
	b.Helper()
	runtime.GOMAXPROCS(len(cores))
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			b.Fatal(err)
		}
	}
}

func median(x []float64) float64 {
	return slices.Sorted(slices.Values(x))[len(x)/2]
}

// alike is how much two cores may differ in a round that counts as one of cores alike.
const alike = 0.1

// BenchmarkScaling is the speed of training steps on two cores in units of the mean of their
// speeds alone: the one, both, the other and both again take turns. Cores that others use
// are rarely alike, and then the faster of them waits; the rounds in which they were are
// also reported by themselves. Medians over -benchtime, for instance 100x.
func BenchmarkScaling(b *testing.B) {
	all := cores(b)
	if len(all) < 2 {
		b.Skip("one core")
	}
	one, two := all[0], all[1]
	defer runOn(b, all...)
	for _, s := range grid {
		b.Run(s.name("batch=512"), func(b *testing.B) {
			runOn(b, one, two)
			f := startFit(b, s, "float32")
			defer f.end()
			n := stepsOf(f)
			var first, second, both, ratio, same []float64
			for b.Loop() {
				runOn(b, one)
				x := f.take(n)
				runOn(b, one, two)
				z := f.take(n)
				runOn(b, two)
				y := f.take(n)
				runOn(b, one, two)
				z = (z + f.take(n)) / 2
				first, second, both = append(first, x), append(second, y), append(both, z)
				times := 2 / z / (1/x + 1/y)
				ratio = append(ratio, times)
				if max(x, y) < (1+alike)*min(x, y) {
					same = append(same, times)
				}
			}
			b.ReportMetric(median(first), "ms/first")
			b.ReportMetric(median(second), "ms/second")
			b.ReportMetric(median(both), "ms/both")
			b.ReportMetric(median(ratio), "times")
			if len(same) > 0 {
				b.ReportMetric(median(same), "times/alike")
			}
			b.ReportMetric(float64(len(same)), "rounds/alike")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFloat64 is the speed of training steps in float64 in units of those in float32,
// which take turns. The median over -benchtime, for instance 100x.
func BenchmarkFloat64(b *testing.B) {
	for _, s := range grid {
		b.Run(s.name("batch=512"), func(b *testing.B) {
			single, double := startFit(b, s, "float32"), startFit(b, s, "float64")
			defer single.end()
			defer double.end()
			n, k := stepsOf(single), stepsOf(double)
			var ratio []float64
			for i := 0; b.Loop(); i++ {
				var x, y float64
				if i%2 == 0 {
					x = single.take(n)
				}
				y = double.take(k)
				if i%2 != 0 {
					x = single.take(n)
				}
				ratio = append(ratio, x/y)
			}
			b.ReportMetric(median(ratio), "of_float32")
			b.ReportMetric(0, "ns/op")
		})
	}
}
