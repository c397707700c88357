package graph_test

import (
	"context"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// A program without any flow: least squares by gradient descent.
func Example() {
	// Construct: parameters.
	p := graph.NewParams(graph.Float64, 1)
	w, b := p.New("w", 1, 2, graph.Gaussian(0.1)), p.New("b", 1, 1, nil)

	// Build: inputs have one row for each sample, the loss has a single element.
	g := graph.New(p, graph.Train)
	x, y := g.Rows("x", 2), g.Rows("y", 1)
	predicted := x.Linear(g.Use(w), g.Use(b))
	loss := predicted.Sub(y).Square().SumRows()
	g.Output("predicted", predicted)
	g.Output("loss", loss)
	g.Minimize(loss)

	// Compile: mistakes made above are returned here.
	program, err := g.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}

	// Run: rows in, rows out; gradients are left in the parameters.
	rows := []float64{1, 2, 3, 4, -1, 0, 2, 2}
	wanted := []float64{5, 11, -1, 6} // x₁ + 2x₂
	out := make([]float64, 4)
	run := program.NewRun()
	for _, err := range []error{
		run.Bind("x", graph.Rows{Float64: rows}),
		run.Bind("y", graph.Rows{Float64: wanted}),
		run.Into("predicted", graph.Rows{Float64: out}),
	} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for range 2000 {
		if err := run.Do(context.Background(), 4); err != nil {
			fmt.Println(err)
			return
		}
		for _, q := range p.Trainable() {
			value, gradient := q.Float64()
			for i := range value {
				value[i] -= 0.01 * gradient[i]
			}
		}
		p.Changed()
	}
	fmt.Printf("w %.3f  b %.3f  loss %.3f  predicted %.3f\n", w.Get(), b.Get(), run.Number("loss"), out)

	// A mistake: v has three columns, w two.
	g = graph.New(p, graph.Eval)
	g.Output("wrong", g.Rows("v", 3).Linear(g.Use(w), graph.Expr{}))
	_, err = g.Compile()
	fmt.Println(err)
	// Output:
	// w [1.000 2.000]  b [0.000]  loss 0.000  predicted [5.000 11.000 -1.000 6.000]
	// graph: example_test.go:64: linear: input (rows, 3) and weights (1, 2): columns differ
}
