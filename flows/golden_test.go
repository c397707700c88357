package flows_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio/npz"
	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Tolerances against values that other libraries computed in float64.
const (
	goldenTol     = 1e-10
	goldenGradTol = 1e-8
)

// golden is one file of another library's values.
type golden struct {
	arrays map[string][]float64
	shapes map[string][]int
	p      *graph.Params
	// from says, for each of our parameters, which of their numbers stands where.
	from   map[string][]place
	prefix string
	// tied says that several of ours are one of theirs, and that ours which are none of
	// theirs only happen to be zero.
	tied bool
}

// place is an element of one of their arrays.
type place struct {
	key string
	i   int
}

func loadGolden(t *testing.T, name string) *golden {
	t.Helper()
	r, err := npz.Open(filepath.Join("..", "testdata", "golden", name+".npz"))
	require.NoError(t, err)
	defer r.Close()
	g := &golden{arrays: map[string][]float64{}, shapes: map[string][]int{}, from: map[string][]place{}, prefix: "param/"}
	for _, k := range r.Keys() {
		h := r.Header(k)
		key := k[:len(k)-len(".npy")]
		g.shapes[key] = h.Descr.Shape
		switch strings.Trim(h.Descr.Type, "'") {
		case "<f8":
			var v []float64
			require.NoError(t, r.Read(k, &v))
			g.arrays[key] = v
		case "<i8":
			var v []int64
			require.NoError(t, r.Read(k, &v))
			for _, x := range v {
				g.arrays[key] = append(g.arrays[key], float64(x))
			}
		case "|b1":
		default:
			t.Fatalf("%s: %s has type %q", name, key, h.Descr.Type)
		}
	}
	return g
}

// set fills our parameter name from their matrix key: rows and cols say which of
// theirs each of ours is; nil is the same.
func (g *golden) set(name, key string, rows, cols []int) {
	shape := g.shapes["param/"+key]
	if shape == nil {
		shape = g.shapes["param0/"+key]
	}
	if len(shape) == 1 {
		shape = []int{shape[0], 1}
		if rows == nil && cols == nil { // a vector of ours is one row
			shape = []int{1, shape[0]}
		}
	}
	if rows == nil {
		rows = seq(0, shape[0])
	}
	if cols == nil {
		cols = seq(0, shape[1])
	}
	var from []place
	for _, r := range rows {
		for _, c := range cols {
			from = append(from, place{key, r*shape[1] + c})
		}
	}
	g.from[name] = from
}

func seq(lo, hi int) []int {
	var out []int
	for i := lo; i < hi; i++ {
		out = append(out, i)
	}
	return out
}

func (g *golden) load(t *testing.T) {
	t.Helper()
	for name, from := range g.from {
		q := g.p.ByName(name)
		require.NotNil(t, q, name)
		v := make([]float64, len(from))
		for i, f := range from {
			if f.key != "" {
				v[i] = g.arrays[g.prefix+f.key][f.i]
			}
		}
		require.NoError(t, q.Set(v), name)
	}
}

// names of the linear layers of their networks.
var (
	nflowsMLP  = []string{"_input_layer", "_hidden_layers.0", "_output_layer"}
	zukoMLP    = []string{"0", "2", "4"}
	nflowsMADE = []string{"initial_layer", "blocks.0.linear", "final_layer"}
)

func residualNames(blocks int) []string {
	out := []string{"initial_layer"}
	for b := range blocks {
		out = append(out, fmt.Sprintf("blocks.%d.linear_layers.0", b), fmt.Sprintf("blocks.%d.linear_layers.1", b))
	}
	return append(out, "final_layer")
}

// network maps a plain network: outs says which of their outputs each of ours is.
func (g *golden) network(ours, theirs string, names []string, outs []int) {
	for l, n := range names {
		name := fmt.Sprintf("%shidden%d", ours, l)
		var rows []int
		if l == len(names)-1 {
			name, rows = ours+"output", outs
		}
		g.set(name+".weight", theirs+n+".weight", rows, nil)
		g.set(name+".bias", theirs+n+".bias", rows, []int{0})
	}
}

// masked maps a masked network: units is the order in which we keep their
// hidden units, elements the order of the columns.
func (g *golden) masked(ours, theirs string, names []string, units [][]int, elements []int, per int) {
	var outs []int
	for _, e := range elements {
		outs = append(outs, seq(e*per, (e+1)*per)...)
	}
	cols := elements
	for l, n := range names {
		name := fmt.Sprintf("%shidden%d", ours, l)
		rows := outs
		if l < len(names)-1 {
			rows = units[min(l, len(units)-1)]
		} else {
			name = ours + "output"
		}
		g.set(name+".weight", theirs+n+".weight", rows, cols)
		g.set(name+".bias", theirs+n+".bias", rows, []int{0})
		cols = rows
	}
}

// madeDegrees are nflows' degrees of hidden units, and the order that sorts them.
func madeDegrees(hidden, dim int) (degrees, order []int) {
	d := make([]int, hidden)
	for k := range d {
		d[k] = k%max(1, dim-1) + min(1, dim-1)
	}
	return sorted(d)
}

func sorted(d []int) (degrees, order []int) {
	order = seq(0, len(d))
	sort.SliceStable(order, func(i, j int) bool { return d[order[i]] < d[order[j]] })
	for _, o := range order {
		degrees = append(degrees, d[o])
	}
	return degrees, order
}

// blocks interleaves parameters that stand as [first of all | second of all].
func blocks(n int) []int {
	var out []int
	for i := range n {
		out = append(out, i, n+i)
	}
	return out
}

func mask(m ...int) layers.Split {
	var cols []int
	for i, v := range m {
		if v == 1 {
			cols = append(cols, i)
		}
	}
	return layers.Transformed(cols...)
}

func flip(m []int) []int {
	out := make([]int, len(m))
	for i, v := range m {
		out[i] = 1 - v
	}
	return out
}

var (
	alternate5 = [][]int{{1, 0, 1, 0, 1}, {0, 1, 0, 1, 0}, {1, 0, 1, 0, 1}}
	alternate6 = [][]int{{1, 0, 1, 0, 1, 0}, {0, 1, 0, 1, 0, 1}}
	relu16     = layers.Net{Hidden: []int{16, 16}}
	// nflows' spline: slopes log 2 + 1e-3 at zero, logits over the root of 16 units.
	nflowsRQ  = layers.RationalQuadratic{Bins: 8, Bound: 3, ZeroSlope: -1}
	nflowsRQC = layers.RationalQuadratic{Bins: 8, Bound: 3, ZeroSlope: -1, LogitScale: 0.25}
	zukoRQ    = layers.RationalQuadratic{Bins: 8, Bound: 3, ExpSlope: true, SoftClip: math.Log(1000), MinWidth: -1, MinHeight: -1}
)

func count(m []int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// goldenCase builds the layers from data to noise.
type goldenCase struct {
	name    string
	dim     int
	context int
	mode    graph.Mode
	build   func(g *golden) []flows.Layer
}

var goldenCases = []goldenCase{
	{name: "nice_additive_nflows", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate5 {
			n := fmt.Sprintf("l%d", i)
			out = append(out, layers.NewCoupling(g.p.In(n), 5, mask(m...), layers.Additive{Data: true}, relu16, layers.CouplingOptions{}))
			g.network(n+".", fmt.Sprintf("%d.transform_net.net.", i), nflowsMLP, nil)
		}
		return out
	}},
	{name: "realnvp_affine_nflows", dim: 5, build: func(g *golden) []flows.Layer { return realnvpNflows(g, alternate5) }},
	{name: "realnvp_conditional_nflows", dim: 5, context: 3, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate5[:2] {
			n := fmt.Sprintf("l%d", i)
			theirs := fmt.Sprintf("%d.transform_net.net.", i)
			id := 5 - count(m)
			out = append(out, layers.NewCoupling(g.p.In(n), 5, mask(m...), layers.Affine{Scale: layers.ScaleSigmoid, Data: true},
				layers.Net{Hidden: []int{16}, Blocks: 1, GateContext: true}, layers.CouplingOptions{Context: 3}))
			g.network(n+".", theirs, residualNames(1), blocks(count(m)))
			g.set(n+".hidden0.weight", theirs+"initial_layer.weight", nil, seq(0, id))
			g.set(n+".context.weight", theirs+"initial_layer.weight", nil, seq(id, id+3))
			g.set(n+".gate0.weight", theirs+"blocks.0.context_layer.weight", nil, nil)
			g.set(n+".gate0.bias", theirs+"blocks.0.context_layer.bias", nil, nil)
		}
		return out
	}},
	{name: "realnvp_affine_zuko", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate5 {
			n := fmt.Sprintf("l%d", i)
			out = append(out, layers.NewCoupling(g.p.In(n), 5, mask(flip(m)...), layers.Affine{Scale: layers.ScaleSoftclip, Data: true}, relu16, layers.CouplingOptions{}))
			g.network(n+".", fmt.Sprintf("transform.transforms.%d.hyper.", i), zukoMLP, nil)
		}
		return out
	}},
	{name: "realnvp_affine_normflows", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i, k := range []int{2, 0} {
			n := fmt.Sprintf("l%d", i)
			out = append(out, layers.NewPermutation(g.p, []int{3, 4, 0, 1, 2}),
				layers.NewCoupling(g.p.In(n), 5, layers.FirstHalf, layers.Affine{Scale: layers.ScaleExp}, relu16, layers.CouplingOptions{}))
			g.network(n+".", fmt.Sprintf("flows.%d.flows.1.param_map.net.", k), zukoMLP, nil)
		}
		return out
	}},
	{name: "maf_nflows", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i := range 2 {
			out = append(out, layers.NewReverse(g.p, 5), madeNflows(g, fmt.Sprintf("l%d", i), fmt.Sprintf("%d.autoregressive_net.", 2*i+1), 5))
		}
		return out
	}},
	{name: "maf_conditional_nflows", dim: 5, context: 3, build: func(g *golden) []flows.Layer {
		d, order := madeDegrees(16, 5)
		l := layers.NewAutoregressive(g.p.In("l"), 5, layers.Affine{Scale: layers.ScaleSoftplus, Data: true, ScaleFirst: true},
			layers.Net{Hidden: []int{16, 16}, Degrees: d, ActivateContext: true}, layers.AutoregressiveOptions{Context: 3})
		g.masked("l.", "0.autoregressive_net.", nflowsMADE, [][]int{order}, seq(0, 5), 2)
		g.set("l.context.weight", "0.autoregressive_net.context_layer.weight", order, nil)
		g.set("l.context.bias", "0.autoregressive_net.context_layer.bias", order, []int{0})
		return []flows.Layer{l}
	}},
	{name: "maf_zuko", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}} {
			n, theirs := fmt.Sprintf("l%d", i), fmt.Sprintf("transform.transforms.%d.hyper.", i)
			// A unit's degree is the number of inputs it sees.
			first := g.arrays["buffer/"+theirs+"0.mask"]
			second := g.arrays["buffer/"+theirs+"2.mask"]
			d1, d2 := make([]int, 16), make([]int, 16)
			for u := range 16 {
				for c := range 5 {
					d1[u] += int(first[u*5+c])
				}
			}
			for u := range 16 {
				for v := range 16 {
					if second[u*16+v] != 0 {
						d2[u] = max(d2[u], d1[v])
					}
				}
			}
			degrees, units := sorted(d1)
			other, units2 := sorted(d2)
			if !slices.Equal(degrees, other) {
				panic("zuko's hidden layers have different degrees")
			}
			out = append(out, layers.NewAutoregressive(g.p.In(n), 5, layers.Affine{Scale: layers.ScaleSoftclip, Data: true},
				layers.Net{Hidden: []int{16, 16}, Degrees: degrees}, layers.AutoregressiveOptions{Order: order}))
			g.masked(n+".", theirs, zukoMLP, [][]int{units, units2}, order, 2)
		}
		return out
	}},
	{name: "maf_normflows", dim: 5, build: func(g *golden) (out []flows.Layer) {
		for i, k := range []int{1, 0} {
			n := fmt.Sprintf("l%d", i)
			d, order := madeDegrees(16, 5)
			out = append(out, layers.NewAutoregressive(g.p.In(n), 5, layers.Affine{Scale: layers.ScaleSigmoid, Data: true, ScaleFirst: true},
				layers.Net{Hidden: []int{16}, Blocks: 1, Degrees: d}, layers.AutoregressiveOptions{}))
			g.masked(n+".", fmt.Sprintf("flows.%d.flow.autoregressive_net.", k), residualNames(1), [][]int{order}, seq(0, 5), 2)
		}
		return out
	}},
	{name: "rqs_coupling_nflows", dim: 6, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate6 {
			out = append(out, rqsNflows(g, fmt.Sprintf("l%d", i), fmt.Sprintf("%d.", i), m, 2, false))
		}
		return out
	}},
	{name: "rqs_coupling_uncond_nflows", dim: 6, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate6 {
			out = append(out, rqsNflows(g, fmt.Sprintf("l%d", i), fmt.Sprintf("%d.", i), m, 2, true))
		}
		return out
	}},
	{name: "rqs_ar_nflows", dim: 6, build: func(g *golden) (out []flows.Layer) {
		for i := range 2 {
			n := fmt.Sprintf("l%d", i)
			d, order := madeDegrees(16, 6)
			out = append(out, layers.NewReverse(g.p, 6),
				layers.NewAutoregressive(g.p.In(n), 6, nflowsRQ, layers.Net{Hidden: []int{16}, Blocks: 1, Degrees: d}, layers.AutoregressiveOptions{}))
			g.masked(n+".", fmt.Sprintf("%d.autoregressive_net.", 2*i+1), residualNames(1), [][]int{order}, seq(0, 6), 23)
		}
		return out
	}},
	{name: "rqs_coupling_zuko", dim: 6, build: func(g *golden) (out []flows.Layer) {
		for i, m := range alternate6 {
			n := fmt.Sprintf("l%d", i)
			out = append(out, layers.NewCoupling(g.p.In(n), 6, mask(flip(m)...), zukoRQ, relu16, layers.CouplingOptions{}))
			g.network(n+".", fmt.Sprintf("transform.transforms.%d.hyper.", i), zukoMLP, nil)
		}
		return out
	}},
	{name: "lu_linear_nflows", dim: 5, build: func(g *golden) []flows.Layer {
		return []flows.Layer{luNflows(g, "l0", "0.", 5), luNflows(g, "l1", "1.", 5)}
	}},
	{name: "lu_linear_zuko", dim: 5, build: func(g *golden) []flows.Layer {
		const matrix = "transform.transforms.0._0" // both triangles in one
		l := layers.NewLU(g.p.In("l"), 5, layers.LUOptions{Diagonal: layers.DiagSigned, DiagLower: true, MinDiag: -1, NoBias: true})
		g.triangle("l.lower", matrix, 5, func(i, j int) bool { return j < i })
		g.triangle("l.upper", matrix, 5, func(i, j int) bool { return j > i })
		for i := range 5 {
			g.from["l.diagonal"] = append(g.from["l.diagonal"], place{matrix, i*5 + i})
		}
		return []flows.Layer{l}
	}},
	{name: "plu_linear_normflows", dim: 5, build: func(g *golden) []flows.Layer {
		// z = x P L U, as columns Uᵀ Lᵀ Pᵀ x.
		p, order := g.arrays["buffer/flows.0.P"], make([]int, 5)
		for i := range 5 {
			for j := range 5 {
				if p[j*5+i] != 0 {
					order[i] = j
				}
			}
		}
		l := layers.NewLU(g.p.In("l"), 5, layers.LUOptions{Diagonal: layers.DiagExp, DiagLower: true, NoBias: true, Signs: g.arrays["buffer/flows.0.sign_S"]})
		g.transposed("l.lower", "flows.0.U", 5, func(i, j int) bool { return j < i })
		g.transposed("l.upper", "flows.0.L", 5, func(i, j int) bool { return j > i })
		g.set("l.diagonal", "flows.0.log_S", nil, nil)
		return []flows.Layer{flows.New(flows.NewStandardNormal(g.p, 5), l, layers.NewPermutation(g.p, order))}
	}},
	{name: "glow_block_normflows", dim: 64, build: glowBlock},
	{name: "actnorm_nflows", dim: 5, build: func(g *golden) []flows.Layer {
		l := layers.NewActNorm(g.p.In("l"), 5, layers.ActNormOptions{Limit: -1, ShiftAfter: true, Unbiased: true, Epsilon: -1})
		g.set("l.log_scale", "0.log_scale", nil, nil)
		g.set("l.shift", "0.shift", nil, nil)
		return []flows.Layer{l}
	}},
	{name: "actnorm_normflows", dim: 5, build: func(g *golden) []flows.Layer {
		// z = (x - t) exp(-s)
		l := layers.NewActNorm(g.p.In("l"), 5, layers.ActNormOptions{Limit: -1, Unbiased: true, Epsilon: 1e-6})
		g.negate("flows.0.s", "flows.0.t")
		g.set("l.log_scale", "flows.0.s", nil, nil)
		g.set("l.shift", "flows.0.t", nil, nil)
		return []flows.Layer{l}
	}},
	{name: "batchnorm_train_nflows", dim: 5, mode: graph.Train, build: func(g *golden) []flows.Layer { return []flows.Layer{batchnormNflows(g, "l", "0.", 5)} }},
	{name: "batchnorm_eval_nflows", dim: 5, build: func(g *golden) []flows.Layer {
		l := batchnormNflows(g, "l", "0.", 5)
		g.arrays["param/m"], g.arrays["param/v"] = g.arrays["buffer/0.running_mean"], g.arrays["buffer/0.running_var"]
		g.shapes["param/m"], g.shapes["param/v"] = []int{5}, []int{5}
		g.set("l.running_mean", "m", nil, nil)
		g.set("l.running_variance", "v", nil, nil)
		return []flows.Layer{l}
	}},
	{name: "permutation_nflows", dim: 5, build: func(g *golden) []flows.Layer {
		return []flows.Layer{layers.NewReverse(g.p, 5), layers.NewPermutation(g.p, []int{4, 1, 3, 2, 0})}
	}},
	{name: "nsf_complete_nflows", dim: 6, build: func(g *golden) (out []flows.Layer) {
		perms := [][]int{{3, 2, 1, 4, 0, 5}, {2, 3, 0, 1, 4, 5}, {3, 5, 2, 1, 0, 4}}
		for i, m := range alternate6 {
			out = append(out, layers.NewPermutation(g.p, perms[i]), luNflows(g, fmt.Sprintf("lu%d", i), fmt.Sprintf("%d.", 3*i+1), 6),
				rqsNflows(g, fmt.Sprintf("c%d", i), fmt.Sprintf("%d.", 3*i+2), m, 1, true))
		}
		return append(out, layers.NewPermutation(g.p, perms[2]), luNflows(g, "lu2", "7.", 6))
	}},
	{name: "maf_batchnorm_train_nflows", dim: 6, mode: graph.Train, build: func(g *golden) (out []flows.Layer) {
		for i := range 2 {
			out = append(out, madeNflows(g, fmt.Sprintf("l%d", i), fmt.Sprintf("%d.autoregressive_net.", 3*i), 6),
				batchnormNflows(g, fmt.Sprintf("b%d", i), fmt.Sprintf("%d.", 3*i+1), 6), layers.NewReverse(g.p, 6))
		}
		return out
	}},
}

func realnvpNflows(g *golden, masks [][]int) (out []flows.Layer) {
	for i, m := range masks {
		n := fmt.Sprintf("l%d", i)
		out = append(out, layers.NewCoupling(g.p.In(n), len(m), mask(m...), layers.Affine{Scale: layers.ScaleSigmoid, Data: true}, relu16, layers.CouplingOptions{}))
		g.network(n+".", fmt.Sprintf("%d.transform_net.net.", i), nflowsMLP, blocks(count(m)))
	}
	return out
}

func madeNflows(g *golden, ours, theirs string, dim int) flows.Layer {
	d, order := madeDegrees(16, dim)
	l := layers.NewAutoregressive(g.p.In(ours), dim, layers.Affine{Scale: layers.ScaleSoftplus, Data: true, ScaleFirst: true},
		layers.Net{Hidden: []int{16, 16}, Degrees: d}, layers.AutoregressiveOptions{})
	g.masked(ours+".", theirs, nflowsMADE, [][]int{order}, seq(0, dim), 2)
	return l
}

func rqsNflows(g *golden, ours, theirs string, m []int, nblocks int, identity bool) flows.Layer {
	var o layers.CouplingOptions
	if identity {
		o.Identity = nflowsRQ
	}
	l := layers.NewCoupling(g.p.In(ours), len(m), mask(m...), nflowsRQC, layers.Net{Hidden: []int{16}, Blocks: nblocks}, o)
	g.network(ours+".", theirs+"transform_net.", residualNames(nblocks), nil)
	if identity {
		var from []place
		for e := range len(m) - count(m) {
			for _, part := range []struct {
				key string
				n   int
			}{{"widths", 8}, {"heights", 8}, {"derivatives", 7}} {
				for i := range part.n {
					from = append(from, place{theirs + "unconditional_transform.unnormalized_" + part.key, e*part.n + i})
				}
			}
		}
		g.from[ours+".identity.parameters"] = from
	}
	return l
}

func luNflows(g *golden, ours, theirs string, dim int) flows.Layer {
	l := layers.NewLU(g.p.In(ours), dim, layers.LUOptions{})
	lower, upper := make([]place, dim*dim), make([]place, dim*dim)
	a, b := 0, 0
	for i := range dim {
		for j := range dim {
			switch {
			case j < i:
				lower[i*dim+j] = place{theirs + "lower_entries", a}
				a++
			case j > i:
				upper[i*dim+j] = place{theirs + "upper_entries", b}
				b++
			}
		}
	}
	g.from[ours+".lower"], g.from[ours+".upper"] = lower, upper
	g.set(ours+".diagonal", theirs+"unconstrained_upper_diag", nil, nil)
	g.set(ours+".bias", theirs+"bias", nil, nil)
	return l
}

// triangle takes the elements of a square matrix for which in holds.
func (g *golden) triangle(ours, theirs string, n int, in func(i, j int) bool) {
	from := make([]place, n*n)
	for i := range n {
		for j := range n {
			if in(i, j) {
				from[i*n+j] = place{theirs, i*n + j}
			}
		}
	}
	g.from[ours] = from
}

// transposed is triangle of the transposed matrix.
func (g *golden) transposed(ours, theirs string, n int, in func(i, j int) bool) {
	from := make([]place, n*n)
	for i := range n {
		for j := range n {
			if in(i, j) {
				from[i*n+j] = place{theirs, j*n + i}
			}
		}
	}
	g.from[ours] = from
}

// negate turns the sign of parameters of theirs and of their gradients.
func (g *golden) negate(keys ...string) {
	for _, k := range keys {
		for _, part := range []string{"param/", "grad/"} {
			for i, v := range g.arrays[part+k] {
				g.arrays[part+k][i] = -v
			}
		}
	}
}

// A start from the rows of the data gives the parameters of the peers' own.
func TestGoldenActNormStart(t *testing.T) {
	for _, c := range goldenCases {
		if !strings.HasPrefix(c.name, "actnorm") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			g := loadGolden(t, c.name)
			g.p = graph.NewParams(graph.Float64, 1)
			ls := c.build(g)
			require.NoError(t, g.p.Err())
			c.mode = graph.Start
			out := g.run(t, c, ls, "init_x", g.arrays["init_x"], func(flow *flows.Flow, gr *graph.Graph, in, ctx graph.Expr) {
				u, _ := flow.Inverse(in, ctx)
				gr.Output("init_out", u)
			})
			if want := g.arrays["init_out"]; want != nil {
				requireNear(t, "init_out", want, out["init_out"], goldenTol)
			}
			for name, from := range g.from {
				for i, v := range g.p.ByName(name).Get() {
					require.InDelta(t, g.arrays["param/"+from[i].key][from[i].i], v, goldenTol, "%s[%d]", name, i)
				}
			}
		})
	}
}

func batchnormNflows(g *golden, ours, theirs string, dim int) flows.Layer {
	l := layers.NewBatchNorm(g.p.In(ours), dim, layers.BatchNormOptions{SoftplusGamma: true, Unbiased: true})
	g.set(ours+".gamma", theirs+"unconstrained_weight", nil, nil)
	g.set(ours+".beta", theirs+"bias", nil, nil)
	return l
}

func reversed(l []flows.Layer) []flows.Layer {
	out := slices.Clone(l)
	slices.Reverse(out)
	return out
}

// Values, log-determinants and gradients agree with other libraries', layer by
// layer and as a whole, in both directions, far outside the splines too.
func TestGolden(t *testing.T) {
	for _, c := range goldenCases {
		t.Run(c.name, func(t *testing.T) {
			g := loadGolden(t, c.name)
			g.p = graph.NewParams(graph.Float64, 1)
			ls := c.build(g)
			require.NoError(t, g.p.Err())
			g.load(t)
			x := g.arrays["x"]
			got := g.run(t, c, ls, "x", x, func(flow *flows.Flow, gr *graph.Graph, in, ctx graph.Expr) {
				lp := flow.LogProb(in, ctx)
				gr.Output("log_prob", lp)
				u, ld := flow.Inverse(in, ctx)
				gr.Output("z", u)
				gr.Output("logabsdet", ld)
				loss := lp.SumRows().Scale(-1 / float64(len(x)/c.dim))
				gr.Output("nll_mean", loss)
				out := in
				for i, l := range ls {
					var ld graph.Expr
					out, ld = l.Inverse(out, ctx)
					gr.Output(fmt.Sprintf("layer%d/out", i), out)
					gr.Output(fmt.Sprintf("layer%d/logabsdet", i), ld)
				}
				gr.Output("grad_x", graph.VJP(loss, gr.Scalar(1), in)[0])
				if len(gr.Params().Trainable()) > 0 {
					gr.Minimize(loss)
				}
			})
			for name, v := range got {
				want, ok := g.arrays[name]
				require.True(t, ok, name)
				tol := goldenTol
				if name == "grad_x" {
					tol = goldenGradTol
					if c.name == "rqs_coupling_zuko" {
						skipLowerEdge(x, c.dim, want, v)
					}
				}
				requireNear(t, name, want, v, tol)
			}
			g.checkGrads(t)
			if zin := g.arrays["z_in"]; zin != nil && c.mode == graph.Eval {
				got := g.run(t, c, ls, "z_in", zin, func(flow *flows.Flow, gr *graph.Graph, in, ctx graph.Expr) {
					y, ld := flow.Forward(in, ctx)
					gr.Output("x_from_z", y)
					gr.Output("logabsdet_inv", ld)
				})
				requireNear(t, "x_from_z", g.arrays["x_from_z"], got["x_from_z"], 1e-9)
				requireNear(t, "logabsdet_inv", g.arrays["logabsdet_inv"], got["logabsdet_inv"], 1e-9)
			}
			if far := g.arrays["x_far"]; far != nil {
				got := g.run(t, c, ls, "x_far", far, func(flow *flows.Flow, gr *graph.Graph, in, ctx graph.Expr) {
					y, ld := flow.Inverse(in, ctx)
					gr.Output("z_far", y)
					gr.Output("logabsdet_far", ld)
				})
				requireNear(t, "z_far", g.arrays["z_far"], got["z_far"], goldenTol)
				requireNear(t, "logabsdet_far", g.arrays["logabsdet_far"], got["logabsdet_far"], goldenTol)
			}
		})
	}
}

// skipLowerEdge leaves out the gradients of rows that stand exactly on the lower
// edge of the box, where the slope of the log-determinant jumps: zuko takes the
// gradient from outside, we and nflows from inside.
func skipLowerEdge(x []float64, dim int, want, got []float64) {
	for i := range x {
		if x[i] == -3 {
			row := i / dim * dim
			copy(got[row:row+dim], want[row:row+dim])
		}
	}
}

// run evaluates what build asks for on rows of x.
func (g *golden) run(t *testing.T, c goldenCase, ls []flows.Layer, input string, x []float64, build func(*flows.Flow, *graph.Graph, graph.Expr, graph.Expr)) map[string][]float64 {
	t.Helper()
	gr := graph.New(g.p, c.mode)
	in := gr.Rows(input, c.dim)
	var ctx graph.Expr
	if c.context > 0 {
		ctx = gr.Rows("context", c.context)
	}
	build(flows.New(flows.NewStandardNormal(g.p, c.dim), reversed(ls)...), gr, in, ctx)
	prog, err := gr.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	rows := len(x) / c.dim
	require.NoError(t, r.Bind(input, graph.Rows{Float64: x}))
	if c.context > 0 {
		require.NoError(t, r.Bind("context", graph.Rows{Float64: g.arrays["context"]}))
	}
	out := map[string][]float64{}
	for _, o := range gr.Outputs() {
		if o.Expr.HasRows() {
			out[o.Name] = make([]float64, rows*o.Expr.Cols())
			require.NoError(t, r.Into(o.Name, graph.Rows{Float64: out[o.Name]}))
		}
	}
	require.NoError(t, r.Do(context.Background(), rows))
	for _, o := range gr.Outputs() {
		if !o.Expr.HasRows() {
			out[o.Name], err = r.Value(o.Name)
			require.NoError(t, err)
		}
	}
	return out
}

func (g *golden) checkGrads(t *testing.T) {
	t.Helper()
	if g.tied {
		g.checkTiedGrads(t)
		return
	}
	for name, from := range g.from {
		q := g.p.ByName(name)
		if !q.IsTrainable() {
			continue
		}
		for i, v := range q.GetGrad() {
			want := 0.0
			if from[i].key != "" {
				want = g.arrays["grad/"+from[i].key][from[i].i]
			}
			if math.Abs(v-want) > goldenGradTol*(1+math.Abs(want)) {
				t.Fatalf("gradient of %s[%d] (%s): got %v, want %v", name, i, from[i].key, v, want)
			}
		}
	}
}

// checkTiedGrads compares the sums of our gradients of each number of theirs.
func (g *golden) checkTiedGrads(t *testing.T) {
	t.Helper()
	sums := map[string][]float64{}
	for name, from := range g.from {
		for i, v := range g.p.ByName(name).GetGrad() {
			if k := from[i].key; k != "" {
				if sums[k] == nil {
					sums[k] = make([]float64, len(g.arrays["grad/"+k]))
				}
				sums[k][from[i].i] += v
			}
		}
	}
	for k, v := range sums {
		requireNear(t, "gradient of "+k, g.arrays["grad/"+k], v, goldenGradTol)
	}
}

func requireNear(t *testing.T, name string, want, got []float64, tol float64) {
	t.Helper()
	require.Len(t, got, len(want), name)
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol*(1+math.Abs(want[i]))) {
			t.Fatalf("%s[%d]: got %v, want %v", name, i, got[i], want[i])
		}
	}
}
