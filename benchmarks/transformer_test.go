package benchmarks

import (
	"context"
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// transformers are timed in one coupling layer each, with the same conditioner.
var transformers = []struct {
	name string
	make func(p *graph.Params) layers.Transformer
}{
	{"affine", func(*graph.Params) layers.Transformer { return layers.Affine{} }},
	{"additive", func(*graph.Params) layers.Transformer { return layers.Additive{} }},
	{"rational-quadratic", func(*graph.Params) layers.Transformer { return layers.RationalQuadratic{} }},
	{"linear-spline", func(*graph.Params) layers.Transformer { return layers.LinearSpline{} }},
	{"quadratic-spline", func(*graph.Params) layers.Transformer { return layers.QuadraticSpline{} }},
	{"cubic-spline", func(*graph.Params) layers.Transformer { return layers.CubicSpline{} }},
	{"linear-rational", func(*graph.Params) layers.Transformer { return layers.LinearRational{} }},
	{"circular-spline", func(*graph.Params) layers.Transformer { return layers.CircularSpline{} }},
	{"moebius", func(*graph.Params) layers.Transformer { return layers.Moebius{} }},
	{"logistic-mixture", func(*graph.Params) layers.Transformer { return layers.LogisticMixture{} }},
	{"deep-sigmoidal", func(*graph.Params) layers.Transformer { return layers.DeepSigmoidal{} }},
	{"deep-dense-sigmoidal", func(*graph.Params) layers.Transformer { return layers.DeepDenseSigmoidal{} }},
	{"umnn", func(p *graph.Params) layers.Transformer { return layers.NewUMNN(p.In("umnn"), layers.UMNNOptions{}) }},
	{"sum-of-squares", func(*graph.Params) layers.Transformer { return layers.SumOfSquares{} }},
	{"bernstein", func(*graph.Params) layers.Transformer { return layers.Bernstein{} }},
	{"sinh-arcsinh", func(*graph.Params) layers.Transformer { return layers.SinhArcsinh{} }},
	{"gaussianization", func(*graph.Params) layers.Transformer { return layers.Gaussianization{} }},
}

// BenchmarkTransformer times the log-density with its gradients, and samples, of one
// coupling layer of six columns and hidden layers of 128 units, on 512 rows.
func BenchmarkTransformer(b *testing.B) {
	const rows, dim = 512, 6
	for _, t := range transformers {
		p := graph.NewParams(graph.Float32, 1)
		f := flows.New(flows.NewStandardNormal(p, dim), layers.NewCoupling(p, dim, layers.Even, t.make(p), layers.Net{Hidden: []int{128, 128}}, layers.CouplingOptions{}))
		train := graph.New(p, graph.Train)
		lp := f.LogProb(train.Rows("x", dim), graph.Expr{}).SumRows().Neg()
		train.Output("loss", lp)
		train.Minimize(lp)
		sample := graph.New(p, graph.Eval)
		sample.Output("x", f.Sample(sample, graph.Expr{}, 1))
		for name, g := range map[string]*graph.Graph{"train": train, "sample": sample} {
			prog, err := g.Compile()
			if err != nil {
				b.Fatal(err)
			}
			r := prog.NewRun()
			if name == "train" {
				if err := r.Bind("x", graph.Rows{Float64: normal(rows, dim).RawMatrix().Data}); err != nil {
					b.Fatal(err)
				}
			} else if err := r.Into("x", graph.Rows{Float32: make([]float32, rows*dim)}); err != nil {
				b.Fatal(err)
			}
			b.Run(name+"/transformer="+t.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := r.Do(context.Background(), rows); err != nil {
						b.Fatal(err)
					}
				}
				report(b, rows, 0)
			})
		}
	}
}
