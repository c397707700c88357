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
// of the parameters, the others once for each tile, on any core. Sums over rows
// (the loss, the gradients of parameters) turn values with rows into values
// without. They are added in an order that does not depend on the number of
// cores, so the same data give the same bits on any machine of a kind.
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
package graph
