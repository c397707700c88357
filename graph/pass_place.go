package graph

// place_ gives each value its storage. Values with rows live in a worker's tile
// and share its columns when they do not live at the same time; those that a
// later stage needs are kept, one tile for each shard.
func place_(p *plan) {
	last := map[*value]int{}
	for _, v := range p.values {
		r := v.root
		last[r] = max(last[r], v.id)
		for _, u := range v.users {
			last[r] = max(last[r], u.id)
			if v.body && r.k != nil && u.runsIn() > r.stage {
				r.keep = true
			}
		}
	}
	for _, v := range p.values {
		switch n := v.d.r * v.d.c; {
		case v.body && v.root.keep && v.root == v:
			v.off = p.keepCols
			p.keepCols += v.d.c
		case v.body || v.k == nil:
		case v.reduce:
			v.sum = p.sums
			p.sums += v.parts()
			if v.grad != nil { // adds up where the gradient is wanted
				v.into = v.grad
				break
			}
			v.off = p.epilogue
			p.epilogue += n
		case v.stage == 0:
			v.off = p.prologue
			p.prologue += n
		default:
			v.off = p.epilogue
			p.epilogue += n
		}
	}
	for _, v := range p.values {
		v.passing = v.isPassing()
	}
	for s := range p.stages {
		p.bodyCols = max(p.bodyCols, placeStage(p, s, last))
	}
	// Other inputs are loaded anew in each stage, at the same place throughout.
	for _, v := range p.values {
		if v.body && v.leaf != nil && !v.passing {
			v.off = p.bodyCols
			p.bodyCols += v.d.c
		}
	}
}

// runsIn is the stage whose body or flat steps compute the value: sums run in
// the stage before the one they are ready in.
func (v *value) runsIn() int {
	if v.reduce {
		return v.stage - 1
	}
	return v.stage
}

// readIn is the stages in which an input is read.
func (v *value) readIn() map[int]bool {
	stages := map[int]bool{}
	var walk func(u *value)
	walk = func(u *value) {
		if u.isView() {
			for _, x := range u.users {
				walk(x)
			}
		}
		stages[u.runsIn()] = true
	}
	for _, u := range v.users {
		walk(u)
	}
	if len(v.outs) > 0 {
		stages[0] = true
	}
	return stages
}

// isPassing reports whether an input is noise that only the first stage reads: it is
// made when it is needed and shares its columns like what is computed. That of dropout
// is as wide as the hidden layers.
func (v *value) isPassing() bool {
	if !v.body || v.leaf == nil || v.leaf.kind == dataInput {
		return false
	}
	stages := v.readIn()
	return len(stages) == 1 && stages[0]
}

// placeStage walks one stage in order, with a free list of columns.
func placeStage(p *plan, stage int, last map[*value]int) int {
	var f freeList
	type owned struct{ off, cols, until int }
	var live []owned
	free := func(now int) {
		rest := live[:0]
		for _, o := range live {
			if o.until < now {
				f.put(o.off, o.cols)
			} else {
				rest = append(rest, o)
			}
		}
		live = rest
	}
	for _, v := range p.values {
		if !v.body || v.root != v || v.keep || v.leaf != nil && !v.passing || v.stage != stage {
			continue
		}
		free(v.id)
		if at, ok := inPlace(v, last); ok {
			for i := range live {
				if live[i].off == at && live[i].cols == v.d.c {
					live[i].until, v.off = last[v], at
				}
			}
			continue
		}
		v.off = f.take(v.d.c)
		live = append(live, owned{v.off, v.d.c, last[v]})
	}
	return f.end
}

// inPlace reports whether a step may write over an argument that is not used again.
func inPlace(v *value, last map[*value]int) (off int, ok bool) {
	switch v.k.(type) {
	case splineGradOver:
		h := v.in[1]
		r := h.root
		return r.off, h.landed && !r.keep && r.stage == v.stage && last[r] == v.id
	case unary, binary, place, dropout, inverseOf:
	default:
		return 0, false
	}
	if _, isPlace := v.k.(place); isPlace && v.in[1].root == v.in[0].root && !v.in[1].landed {
		return 0, false
	}
	for i, a := range v.in {
		if i > 0 && v.ofFirst() {
			break
		}
		if !a.body || a.isView() || a.keep || a.leaf != nil && !a.passing || a.d.c != v.d.c || a.stage != v.stage || last[a] != v.id {
			continue
		}
		if aliased(v, a) {
			continue
		}
		return a.off, true
	}
	return 0, false
}

// ofFirst reports whether a step is its first argument, but for some of the columns.
func (v *value) ofFirst() bool {
	switch v.k.(type) {
	case place, inverseOf:
		return true
	}
	return false
}

// isThere reports whether nothing is left to do for a value once it has its storage.
func (v *value) isThere() bool {
	switch v.k.(type) {
	case room:
		return true
	case place:
		x, b := v.in[0], v.in[1]
		return v.root == v && b.landed && x.root == x && x.stage == v.stage && x.keep == v.keep && x.off == v.off
	}
	return false
}

// aliased reports whether another argument looks into the columns of a in a way
// that writing over them would disturb.
func aliased(v, a *value) bool {
	for _, o := range v.in {
		if o != a && o.root == a && !o.landed {
			return true
		}
	}
	return false
}

// freeList hands out runs of columns, first fit.
type freeList struct {
	holes []hole
	end   int
}

type hole struct{ off, cols int }

func (f *freeList) take(cols int) int {
	for i := range f.holes {
		h := &f.holes[i]
		if h.cols < cols {
			continue
		}
		at := h.off
		h.off += cols
		h.cols -= cols
		if h.cols == 0 {
			f.holes = append(f.holes[:i], f.holes[i+1:]...)
		}
		return at
	}
	at := f.end
	f.end += cols
	return at
}

func (f *freeList) put(off, cols int) {
	i := 0
	for i < len(f.holes) && f.holes[i].off < off {
		i++
	}
	f.holes = append(f.holes, hole{})
	copy(f.holes[i+1:], f.holes[i:])
	f.holes[i] = hole{off, cols}
	if i+1 < len(f.holes) && f.holes[i].off+f.holes[i].cols == f.holes[i+1].off {
		f.holes[i].cols += f.holes[i+1].cols
		f.holes = append(f.holes[:i+1], f.holes[i+2:]...)
	}
	if i > 0 && f.holes[i-1].off+f.holes[i-1].cols == f.holes[i].off {
		f.holes[i-1].cols += f.holes[i].cols
		f.holes = append(f.holes[:i], f.holes[i+1:]...)
	}
}
