// Package graph turns formulas into programs.
//
// It is the only package of this module that makes gorgonia nodes, knows
// float32 from float64, or runs anything. Work goes through four phases:
//
//	construct   Params hold every parameter: name, value, initialiser
//	build       a Graph collects expressions: inputs, operations, outputs
//	compile     Graph.Compile makes a Program; the first mistake made while
//	            building is returned here, with its file and line
//	run         a Run of the Program binds rows of data and evaluates them
//
// # Values and rows
//
// Every value is a matrix. It either has rows, one for each sample of data, or
// it has none: parameters, and what is made of parameters alone. The number of
// rows is not part of a program; data of any length is a number of tiles.
// Operations whose arguments all lack rows are evaluated once for each change
// of the parameters, on all cores where they are much work, the others once for each
// tile of 128 rows, or of 256 where a program has no sums over rows and little for each
// row, on any core; of those that take long, cores that have nothing else to do take a part. Sums over rows
// (the loss, the gradients of parameters) turn values with rows into values
// without. They are added in an order that does not depend on the number of
// cores, so the same data give the same bits on any machine of a kind.
//
// # Zeros
//
// Behind a rectifier ([Expr.ReLU], or a clamp at zero) about half of the elements are zero,
// and so are gradients that pass it backwards. With AVX-512, and for float32 with AVX2,
// products without a staircase leave them out where the layers are wide (from 96 columns on in
// multiples of 16, from 192 on in any number) and zeros many (30 % or more), so that they take
// fewer multiplications than there are weights. As long as these are finite, the numbers are
// those of products that do not.
//
// # Broadcasting
//
// Elementwise operations broadcast: a value without rows and of one row (1, c)
// stands beside each row of a value with rows, and a single column (n, 1)
// stands beside each column.
//
// # Differentiation
//
// Every operation is a gorgonia.Op with a symbolic derivative made of the same
// operations. [Graph.Grad] has gorgonia differentiate a loss; [VJP] emits a
// vector–Jacobian product that can itself be part of a formula.
//
// # A program
//
// In short, of a loss that is to be minimised over w; the package's example is the whole
// of it:
//
//	p := graph.NewParams(graph.Float32, 1)
//	w := p.New("w", 1, 2, graph.Gaussian(0.1))
//	g := graph.New(p, graph.Train)
//	loss := g.Rows("x", 2).Linear(g.Use(w), graph.Expr{}).Square().SumRows()
//	g.Output("loss", loss)
//	g.Minimize(loss)
//	program, err := g.Compile()
//	...
//	run := program.NewRun()
//	err = run.Bind("x", graph.Rows{Float32: rows})
//	err = run.Do(ctx, n)                  // of n rows
//	value, gradient := w.Float32()        // to be changed in place
//	p.Changed()                           // after which programs are told
//	fmt.Println(run.Number("loss"))
package graph
