package graph

import (
	"fmt"
	"slices"
)

// room is columns that are written, by blocks placed into them or in place of something
// that stood there, before they are read.
type room struct{ zeros }

func (r room) String() string { return fmt.Sprintf("room(%d)", r.d.c) }

// makeRoom gives each run of blocks that are placed into zeros some of its own, so
// that they can be computed there, and leaves out the zeros that nothing reads.
func makeRoom(p *plan) {
	before := map[*value][]*value{}
	for _, v := range p.values {
		if _, ok := v.k.(zeros); ok && v.body {
			v.split(before)
		}
	}
	p.insert(before)
	for _, v := range p.values {
		if z, ok := v.k.(zeros); ok && v.body && !v.isRead() {
			v.k = room{z}
		}
	}
}

// insert puts values before others, and numbers all anew.
func (p *plan) insert(before map[*value][]*value) {
	var values []*value
	for _, v := range p.values {
		values = append(append(values, before[v]...), v)
	}
	p.values = values
	for i, v := range p.values {
		v.id = i
	}
}

// split makes zeros for each user that places a block into v, but for the first, if
// only such users there are. They come before the block or, if that is older than v,
// before the user.
func (v *value) split(before map[*value][]*value) {
	var blocks []*value
	for _, u := range v.users {
		if u.placesInto(v) {
			blocks = append(blocks, u)
		}
	}
	if len(blocks) > 0 && len(blocks) == len(v.users) && len(v.outs) == 0 {
		blocks = blocks[1:]
	}
	for _, u := range blocks {
		z := v.columns(v.k, v.d, u)
		v.users = slices.DeleteFunc(v.users, func(x *value) bool { return x == u })
		at := u.in[1]
		if at.id < v.id {
			at = u
		}
		u.in[0] = z
		before[at] = append(before[at], z)
	}
}

// columns makes a value that reads nothing, of the layer and stage of v, for one user.
func (v *value) columns(k rule, d dims, user *value) *value {
	z := &value{k: k, d: d, scope: v.scope, pcs: v.pcs, stage: v.stage, body: true, users: []*value{user}}
	z.root = z
	return z
}

// placesInto reports whether v places a block that is not x into x.
func (v *value) placesInto(x *value) bool {
	_, ok := v.k.(place)
	return ok && v.body && v.in[0] == x && v.in[1] != x
}

// isRead reports whether any of the zeros v is read, by itself or between blocks.
func (v *value) isRead() bool {
	blocks := make([]bool, v.d.c) // columns that have one
	for x := v; x != nil; {
		var next *value
		if len(x.outs) > 0 && slices.Contains(blocks, false) {
			return true
		}
		for _, u := range x.users {
			switch {
			case next == nil && u.placesInto(x):
				next = u
			case u.readsAny(x, blocks):
				return true
			}
		}
		if next != nil {
			at := next.k.(place).at
			for c := range next.in[1].d.c {
				blocks[at+c] = true
			}
		}
		x = next
	}
	return false
}

// readsAny reports whether v reads a column of x that has no block yet.
func (v *value) readsAny(x *value, blocks []bool) bool {
	var reach Reach
	switch k := v.k.(type) {
	case zeros:
		return false
	case gather:
		return slices.ContainsFunc(k.idx, func(c int) bool { return !blocks[c] })
	case linear:
		reach = k.reach
	case clampedLinear:
		reach = k.reach
	}
	seen := len(blocks)
	if reach != nil && v.in[0] == x {
		seen = int(reach[len(reach)-1])
	}
	return slices.Contains(blocks[:seen], false)
}
