package graph

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// Map is a strictly increasing map of each element of x, given arguments with
// rows, and the logarithm of its slope.
type Map func(x Expr, args []Expr) (y, logSlope Expr)

// solve inverts a Map element by element. Its arguments are y, those of the map,
// and the parameters that the map uses.
type solve struct {
	f     Map
	args  int
	inner *Graph // the map by itself: inputs x, a0, a1, …, one output
	id    uint64
}

var solveID atomic.Uint64

func (o solve) String() string { return fmt.Sprintf("solve#%d", o.id) }

func (o solve) shape(in []dims) (dims, error) {
	for _, d := range in[:1+o.args] {
		if !d.rows {
			return dims{}, fmt.Errorf("argument %v has no rows", d)
		}
	}
	return in[0], o.inner.err
}

// With y = f(x; θ), dx = (dy - f_θ dθ)/f'. The map is written out once more, at the
// solution, so that derivatives of any order are exact.
func (o solve) diff(xs []Expr, x, g Expr) []Expr {
	y, logSlope := o.f(x, xs[1:1+o.args])
	gy := g.Mul(logSlope.Neg().Exp())
	held := append([]Expr{x}, xs[1:]...) // what arguments are made of is not this map's affair
	return append([]Expr{gy}, vjp(y, gy.Neg(), held, xs[1:])...)
}

// Solve returns the x with f(x; args) = e, element by element, to the precision of
// the element type, and can be differentiated. The search has no bounds: a bracket
// grows until it holds the solution, then safeguarded Newton steps close it. An
// element without a solution among finite numbers becomes NaN, and the run that met
// it returns an error, [ErrNoInverse]. Elements that are NaN, or whose arguments are, stay so.
func (e Expr) Solve(f Map, args ...Expr) Expr {
	g := e.g
	if g == nil || e.node == nil || g.err != nil {
		return e
	}
	in := newGraph(g.params, Eval, g.rows)
	x := in.Rows("x", e.Cols())
	inner := make([]Expr, len(args))
	for i, a := range args {
		inner[i] = in.Rows(fmt.Sprintf("a%d", i), a.Cols())
	}
	y, logSlope := f(x, inner)
	if in.err != nil {
		return g.fail("solve", "%v", in.err)
	}
	if y.Cols() != x.Cols() || logSlope.Cols() != x.Cols() {
		return g.fail("solve", "the map gives %d values and %d slopes of %d elements", y.Cols(), logSlope.Cols(), x.Cols())
	}
	in.Output("both", Concat(y, logSlope))
	all := append([]Expr{e}, args...)
	for _, i := range in.inputs {
		if i.kind == paramInput {
			all = append(all, g.Use(i.param))
		}
	}
	return g.apply(solve{f, len(args), in, solveID.Add(1)}, all...)
}

// solver is one worker's search.
type solver[T float] struct {
	pr     *program[T]
	w      *worker[T]
	x      *value
	args   []*value
	both   *value
	search []bracket[T]
}

// bracket is the search of one element.
type bracket[T float] struct {
	lo, hi    T
	step      T // the longest step while one side is open
	width     T // of the bracket two evaluations ago
	last      T
	onesided  int
	done, bad bool
}

func newSolver[T float](pr *program[T]) *solver[T] {
	n := kernel.PanelRows[T]()
	r := pr.newRun().(*run[T])
	r.epilogue = make([]T, pr.plan.epilogue+1)
	s := &solver[T]{pr: pr, w: &worker[T]{r: r, body: make([]T, pr.plan.bodyCols*pr.panels*n), scratch: make([]T, pr.scratch), line: [3][]T{make([]T, n), make([]T, n), make([]T, n)}}}
	s.w.solvers = make([]*solver[T], pr.solves)
	for _, v := range pr.plan.values {
		if len(v.outs) > 0 {
			s.both = v
		}
	}
	byName := map[string]*value{}
	for _, v := range pr.inputs {
		byName[v.leaf.name] = v
	}
	s.x = byName["x"]
	for i := 0; ; i++ {
		in := pr.plan.g.inputNamed(fmt.Sprintf("a%d", i))
		if in == nil {
			break
		}
		s.args = append(s.args, byName[in.name]) // nil if nothing reads it
	}
	s.search = make([]bracket[T], s.x.d.c*n*pr.panels)
	return s
}

func (g *Graph) inputNamed(name string) *input {
	for _, in := range g.inputs {
		if in.kind == dataInput && in.name == name {
			return in
		}
	}
	return nil
}

// evaluate runs the map on the worker's panels.
func (s *solver[T]) evaluate() {
	for _, b := range s.pr.stages[0].body {
		if b.v.leaf == nil {
			b.run(s.w)
		}
	}
}

// rowsTile gives panel p of an argument.
type rowsTile[T float] func(i, p int) []T

// solve searches for the columns of x on panels of rows; it returns how many
// elements of the first rows have no solution.
func (s *solver[T]) solve(panels, rows int, arg rowsTile[T], out func(p int) []T) (unsolved int) {
	n := kernel.PanelRows[T]()
	s.pr.refresh(s.w.r)
	s.w.panels, s.w.n = panels, min(rows, panels*n)
	cols := s.x.d.c
	for i, a := range s.args {
		if a == nil {
			continue
		}
		t := s.w.tile(a)
		for p := range panels {
			copy(t.Panel(p, a.d.c), arg(1+i, p))
		}
	}
	x, both := s.w.tile(s.x), s.w.tile(s.both)
	for p := range panels {
		xs := x.Panel(p, cols)
		for i, y := range arg(0, p) {
			b := &s.search[p*cols*n+i]
			*b = bracket[T]{lo: T(math.Inf(-1)), hi: T(math.Inf(1)), step: max(1, y, -y), width: T(math.Inf(1)), last: T(math.Inf(1)), done: y-y != 0}
			xs[i] = y
		}
	}
	for range maxEvaluations {
		s.evaluate()
		open := false
		for p := range panels {
			xs, f, ys := x.Panel(p, cols), both.Panel(p, 2*cols), arg(0, p)
			for i := range xs {
				if b := &s.search[p*cols*n+i]; !b.done {
					xs[i] = b.next(xs[i], f[i]-ys[i], f[cols*n+i])
					open = open || !b.done
				}
			}
		}
		if !open {
			break
		}
	}
	for p := range panels {
		xs := x.Panel(p, cols)
		for i := range xs {
			b := &s.search[p*cols*n+i]
			if !b.done || b.bad {
				xs[i] = T(math.NaN())
				if p*n+i%n < rows {
					unsolved++
				}
			}
		}
		copy(out(p), xs)
	}
	return unsolved
}

// maxEvaluations is far more than any search takes: a bracket grows to the ends of
// float64 in 512 evaluations, and closes in less than 130.
const maxEvaluations = 800

// next takes the residual f(x)-y and the log-slope at x, and says where to look
// next, or that x is the solution.
func (b *bracket[T]) next(x, residual, logSlope T) T {
	switch {
	case residual == 0:
		b.done = true
		return x
	case residual != residual:
		b.done = true
		if math.IsInf(float64(b.hi-b.lo), 0) && b.onesided == 0 {
			return residual // an argument is NaN
		}
		b.bad = true
		return x
	case residual < 0:
		b.lo = x
	default:
		b.hi = x
	}
	newton := x - T(float64(residual)*math.Exp(-float64(logSlope)))
	if closed := b.hi - b.lo; closed-closed == 0 {
		slow := closed > b.width/2
		b.width, b.last = b.last, closed
		if slow || !(newton > b.lo && newton < b.hi) {
			newton = b.lo + closed/2
		}
		if newton <= b.lo || newton >= b.hi { // no number between them
			b.done = true
			return x
		}
		return b.settle(x, newton)
	}
	// One side is open: at most the step, which doubles twice at a time; and if many
	// Newton steps have not passed the solution, further and further than they say.
	move := newton - x
	if b.onesided++; b.onesided > 6 {
		move = T(math.Ldexp(float64(move), 2*(b.onesided-6)))
	}
	if !(move <= b.step && move >= -b.step) {
		move = b.step
		if residual > 0 {
			move = -move
		}
		b.step *= 4
	}
	to := x + move
	if to-to != 0 {
		b.done, b.bad = true, true
		return x
	}
	return b.settle(x, to)
}

// settle ends the search where a step no longer changes x by more than rounding.
func (b *bracket[T]) settle(x, to T) T {
	eps := T(0x1p-52)
	if kernel.PanelRows[T]() == 32 {
		eps = T(0x1p-23)
	}
	d := to - x
	if d < 0 {
		d = -d
	}
	a := x
	if a < 0 {
		a = -a
	}
	b.done = d <= eps*a || d <= eps*eps
	return to
}

// bindSolve runs a search on each tile.
func (pr *program[T]) bindSolve(v *value, k solve) func(*worker[T]) {
	p := newPlan(k.inner, func(string, *plan) {})
	inner := bind[T](p)
	if p.stages != 1 || inner.reducing {
		panic(fmt.Sprintf("graph: %v: the map adds up rows", k))
	}
	at := pr.solves
	pr.solves++
	return func(w *worker[T]) {
		s := w.solvers[at]
		if s == nil {
			s = newSolver(inner)
			w.solvers[at] = s
		}
		n := s.solve(w.panels, w.n, func(i, p int) []T { return w.tile(v.in[i]).Panel(p, v.in[i].d.c) }, func(p int) []T { return w.tile(v).Panel(p, v.d.c) })
		if n > 0 {
			w.r.unsolved.Add(int64(n))
			w.r.unsolvedAt.Store(v)
		}
	}
}

// flatSolve searches for gorgonia's machines, through panels.
func flatSolve[T float](k solve, out mat[T], in []mat[T]) {
	pr := bind[T](newPlan(k.inner, func(string, *plan) {}))
	s := newSolver(pr)
	n := kernel.PanelRows[T]()
	for from := 0; from < out.r; from += n {
		rows := min(n, out.r-from)
		panel := func(m mat[T]) []T {
			b := make([]T, m.c*n)
			for c := range m.c {
				for r := range n {
					b[c*n+r] = m.v[(from+min(r, rows-1))*m.c+c]
				}
			}
			return b
		}
		args := make([][]T, 1+k.args)
		for i := range args {
			args[i] = panel(in[i])
		}
		res := make([]T, out.c*n)
		s.solve(1, rows, func(i, _ int) []T { return args[i] }, func(int) []T { return res })
		for r := range rows {
			for c := range out.c {
				out.v[(from+r)*out.c+c] = res[c*n+r]
			}
		}
	}
}
