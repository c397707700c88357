package models

import (
	"errors"
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/layers"
)

var errNoInteger = errors.New("variational dequantisation of no column: give the model a schema with integer columns without ends")

// dequantised is the flow for these columns: where Spec.Dequantise says so, with noise
// in the cells of integer columns whose density is learnt (layers.VariationalDequantize).
// Those columns then are no discrete ones to the rest of the package, but numbers in the
// middles of their cells.
func (m *Model) dequantised(cols []line) (*flows.Flow, error) {
	b, grid := m.made, layers.Grid{}
	for j := range cols {
		l := &cols[j]
		if _, ok := l.g.(whole); !ok || b.Dequantise != "variational" {
			continue
		}
		l.discrete = false
		grid.Columns = append(grid.Columns, j)
		grid.Origin = append(grid.Origin, (math.Round(l.mean)-l.mean)/l.scale)
		grid.Width = append(grid.Width, 1/l.scale)
	}
	n := len(grid.Columns)
	if n == 0 && b.noise == nil {
		return b.flow(), nil
	}
	if b.noise == nil {
		b.noise = b.noiseOf(n)
	}
	if k := b.noise.Base().Dim(); k != n {
		return nil, fmt.Errorf("%d integer columns without ends; the model has noise for %d", n, k)
	}
	l := layers.NewVariationalDequantize(m.params, b.data, grid, b.noise, b.context)
	return b.flow(l), m.params.Err()
}

// noiseOf is the density of the noise of n columns, in logits, given the row and the
// context (Ho et al. 2019, arXiv:1902.00275): logistic, which makes it uniform, through
// two couplings with splines, which leave its tails as they are.
func (b *builder) noiseOf(n int) *flows.Flow {
	p := b.p.In("dequantise")
	net := layers.Net{Hidden: []int{32, 32}, Activation: b.Activation, Saturate: 10}
	var ls []flows.Layer
	for i, split := range []layers.Split{layers.Even, layers.Odd} {
		ls = append(ls, layers.NewCoupling(p.In(fmt.Sprintf("layer%d", i)), n, split, layers.RationalQuadratic{Bound: 8}, net,
			layers.CouplingOptions{Context: b.data + b.context}))
	}
	return flows.New(flows.NewLogistic(p, n), ls...)
}
