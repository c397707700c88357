package graph

import (
	"runtime"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
	"github.com/gorgeflow/gorge/graph/internal/largepage"
)

// AdamRule is one step of Adam (Kingma & Ba 2015, arXiv:1412.6980) with
// decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101). Parameters
// are kept within [ParamLimit].
type AdamRule struct {
	Clip         float64 // what gradients are multiplied by
	Beta1, Beta2 float64
	Step         int // from 1
	Epsilon      float64
	Rate         float64
	Decay        float64 // of matrices; vectors do not decay
	Share        float64 // by which an average moves towards the parameters
}

// Apply updates the parameters p by their gradients g and moments m, v, and moves an
// average, if it is not empty, towards them: all of the same length, in one pass.
func (a AdamRule) Apply(p, g, m, v, average Elements) {
	n := kernel.AdamNumbers{Clip: a.Clip, Beta1: a.Beta1, Beta2: a.Beta2, Fix1: 1 / (1 - power(a.Beta1, a.Step)), Fix2: 1 / (1 - power(a.Beta2, a.Step)),
		Epsilon: a.Epsilon, Rate: a.Rate, Decay: a.Decay, Limit: ParamLimit, Share: a.Share}
	if p.F32 != nil {
		kernel.Adam(p.F32, g.F32, m.F32, v.F32, average.F32, n)
	} else {
		kernel.Adam(p.F64, g.F64, m.F64, v.F64, average.F64, n)
	}
}

func power(b float64, n int) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			p *= b
		}
		b *= b
	}
	return p
}

// Elements is a list of numbers of either element type: one of the two is set.
type Elements struct {
	F32 []float32
	F64 []float64
}

// NewElements returns n zeros of a type.
func NewElements(dt DType, n int) Elements {
	if dt == Float64 {
		return Elements{F64: largepage.Make[float64](n)}
	}
	return Elements{F32: largepage.Make[float32](n)}
}

// Arena hands out lists of numbers that stand close together, so that many that are small
// share large pages of memory.
type Arena struct {
	dtype DType
	rest  Elements
	taken int // elements so far
}

// An arena takes as much from the system as it has handed out, within these limits.
const (
	leastArena = 1 << 14
	mostArena  = 1 << 21
)

// arenaLine is what lists begin at a multiple of: a cache line of float32.
const arenaLine = 16

// NewArena returns an arena that begins with room for lists of these lengths.
func NewArena(dt DType, lengths ...int) *Arena {
	n := 0
	for _, l := range lengths {
		n += inLines(l)
	}
	return &Arena{dtype: dt, rest: NewElements(dt, n)}
}

func inLines(n int) int { return (n + arenaLine - 1) / arenaLine * arenaLine }

// New returns n zeros, which begin in a cache line of their own.
func (a *Arena) New(n int) Elements {
	need := inLines(n)
	if need > a.rest.Len() {
		a.rest = NewElements(a.dtype, max(need, min(max(a.taken, leastArena), mostArena)))
	}
	e := a.rest.Slice(0, n)
	a.rest = a.rest.Slice(need, a.rest.Len())
	a.taken += need
	return e
}

// Len returns the number of elements.
func (e Elements) Len() int { return len(e.F32) + len(e.F64) }

// Slice returns elements from … to.
func (e Elements) Slice(from, to int) Elements {
	if e.F32 != nil {
		return Elements{F32: e.F32[from:to:to]}
	}
	return Elements{F64: e.F64[from:to:to]}
}

// Clear sets the elements to zero.
func (e Elements) Clear() {
	clear(e.F32)
	clear(e.F64)
}

// Copy copies the elements of o, which is of the same type and length.
func (e Elements) Copy(o Elements) {
	copy(e.F32, o.F32)
	copy(e.F64, o.F64)
}

// Exchange exchanges the elements of e and o, which are of the same type and length.
func (e Elements) Exchange(o Elements) {
	for i, v := range e.F32 {
		e.F32[i], o.F32[i] = o.F32[i], v
	}
	for i, v := range e.F64 {
		e.F64[i], o.F64[i] = o.F64[i], v
	}
}

// Average moves e towards o by the share w.
func (e Elements) Average(o Elements, w float64) {
	if e.F32 != nil {
		kernel.Average(e.F32, o.F32, float32(w))
	} else {
		kernel.Average(e.F64, o.F64, w)
	}
}

// SumSquares is Σ e², added up in float64.
func (e Elements) SumSquares() float64 {
	if e.F32 != nil {
		return kernel.SumSquares(e.F32)
	}
	return kernel.SumSquares(e.F64)
}

// Parallel runs tasks 0 … n-1 on the cores that programs run on, and waits. It
// allocates nothing if p lives across calls.
type Parallel struct {
	Task func(i int)
	job  job
}

// Do runs n tasks.
func (p *Parallel) Do(n int) { p.job.do(p, n, min(n, runtime.GOMAXPROCS(0))) }

func (p *Parallel) task(i, _ int) { p.Task(i) }

func (p *Parallel) idle(int) {}

// Elements returns the live value and gradient.
func (p *Param) Elements() (value, grad Elements) { return p.elements, p.gradients }
