package flows

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// ClassConditional is a normal density with diagonal covariance for each class, or a
// mixture of several, as in the flow Gaussian mixture model of Izmailov et al. (2020),
// arXiv:1912.13025: layers that all classes share map them to noise of different kinds.
//
//	p(u | class k) = Σ_j w_kj N(u; m_kj, s_kj²)
//
// The class stands in the first columns of the context, one for each class, 1 in the
// column of the row's class and 0 in the others. Probabilities that add up to one are as
// good: a row without a label has those of the classes there, and the density is
// Σ_k c_k p(u | k). So the density of each class is had, and by Bayes' rule
//
//	p(k | x) = p(k) p(x | k) / Σ_l p(l) p(x | l)
//
// Layers that are to be the same for all classes must not be made for a context.
type ClassConditional struct {
	gaussians
	classes, each int
	index         bool
	logit         *graph.Param // of w; nil for one component
}

// ClassOptions are the settings of a [ClassConditional] base.
type ClassOptions struct {
	// Components is the number of Gaussians of each class; default 1.
	Components int
	// Index says that the context's first column is the number of the class, from 0, instead.
	// The density of other numbers is zero.
	Index bool
}

// NewClassConditional makes it of dim columns, with random means.
func NewClassConditional(p *graph.Params, dim, classes int, opts ClassOptions) *ClassConditional {
	dim = atLeastOne(p, dim)
	each := max(opts.Components, 1)
	if classes < 1 || opts.Components < 0 {
		p.Fail("flows: class-conditional base of %d classes, %d components: need at least one", classes, opts.Components)
		classes = 1
	}
	b := &ClassConditional{gaussians: newGaussians(p, dim, classes*each, 0), classes: classes, each: each, index: opts.Index}
	if each > 1 {
		b.logit = p.New("logits", 1, classes*each, nil)
	}
	return b
}

// Dim is the number of columns.
func (b *ClassConditional) Dim() int { return b.dim }

// class emits the probabilities of the classes.
func (b *ClassConditional) class(g *graph.Graph, context graph.Expr) graph.Expr {
	want := b.classes
	if b.index {
		want = 1
	}
	if context.Cols() < want {
		return g.Fail("base", "a context of %d columns, of which the class takes %d", context.Cols(), want)
	}
	c := context.Slice(0, want)
	if !b.index {
		return c
	}
	number := make([]float64, b.classes)
	for k := range number {
		number[k] = float64(k)
	}
	return c.Repeat(b.classes).Sub(g.Constant(1, b.classes, number)).Abs().Less(g.Scalar(0.5))
}

// LogProb is log Σ_k c_k p(u | k): -Inf for a row of no class.
func (b *ClassConditional) LogProb(u, context graph.Expr) graph.Expr {
	g := u.Graph()
	each := b.logProb(u, graph.Expr{})
	if b.logit != nil {
		l := g.Use(b.logit)
		each = each.Add(l).LogSumExp(b.each).Sub(l.LogSumExp(b.each))
	}
	c := b.class(g, context)
	any := c.SumCols().Step()
	c = any.Where(c, c.Zeros(b.classes).Shift(1)) // of no class: zero, by the last term
	return each.Add(c.Log()).LogSumExp(b.classes).Add(any.Log())
}

// Sample emits noise of the row's class; the temperature scales noise within
// components.
func (b *ClassConditional) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	c := b.class(g, context)
	if b.logit != nil {
		c = c.Repeat(b.each).Mul(g.Use(b.logit).Softmax(b.each))
	}
	return b.sample(g, choose(g, c), graph.Expr{}, temperature)
}

// Start sets each class to the clusters of its rows, those whose probability of the class
// is largest; a class without rows stays as it is.
func (b *ClassConditional) Start(u, context mat.Matrix, rng *rand.Rand) error {
	if err := checkStart(u, b.dim); err != nil {
		return err
	}
	n, _ := u.Dims()
	if context != nil {
		if r, _ := context.Dims(); r != n {
			return fmt.Errorf("flows: start of a base from %d rows, and contexts of %d", n, r)
		}
	}
	rows := make([][]int, b.classes)
	for i := range n {
		if k := b.of(context, i); k >= 0 {
			rows[k] = append(rows[k], i)
		}
	}
	mean, scale := b.mean.b.Get(), b.logScale.b.Get()
	logit := make([]float64, b.k)
	for k, r := range rows {
		if len(r) == 0 {
			continue
		}
		c := kMeans(rowsOf(u, r), b.each, rng)
		copy(logit[k*b.each:], c.logWeights())
		copy(mean[k*b.each*b.dim:], c.means)
		copy(scale[k*b.each*b.dim:], c.logScales())
	}
	err := errors.Join(b.mean.set(mean), b.logScale.set(scale))
	if b.logit != nil {
		err = errors.Join(err, b.logit.Set(logit))
	}
	return err
}

// of is the class of row i, -1 for none.
func (b *ClassConditional) of(context mat.Matrix, i int) int {
	if context == nil {
		return -1
	}
	_, cols := context.Dims()
	if b.index {
		if k := math.Round(context.At(i, 0)); k >= 0 && k < float64(b.classes) {
			return int(k)
		}
		return -1
	}
	best, at := 0.0, -1
	for k := range min(b.classes, cols) {
		if v := context.At(i, k); v > best {
			best, at = v, k
		}
	}
	return at
}

func rowsOf(x mat.Matrix, rows []int) mat.Matrix {
	_, cols := x.Dims()
	out := mat.NewDense(len(rows), cols, nil)
	for i, r := range rows {
		out.SetRow(i, mat.Row(nil, r, x))
	}
	return out
}
