package graph

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// DType is an element type.
type DType int

const (
	// Float32 is the default.
	Float32 DType = iota
	// Float64 is for checks and for problems that need the digits.
	Float64
)

func (d DType) String() string { return [...]string{"float32", "float64"}[d] }

// ParseDType reads "float32" or "float64".
func ParseDType(s string) (DType, error) {
	switch s {
	case "float32", "":
		return Float32, nil
	case "float64":
		return Float64, nil
	}
	return 0, fmt.Errorf("graph: element type %q: want float32 or float64", s)
}

// Params owns parameters: names, values, and the random stream that initial
// values are drawn from, in order of creation. In gives a view that prefixes
// names. Params is not safe for concurrent use.
type Params struct {
	prefix string
	owner  *store
}

type store struct {
	dtype   DType
	arena   *Arena // of values and gradients
	rng     *rand.Rand
	list    []*Param
	byName  map[string]*Param
	version atomic.Uint64
	size    int // elements of all
	err     error
}

// buffers are for initialisers, one after the other.
var buffers sync.Pool

// Param is one parameter matrix. It implements gorgonia.ValueGrad: any gorgonia
// solver can update it.
type Param struct {
	name       string
	rows, cols int
	trainable  bool
	owner      *store
	value      *tensor.Dense
	grad       *tensor.Dense
	noDecay    bool
	elements   Elements // memory of value and grad
	gradients  Elements
}

var _ gorgonia.ValueGrad = (*Param)(nil)

// ParamLimit is the largest absolute value of an element of a trainable
// parameter: [Param.Set] and [Params.Clip] bring larger ones to it. Within it layers,
// but for scales that are said to have no bound, are finite for rows up to 1e8, or a run
// says that there is no inverse among finite numbers ([ErrNoInverse]).
const ParamLimit = 1e6

// maxElements is how many numbers the parameters of a set can have: more would be a slip
// of the pen, whose memory the process could not get.
const maxElements = 1 << 30

// NewParams returns an empty set whose initial values are drawn from seed.
func NewParams(dtype DType, seed uint64) *Params {
	return &Params{owner: &store{dtype: dtype, arena: NewArena(dtype), rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), byName: map[string]*Param{}}}
}

func (p *Params) root() *store { return p.owner }

// In returns a view of p in which every name begins with prefix and a dot.
func (p *Params) In(prefix string) *Params {
	return &Params{prefix: p.prefix + prefix + ".", owner: p.owner}
}

// DType returns the element type.
func (p *Params) DType() DType { return p.owner.dtype }

// Err returns the first mistake made while constructing: a name used twice, or a
// shape without elements. [Graph.Compile] returns it too.
func (p *Params) Err() error { return p.owner.err }

// Fail records a mistake in the settings of what is being constructed.
func (p *Params) Fail(format string, args ...any) {
	if p.owner.err == nil {
		p.owner.err = fmt.Errorf(format, args...)
	}
}

// New adds a trainable rows×cols parameter.
func (p *Params) New(name string, rows, cols int, init Init) *Param {
	return p.add(name, rows, cols, init, true)
}

// State adds a matrix that no optimiser touches: running statistics, fitted
// scalings. It is saved with the model.
func (p *Params) State(name string, rows, cols int, init Init) *Param {
	return p.add(name, rows, cols, init, false)
}

func (p *Params) add(name string, rows, cols int, init Init, trainable bool) *Param {
	s := p.owner
	q := &Param{name: p.prefix + name, rows: max(rows, 0), cols: max(cols, 0), trainable: trainable, owner: s}
	if rows < 1 || cols < 1 {
		p.Fail("graph: parameter %s: shape (%d, %d) has no elements", q.name, rows, cols)
		q.rows, q.cols = 1, 1
	}
	if q.rows > (maxElements-s.size)/q.cols {
		p.Fail("graph: parameter %s: with its shape (%d, %d) there are more than %d numbers in all: want a smaller model", q.name, rows, cols, maxElements)
		q.rows, q.cols = 1, 1
	}
	s.size += q.rows * q.cols
	if _, ok := s.byName[q.name]; ok {
		p.Fail("graph: parameter %s: there is one of that name already", q.name)
	}
	n := q.rows * q.cols
	q.noDecay = q.rows == 1
	q.elements, q.gradients = s.arena.New(n), s.arena.New(n)
	q.value, q.grad = q.elements.dense(q.rows, q.cols), q.gradients.dense(q.rows, q.cols)
	if init != nil {
		buf, ok := buffers.Get().(*[]float64)
		if !ok || len(*buf) < n {
			b := make([]float64, n)
			buf = &b
		}
		values := (*buf)[:n]
		clear(values)
		init(s.rng, q.rows, q.cols, values)
		q.Set(values)
		buffers.Put(buf)
	}
	s.list = append(s.list, q)
	s.byName[q.name] = q
	return q
}

func newDense(dt DType, r, c int) *tensor.Dense { return NewElements(dt, r*c).dense(r, c) }

// dense is a tensor of the elements' own memory.
func (e Elements) dense(r, c int) *tensor.Dense {
	if e.F32 != nil {
		return tensor.New(tensor.WithShape(r, c), tensor.WithBacking(e.F32))
	}
	return tensor.New(tensor.WithShape(r, c), tensor.WithBacking(e.F64))
}

// All returns every parameter in order of creation.
func (p *Params) All() []*Param { return p.owner.list }

// Trainable returns the parameters that an optimiser updates.
func (p *Params) Trainable() []*Param {
	var out []*Param
	for _, q := range p.owner.list {
		if q.trainable {
			out = append(out, q)
		}
	}
	return out
}

// ByName returns the parameter of that full name, or nil.
func (p *Params) ByName(name string) *Param { return p.owner.byName[name] }

// Count returns the number of trainable elements.
func (p *Params) Count() int {
	n := 0
	for _, q := range p.Trainable() {
		n += q.rows * q.cols
	}
	return n
}

// Changed tells programs that values were changed other than by [Param.Set] or
// a run: what they made of the old ones is computed anew at the next run.
func (p *Params) Changed() { p.owner.version.Add(1) }

// Clip brings the trainable parameters within [ParamLimit], as is wanted after
// the step of an optimiser, and tells programs of the change.
func (p *Params) Clip() {
	for _, q := range p.owner.list {
		if !q.trainable {
			continue
		}
		q.clip()
	}
	p.Changed()
}

func (p *Param) clip() {
	clip(p.elements.F64)
	clip(p.elements.F32)
}

func clip[T float](d []T) {
	for i, v := range d {
		if v > ParamLimit {
			d[i] = ParamLimit
		} else if v < -ParamLimit {
			d[i] = -ParamLimit
		}
	}
}

// Name returns the full name.
func (p *Param) Name() string { return p.name }

// Shape returns rows and columns.
func (p *Param) Shape() (rows, cols int) { return p.rows, p.cols }

// IsTrainable reports whether optimisers update the parameter.
func (p *Param) IsTrainable() bool { return p.trainable }

// Decays reports whether weight decay applies: to matrices, not to vectors.
func (p *Param) Decays() bool { return !p.noDecay }

// Value returns the live value, a matrix whose memory every program shares.
func (p *Param) Value() gorgonia.Value { return p.value }

// Grad returns the gradient that the last run of a program with
// [Graph.Minimize] left.
func (p *Param) Grad() (gorgonia.Value, error) { return p.grad, nil }

// Float32 returns the value and gradient memory of a float32 parameter.
func (p *Param) Float32() (value, grad []float32) { return p.elements.F32, p.gradients.F32 }

// Float64 returns the value and gradient memory of a float64 parameter.
func (p *Param) Float64() (value, grad []float64) { return p.elements.F64, p.gradients.F64 }

// Get returns a copy of the value, row by row.
func (p *Param) Get() []float64 { return p.elements.float64s() }

// GetGrad returns a copy of the gradient, row by row.
func (p *Param) GetGrad() []float64 { return p.gradients.float64s() }

func (e Elements) float64s() []float64 {
	out := append([]float64(nil), e.F64...)
	for _, v := range e.F32 {
		out = append(out, float64(v))
	}
	return out
}

// Set copies values, row by row, into the parameter, those of a trainable one
// brought within [ParamLimit]; a wrong count is an error.
func (p *Param) Set(values []float64) error {
	if len(values) != p.rows*p.cols {
		return fmt.Errorf("graph: parameter %s: %d values for (%d, %d)", p.name, len(values), p.rows, p.cols)
	}
	copy(p.elements.F64, values)
	for i := range p.elements.F32 {
		p.elements.F32[i] = float32(values[i])
	}
	if p.trainable {
		p.clip()
	}
	p.owner.version.Add(1)
	return nil
}

// memory is the elements as a slice of T, their type.
func memory[T float](e Elements) []T {
	if d, ok := any(e.F32).([]T); ok {
		return d
	}
	d, _ := any(e.F64).([]T)
	return d
}

// Touch tells programs that the value was changed in place.
func (p *Param) Touch() { p.owner.version.Add(1) }
