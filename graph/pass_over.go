package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// splineOver is a spline that writes what its derivative wants again over its
// parameters; splineGradOver is that derivative. Arguments as of spline and splineGrad.
type (
	splineOver     struct{ spline }
	splineGradOver struct{ splineGrad }
)

func (o splineOver) String() string     { return o.spline.String() + "+over" }
func (o splineGradOver) String() string { return o.splineGrad.String() + "+over" }

// overwrite finds the splines whose parameters nothing else reads. The derivative is
// written over them, too, where both are in one stage: they get room for that of the
// argument before them.
func overwrite(p *plan) {
	if !kernel.HasSpline[float32]() {
		return
	}
	rooms := map[*value][]*value{}
	for _, v := range p.values {
		k, ok := v.k.(spline)
		if !ok || !v.body {
			continue
		}
		g, h := v.derivative(splineGrad(k)), v.in[1]
		if g == nil {
			continue
		}
		v.k, g.k = splineOver{k}, splineGradOver{splineGrad(k)}
		r := h.columns(room{zeros{g.d}}, g.d, h)
		h.root, h.start, h.landed = r, v.in[0].d.c, true
		rooms[h] = append(rooms[h], r)
	}
	p.insert(rooms)
}

// derivative is the user of a spline's parameters beside v, nil if it is not the
// derivative alone or the parameters are wanted for themselves or part of something else.
func (v *value) derivative(k splineGrad) *value {
	x, h := v.in[0], v.in[1]
	if x == h || h.k == nil || h.root != h || len(h.outs) > 0 || h.grad != nil || len(h.users) != 2 {
		return nil
	}
	for _, u := range h.users {
		if u != v && u.k == k && u.id > v.id && u.in[0] == x && u.in[1] == h && u.in[2] != h {
			return u
		}
	}
	return nil
}
