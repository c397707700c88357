// Package layers has flow layers and the networks that condition them.
//
// A layer emits both directions of an invertible map as expressions, each with
// the logarithm of the absolute determinant of its own Jacobian, one per row;
// see flows.Layer. Coupling and autoregressive layers are one idea with
// different dependencies: a network turns what an element may depend on into
// parameters h, and a [Transformer] maps the element by them.
//
// Constructors take, in this order, parameters, sizes, structure and settings;
// the zero value of a setting is its default. Mistakes in them are kept in the
// parameters and returned when a graph is compiled.
package layers
