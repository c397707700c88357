package graph

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// program is a plan bound to memory of one element type. It is immutable but
// for the prologue arena, which is filled anew when the parameters change.
type program[T float] struct {
	plan     *plan
	panels   int // of a full shard
	stages   []stage[T]
	inputs   []*value // with rows
	assigns  []binding[T]
	scratch  int
	refs     []ref[T] // of values without rows, by number
	reducing bool

	shares      bool // whether any step is worth sharing
	solves      int  // numeric inverses
	flatScratch int  // elements that steps without rows want
	flatArgs    int  // arguments that one of them has at most

	narrowOnce sync.Once
	narrow     *narrow[T]

	mu       sync.RWMutex
	prologue []T
	of       asOf // the prologue

	laid   []*laidOut[T]
	laidOf asOf
}

// stage is flat steps, then body steps for each shard.
type stage[T float] struct {
	flat    []flatStep[T]
	strands []strand[T] // of them, if they are worth more than one core
	body    []bodyStep[T]
	sums    []*value
	// needs is whether any body step does anything beyond loading inputs.
	needs bool
	// shares is whether any of them is worth sharing.
	shares bool
}

type flatStep[T float] struct {
	v   *value
	run func(r *run[T], s *flatScratch[T])
}

type bodyStep[T float] struct {
	v      *value
	run    func(w *worker[T])
	parts  int  // of a sum
	shares bool // worth sharing
}

// binding copies a value without rows to a parameter or its gradient.
type binding[T float] struct {
	from ref[T]
	to   []T
	p    *Param
	grad bool
}

// ref finds a value without rows: memory known at compile time, or an offset in
// a run's own arena.
type ref[T float] struct {
	fixed  []T
	off, n int
}

func (x ref[T]) get(r *run[T]) []T {
	if x.fixed != nil {
		return x.fixed
	}
	return r.epilogue[x.off : x.off+x.n]
}

func bind[T float](p *plan) *program[T] {
	pr := &program[T]{plan: p, panels: p.rows / kernel.PanelRows[T](), prologue: make([]T, p.prologue)}
	pr.stages = make([]stage[T], p.stages)
	pr.refs = make([]ref[T], len(p.values))
	for _, v := range p.values {
		if v.body {
			n := kernel.PanelRows[T]()
			v.spot = spot{at: (v.root.off*pr.panels + v.start) * n, stride: v.root.d.c * n, keep: v.root.keep, byRows: v.root.byRows}
		} else {
			pr.refs[v.id] = pr.locate(v)
		}
	}
	for _, v := range p.values {
		switch {
		case v.leaf != nil && v.body:
			pr.inputs = append(pr.inputs, v)
			pr.bindInput(v)
		case v.leaf != nil:
		case v.reduce:
			s := &pr.stages[v.runsIn()]
			pr.add(s, bodyStep[T]{v: v, run: pr.bindSum(v), parts: v.parts(), shares: v.worthSharing()})
			s.sums = append(s.sums, v)
			pr.reducing = true
		case v.body:
			s := &pr.stages[v.stage]
			if !v.isView() && !v.isThere() {
				pr.add(s, bodyStep[T]{v: v, run: pr.bindBody(v), shares: v.worthSharing()})
			}
			for _, o := range v.outs {
				pr.add(s, bodyStep[T]{v: v, run: pr.bindStore(v, o)})
			}
		default:
			s := &pr.stages[v.stage]
			s.flat = append(s.flat, flatStep[T]{v, pr.bindFlat(v)})
		}
		if v.leaf != nil && v.body {
			for _, o := range v.outs {
				pr.add(&pr.stages[0], bodyStep[T]{v: v, run: pr.bindStore(v, o)})
			}
		}
	}
	for i := range pr.stages {
		pr.stages[i].bindStrands()
	}
	pr.bindAssigns()
	return pr
}

// add appends a step with rows to a stage.
func (pr *program[T]) add(s *stage[T], step bodyStep[T]) {
	s.body = append(s.body, step)
	s.needs = true
	s.shares = s.shares || step.shares
	pr.shares = pr.shares || step.shares
}

func (pr *program[T]) bindAssigns() {
	of := map[any]*value{}
	for _, v := range pr.plan.values {
		of[v.node] = v
	}
	for _, a := range pr.plan.g.assigns {
		b := binding[T]{from: pr.ref(of[a.from.node]), p: a.to, grad: a.grad}
		if a.grad {
			b.to = memory[T](a.to.gradients)
		} else {
			b.to = memory[T](a.to.elements)
		}
		pr.assigns = append(pr.assigns, b)
	}
}

// ref is where a value without rows is.
func (pr *program[T]) ref(v *value) ref[T] { return pr.refs[v.id] }

func (pr *program[T]) locate(v *value) ref[T] {
	n := v.d.r * v.d.c
	switch {
	case v.leaf != nil && v.leaf.kind == paramInput:
		return ref[T]{fixed: memory[T](v.leaf.param.elements)}
	case v.leaf != nil:
		c := make([]T, n)
		for i, x := range v.leaf.value {
			c[i] = T(x)
		}
		return ref[T]{fixed: c}
	case v.into != nil:
		return ref[T]{fixed: memory[T](v.into.gradients)}
	case v.stage == 0 && !v.reduce:
		return ref[T]{fixed: pr.prologue[v.off : v.off+n]}
	}
	return ref[T]{off: v.off, n: n}
}

// bindInput loads an input in every stage that reads it.
func (pr *program[T]) bindInput(v *value) {
	i := len(pr.inputs) - 1
	for s := range v.readIn() {
		pr.stages[s].body = append(pr.stages[s].body, bodyStep[T]{v: v, run: pr.bindLoad(v, i)})
	}
}

func (pr *program[T]) dump() string {
	var b strings.Builder
	pr.plan.dump(&b)
	return b.String()
}

func (p *plan) dump(b *strings.Builder) {
	fmt.Fprintf(b, "stages %d, shards of %d rows, tile %d columns, kept %d columns, prologue %d, epilogue %d\n", p.stages, p.rows, p.bodyCols, p.keepCols, p.prologue, p.epilogue)
	for _, v := range p.values {
		kind := "flat"
		switch {
		case v.body && v.isView():
			kind = "view"
		case v.landed:
			kind = "land"
		case v.body && v.keep:
			kind = "kept"
		case v.body:
			kind = "body"
		case v.reduce:
			kind = "sum"
		}
		if v.byRows {
			kind += " by rows"
		}
		turned := ""
		if v.turned {
			turned = "+turned"
		}
		fmt.Fprintf(b, "%5d  stage %d  %s @%d  %v  %s(", v.id, v.stage, kind, v.off, v.d, v.name()+turned)
		for i, a := range v.in {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprint(b, a.id)
		}
		fmt.Fprintf(b, ")  %s\n", v.scope)
	}
}

func (pr *program[T]) flops() float64 {
	total := 0.0
	for _, v := range pr.plan.values {
		if v.body || v.reduce {
			total += v.flops()
		}
	}
	return total
}

// flops is what a matrix product takes for each row.
func (v *value) flops() float64 {
	m, k, reach := 0, 0, v.staircase()
	switch v.k.(type) {
	case linear, clampedLinear, linearT, gatedLinearT:
		m, k = v.in[1].d.r, v.in[1].d.c
	case outer:
		m, k = v.d.r, v.d.c
	}
	if reach == nil {
		return 2 * float64(m*k)
	}
	total := 0.0
	for _, n := range reach {
		total += 2 * float64(n)
	}
	return total
}

// staircase is that of a product, nil if there is none.
func (v *value) staircase() Reach {
	switch k := v.k.(type) {
	case linear:
		return k.reach
	case clampedLinear:
		return k.reach
	case linearT:
		return k.reach
	case gatedLinearT:
		return k.reach
	case outer:
		return k.reach
	}
	return nil
}
