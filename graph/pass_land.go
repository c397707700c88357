package graph

// land lets a block of columns that is made only to be placed into another value
// be computed where it will stand. Placing it then moves nothing.
func land(p *plan) {
	for _, v := range p.values {
		k, ok := v.k.(place)
		if !ok || !v.body {
			continue
		}
		x, b := v.in[0], v.in[1]
		if canLand(b, x, v) {
			b.root, b.start, b.landed = x, k.at, true
		}
	}
}

// canLand reports whether b, placed into x by v, may be written into the columns
// of x early: nothing reads x after b is computed but v, and b is not made of x.
func canLand(b, x, v *value) bool {
	if !single(b, v) || b.k == nil || b.stage != v.stage || b.id < x.id {
		return false
	}
	if !x.body || x.k == nil || x.isView() || x.root != x || x.stage != v.stage || len(x.outs) > 0 {
		return false
	}
	for _, a := range b.in {
		if a.root == x {
			return false
		}
	}
	return onlyReader(x, b, v)
}

// onlyReader reports whether no value after b reads x, or a view of it, but v.
func onlyReader(x, b, v *value) bool {
	for _, u := range x.users {
		if u == v {
			continue
		}
		if u.id >= b.id || u.isView() && !onlyReader(u, b, v) {
			return false
		}
	}
	return true
}
