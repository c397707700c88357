package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// turned is weights the way a product over rows reads them.
type turned struct{ zeros }

func (turned) String() string { return "turned" }

// turn lays out weights for products of values with zeros once a program, where the
// parameters do not change from run to run. Else each shard does it for itself, a block at a
// time, which takes no memory.
func turn(p *plan) {
	if !kernel.HasRows() || p.g.once || len(p.g.assigns) > 0 {
		return
	}
	before, made := map[*value][]*value{}, map[*value]*value{}
	for _, v := range p.values {
		switch v.k.(type) {
		case linear, clampedLinear:
		default:
			continue
		}
		x, w := v.in[0], v.in[1]
		if !v.body || v.staircase() != nil || w.stage != 0 || !x.hasZeros() || w.d.r < fewColumns {
			continue
		}
		if !x.byRows && !v.byRows && min(w.d.r, w.d.c) < kernel.SparseLeast {
			continue
		}
		if made[w] == nil {
			d := dims{r: 1, c: p.turnedSize(w.d)}
			made[w] = &value{k: turned{zeros{d}}, in: []*value{w}, d: d, scope: v.scope, pcs: v.pcs}
			made[w].root = made[w]
			before[v] = append(before[v], made[w])
		}
		v.turned = made[w]
	}
	p.insert(before)
}

func (p *plan) turnedSize(w dims) int {
	if p.g.params.DType() == Float64 {
		return kernel.TurnedSize[float64](w.r, w.c)
	}
	return kernel.TurnedSize[float32](w.r, w.c)
}
