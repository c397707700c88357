package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// opCase builds an expression of x (rows), y (rows) and parameters.
type opCase struct {
	name  string
	build func(g *Graph, x, y, v, w Expr) Expr
	lo    float64 // smallest input, to stay in the domain
	twice bool
}

// x, y have 6 columns; v is a (1, 6) parameter, w a (4, 6) one.
var opCases = []opCase{
	{"add", func(_ *Graph, x, y, v, w Expr) Expr { return x.Add(y) }, -2, true},
	{"add row", func(_ *Graph, x, y, v, w Expr) Expr { return v.Add(x) }, -2, true},
	{"sub", func(_ *Graph, x, y, v, w Expr) Expr { return x.Sub(v).Mul(y) }, -2, true},
	{"mul col", func(_ *Graph, x, y, v, w Expr) Expr { return x.Slice(1, 2).Mul(y).Mul(v) }, -2, true},
	{"div", func(_ *Graph, x, y, v, w Expr) Expr { return x.Div(y).Add(v.Div(y)) }, 0.5, true},
	{"max min", func(_ *Graph, x, y, v, w Expr) Expr { return x.Max(v).Add(x.Min(y)) }, -2, false},
	{"where", func(_ *Graph, x, y, v, w Expr) Expr { return x.Less(y).Where(x.Square(), v.Mul(y)) }, -2, false},
	{"exp", func(_ *Graph, x, y, v, w Expr) Expr { return x.Exp() }, -2, true},
	{"log", func(_ *Graph, x, y, v, w Expr) Expr { return x.Log() }, 0.5, true},
	{"log1p", func(_ *Graph, x, y, v, w Expr) Expr { return x.Log1p() }, -0.5, true},
	{"expm1", func(_ *Graph, x, y, v, w Expr) Expr { return x.Expm1() }, -2, true},
	{"tanh", func(_ *Graph, x, y, v, w Expr) Expr { return x.Tanh() }, -2, true},
	{"sigmoid", func(_ *Graph, x, y, v, w Expr) Expr { return x.Sigmoid() }, -2, true},
	{"softplus", func(_ *Graph, x, y, v, w Expr) Expr { return x.Softplus() }, -2, true},
	{"erf", func(_ *Graph, x, y, v, w Expr) Expr { return x.Erf() }, -2, true},
	{"sin cos", func(_ *Graph, x, y, v, w Expr) Expr { return x.Sin().Add(y.Cos()) }, -2, true},
	{"sqrt", func(_ *Graph, x, y, v, w Expr) Expr { return x.Sqrt() }, 0.5, true},
	{"square", func(_ *Graph, x, y, v, w Expr) Expr { return x.Square() }, -2, true},
	{"recip", func(_ *Graph, x, y, v, w Expr) Expr { return x.Recip() }, 0.5, true},
	{"abs", func(_ *Graph, x, y, v, w Expr) Expr { return x.Abs().Mul(y) }, -2, true},
	{"relu", func(_ *Graph, x, y, v, w Expr) Expr { return x.ReLU().Mul(y) }, -2, true},
	{"sign step floor", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Sign().Add(x.Step()).Add(x.Floor()).Mul(x).Add(x.StopGrad().Scale(0))
	}, -2, false},
	{"affine", func(_ *Graph, x, y, v, w Expr) Expr { return x.Affine(3, -1).Neg().Mul(x) }, -2, true},
	{"clamp", func(_ *Graph, x, y, v, w Expr) Expr { return x.Clamp(-1, 1).Mul(y) }, -2, false},
	{"expand", func(g *Graph, x, y, v, w Expr) Expr { return v.Expand(x).Mul(x.Slice(2, 3).Expand(y)) }, -2, true},
	{"linear", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Linear(w, v.Slice(0, 4)).Tanh()
	}, -2, true},
	{"masked linear", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.MaskedLinear(w, Expr{}, Reach{0, 2, 2, 5}).Tanh().Concat2(y)
	}, -2, true},
	{"times", func(_ *Graph, x, y, v, w Expr) Expr { return x.Slice(1, 5).Times(w).Tanh().Mul(y) }, -2, true},
	{"outer", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.outer(y, nil).SumRows().Mul(v).Add(x)
	}, -2, true},
	{"columns", func(_ *Graph, x, y, v, w Expr) Expr { return x.Columns([]int{5, 0, 0, 2}).Mul(y.Slice(1, 5)) }, -2, true},
	{"stride", func(_ *Graph, x, y, v, w Expr) Expr { return x.Stride(1, 2).Mul(y.Slice(0, 3)) }, -2, true},
	{"concat", func(_ *Graph, x, y, v, w Expr) Expr {
		return Concat(x.Slice(0, 2), y, x.Square()).Square()
	}, -2, true},
	{"place", func(_ *Graph, x, y, v, w Expr) Expr { return x.Tanh().Place(2, y.Slice(0, 3).Square()).Mul(x) }, -2, true},
	{"repeat", func(_ *Graph, x, y, v, w Expr) Expr { return x.Slice(0, 2).Repeat(3).Mul(y) }, -2, true},
	{"sum groups", func(_ *Graph, x, y, v, w Expr) Expr { return x.Mul(y).SumGroups(2).Square() }, -2, true},
	{"sum cols", func(_ *Graph, x, y, v, w Expr) Expr { return x.Mul(y).SumCols().Square() }, -2, true},
	{"logsumexp", func(_ *Graph, x, y, v, w Expr) Expr { return x.LogSumExp(3).Mul(y.Slice(0, 2)) }, -2, true},
	{"softmax", func(_ *Graph, x, y, v, w Expr) Expr { return x.Softmax(2).Mul(y) }, -2, true},
	{"sum rows", func(_ *Graph, x, y, v, w Expr) Expr {
		m := x.SumRows().Scale(0.1)
		return x.Sub(m).Square().SumRows().Mul(y)
	}, -2, true},
	{"transpose", func(_ *Graph, x, y, v, w Expr) Expr { return x.Slice(0, 4).Linear(w.Transpose(), v).Square() }, -2, true},
	{"reshape", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Linear(w.Reshape(3, 8).TakeRows(1, 3).Reshape(2, 8).Slice(0, 6), Expr{})
	}, -2, true},
	{"tri inverse", func(g *Graph, x, y, v, w Expr) Expr {
		a := w.Slice(0, 4).Add(g.Constant(4, 4, []float64{3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3}))
		return x.Slice(0, 4).Linear(a.TriInverse(false), Expr{}).Add(y.Slice(0, 4).Linear(a.TriInverse(true), Expr{}))
	}, -2, true},
	{"spline", func(_ *Graph, x, y, v, w Expr) Expr {
		h := Concat(y, y.Square(), x.Sin()).Slice(0, 16)
		a, l := x.Slice(0, 2).Spline(h, Spline{Bins: 3, Bound: 1.5, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3})
		return a.Add(l.Scale(0.7))
	}, -2, false},
	{"spline inverse", func(_ *Graph, x, y, v, w Expr) Expr {
		h := Concat(y, y.Square(), x.Sin()).Slice(0, 16)
		a, l := x.Slice(0, 2).SplineInverse(h, Spline{Bins: 3, Bound: 1.5, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3})
		return a.Add(l.Scale(0.7))
	}, -2, false},
	{"atan", func(_ *Graph, x, y, v, w Expr) Expr { return x.Atan().Mul(y) }, -2, true},
	{"normal distribution", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Scale(3).LogNormalCDF().Add(y.Scale(20).Hazard()).Add(x.Exp().Neg().NormalQuantile())
	}, -2, true},
	{"dropout", func(_ *Graph, x, y, v, w Expr) Expr { return x.Mul(v).Dropout(0.4).Add(y.Tanh()).Dropout(0.2) }, -2, true},
	{"cumulative", func(_ *Graph, x, y, v, w Expr) Expr { return x.CumGroups(3).Square().Mul(y) }, -2, true},
	{"groups", func(_ *Graph, x, y, v, w Expr) Expr {
		return Concat(x, y, x).GroupLinear(3, w, v.Slice(0, 4)).Tanh().Mul(y.Columns([]int{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}))
	}, -2, true},
	{"expm", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Slice(0, 4).Linear(w.Slice(0, 4).Expm(), Expr{}).Mul(y.Slice(0, 4))
	}, -2, true},
	{"solve", func(_ *Graph, x, y, v, w Expr) Expr {
		return x.Solve(func(x Expr, args []Expr) (Expr, Expr) {
			g := x.Graph()
			s := g.Use(g.Params().ByName("v")).Softplus()
			a := args[0].Sigmoid().Mul(s)
			t := x.Tanh()
			return x.Add(a.Mul(t)), a.Mul(t.Square().Affine(-1, 1)).Log1p()
		}, y.Mul(v)).Mul(v)
	}, -2, true},
	{"gelu", func(_ *Graph, x, y, v, w Expr) Expr { return x.Scale(math.Sqrt2 / 2).Erf().Shift(1).Mul(x).Scale(0.5) }, -2, true},
}

func (e Expr) Concat2(o Expr) Expr { return Concat(e, o) }

type fixture struct {
	p       *Params
	v, w    *Param
	x, y    []float64
	rows    int
	program *Program
	g       *Graph
	loss    Expr
}

func build(t testing.TB, c opCase, dt DType, rows int, twice bool) *fixture {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(rows)))
	p := NewParams(dt, 3)
	f := &fixture{p: p, rows: rows}
	span := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = c.lo + (2-c.lo)*rng.Float64()
		}
		return out
	}
	f.v, f.w = p.New("v", 1, 6, Values(span(6))), p.New("w", 4, 6, Values(span(24)))
	f.x, f.y = span(6*rows), span(6*rows)
	g := NewFixed(p, Train, rows)
	f.g = g
	x, y := g.Rows("x", 6), g.Rows("y", 6)
	v, w := g.Use(f.v), g.Use(f.w)
	out := c.build(g, x, y, v, w)
	g.Output("out", out)
	f.loss = out.Mul(out.Shift(0.3)).SumRows().SumCols()
	if twice {
		var total Expr
		for i, d := range VJP(f.loss, g.Scalar(1), x, y, v, w) {
			if d.IsZero() {
				continue
			}
			s := d.Mul(d.Affine(0.25, float64(i+1))).SumCols()
			if s = s.SumRows(); total.IsZero() {
				total = s
			} else {
				total = total.Add(s)
			}
		}
		f.loss = total
	}
	g.Output("loss", f.loss)
	of := []Expr{x, y, v, w}
	for _, q := range p.Trainable()[2:] { // parameters that the case made
		of = append(of, g.Use(q))
	}
	for i, d := range g.Grad(f.loss, of...) {
		if !d.IsZero() {
			g.Output(fmt.Sprintf("grad%d", i), d)
		}
	}
	var err error
	f.program, err = g.Compile()
	require.NoError(t, err)
	return f
}

func (f *fixture) run(t testing.TB) (r *Run, rowsOut map[string][]float64) {
	t.Helper()
	r = f.program.NewRun()
	require.NoError(t, r.Bind("x", Rows{Float64: f.x}))
	require.NoError(t, r.Bind("y", Rows{Float64: f.y}))
	rowsOut = map[string][]float64{}
	for _, o := range f.g.outputs {
		if o.e.HasRows() {
			buf := make([]float64, f.rows*o.e.Cols())
			rowsOut[o.name] = buf
			require.NoError(t, r.Into(o.name, Rows{Float64: buf}))
		}
	}
	require.NoError(t, r.Do(context.Background(), f.rows))
	for _, o := range f.g.outputs {
		if !o.e.HasRows() {
			v, err := r.Value(o.name)
			require.NoError(t, err)
			rowsOut[o.name] = v
		}
	}
	return r, rowsOut
}

// The program and gorgonia's tape machine give the same values and gradients.
func TestTapeMachine(t *testing.T) {
	for _, c := range opCases {
		for _, rows := range []int{1, 37, 300} {
			for _, twice := range []bool{false, true} {
				if twice && !c.twice {
					continue
				}
				t.Run(fmt.Sprintf("%s/rows=%d/twice=%t", c.name, rows, twice), func(t *testing.T) {
					f := build(t, c, Float64, rows, twice)
					_, got := f.run(t)
					want := tape(t, f)
					for name, w := range want {
						requireClose(t, name, w, got[name], 1e-12)
					}
				})
			}
		}
	}
}

func tape(t testing.TB, f *fixture) map[string][]float64 {
	t.Helper()
	for _, in := range f.g.inputs {
		var v *tensor.Dense
		switch {
		case in.param != nil:
			v = in.param.value
		case in.kind == constInput:
			v = newDense(Float64, in.d.r, in.d.c)
			copyInto(v, in.value)
		case in.name == "x":
			v = tensor.New(tensor.WithShape(f.rows, 6), tensor.WithBacking(append([]float64(nil), f.x...)))
		default:
			v = tensor.New(tensor.WithShape(f.rows, 6), tensor.WithBacking(append([]float64(nil), f.y...)))
		}
		require.NoError(t, gorgonia.Let(in.node, v))
	}
	values := make([]gorgonia.Value, len(f.g.outputs))
	for i, o := range f.g.outputs {
		gorgonia.Read(o.e.node, &values[i])
	}
	m := gorgonia.NewTapeMachine(f.g.g)
	defer m.Close()
	require.NoError(t, m.RunAll())
	out := map[string][]float64{}
	for i, o := range f.g.outputs {
		switch d := values[i].Data().(type) {
		case []float64:
			out[o.name] = d
		case float64:
			out[o.name] = []float64{d}
		}
	}
	return out
}

func requireClose(t testing.TB, what string, want, got []float64, tol float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	scale := 1.0
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w))
	}
	for i := range want {
		if !(math.Abs(want[i]-got[i]) <= tol*scale) {
			t.Fatalf("%s[%d]: got %v, want %v (scale %v)", what, i, got[i], want[i], scale)
		}
	}
}

// Gradients agree with central differences of the loss.
func TestGradients(t *testing.T) {
	for _, c := range opCases {
		for _, twice := range []bool{false, true} {
			if twice && !c.twice {
				continue
			}
			t.Run(fmt.Sprintf("%s/twice=%t", c.name, twice), func(t *testing.T) {
				f := build(t, c, Float64, 5, twice)
				_, base := f.run(t)
				check := func(name string, get func() []float64, set func([]float64)) {
					grad, ok := base[name]
					if !ok {
						return
					}
					at := append([]float64(nil), get()...)
					scale := 1.0
					for _, g := range grad {
						scale = math.Max(scale, math.Abs(g))
					}
					for i := range at {
						const h = 1e-5
						moved := append([]float64(nil), at...)
						moved[i] = at[i] + h
						set(moved)
						_, up := f.run(t)
						moved[i] = at[i] - h
						set(moved)
						_, down := f.run(t)
						num := (up["loss"][0] - down["loss"][0]) / (2 * h)
						if math.Abs(num-grad[i]) > 2e-6*scale {
							t.Fatalf("%s[%d]: %v, by differences %v", name, i, grad[i], num)
						}
					}
					set(at)
				}
				check("grad0", func() []float64 { return f.x }, func(v []float64) { copy(f.x, v) })
				check("grad1", func() []float64 { return f.y }, func(v []float64) { copy(f.y, v) })
				check("grad2", f.v.Get, func(v []float64) { require.NoError(t, f.v.Set(v)) })
				check("grad3", f.w.Get, func(v []float64) { require.NoError(t, f.w.Set(v)) })
			})
		}
	}
}

// float32 programs agree with float64 ones.
func TestFloat32(t *testing.T) {
	for _, c := range opCases {
		if c.name == "sign step floor" {
			continue // jumps
		}
		t.Run(c.name, func(t *testing.T) {
			_, want := build(t, c, Float64, 67, false).run(t)
			_, got := build(t, c, Float32, 67, false).run(t)
			for name := range want {
				requireClose(t, name, want[name], got[name], 2e-4)
			}
		})
	}
}
