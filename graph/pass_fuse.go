package graph

// clampedLinear is a linear step with a clamp folded in: arguments as of linear.
type clampedLinear struct {
	linear
	lo, hi float64
}

func (c clampedLinear) String() string { return c.linear.String() + "+clamp" }

// gatedLinearT is a linearT step whose result is zero where the value behind its
// arguments does not lie between lo and hi: the derivative of that clamp.
type gatedLinearT struct {
	linearT
	lo, hi float64
}

func (c gatedLinearT) String() string { return c.linearT.String() + "+gate" }

// fuse folds clamps, and the gates that are their derivatives, into the products
// whose only user they are.
func fuse(p *plan) {
	gone := map[*value]bool{}
	for _, v := range p.values {
		if !v.body {
			continue
		}
		switch k := v.k.(type) {
		case unary:
			a := v.in[0]
			if l, ok := a.k.(linear); ok && k.kind == uClamp && single(a, v) && a.stage == v.stage {
				v.absorb(a)
				v.k, gone[a] = clampedLinear{l, k.a, k.b}, true
			}
		case binary:
			if k.kind != bMul {
				break
			}
			for i, a := range v.in {
				gate := v.in[1-i]
				l, ok := a.k.(linearT)
				g, ok2 := gate.k.(unary)
				if !ok || !ok2 || g.kind != uInside || a == gate || a.d.c != gate.d.c || !single(a, v) || !single(gate, v) || gate.in[0].d.c != a.d.c || !gate.in[0].body || a.stage != v.stage {
					continue
				}
				y := gate.in[0]
				v.absorb(a)
				v.in = append(v.in, y)
				y.replaceUser(gate, v)
				v.k, gone[a], gone[gate] = gatedLinearT{l, g.a, g.b}, true, true
				break
			}
		}
	}
	rest := p.values[:0]
	for _, v := range p.values {
		if !gone[v] {
			rest = append(rest, v)
		}
	}
	p.values = rest
	for i, v := range p.values {
		v.id = i
	}
}

// single reports whether user alone reads a value, once, and nothing else needs it.
func single(a, user *value) bool {
	return len(a.users) == 1 && a.users[0] == user && len(a.outs) == 0 && a.grad == nil && !a.isView()
}

// absorb takes over the arguments of a, which ends.
func (v *value) absorb(a *value) {
	v.in = append([]*value(nil), a.in...)
	for _, x := range a.in {
		x.replaceUser(a, v)
	}
}

func (v *value) replaceUser(old, now *value) {
	for i, u := range v.users {
		if u == old {
			v.users[i] = now
		}
	}
}
