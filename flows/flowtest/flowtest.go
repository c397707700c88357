// Package flowtest checks that a layer is what it says: invertible, with the
// right log-determinants and gradients, finite, smooth, and the same whatever
// rows it is given together. It is for tests of layers, here and elsewhere:
//
//	flowtest.Run(t, flowtest.Case{Dim: 5, Make: func(p *graph.Params, dim int) flows.Layer {
//		return layers.NewActNorm(p, dim, layers.ActNormOptions{})
//	}})
//
// The checks follow what other libraries were found to test, and not to. Beyond
// [Wide] columns they look at fewer rows, and along a few directions instead of
// every column; Jacobians stay whole.
package flowtest

import (
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// Tolerances, relative to one plus the size of what is compared.
const (
	// RoundTripTol is for T⁻¹(T(u)) in float64, where a layer may lose digits to
	// slopes of e⁴.
	RoundTripTol = 1e-8
	// RoundTripTol32 is the same in float32.
	RoundTripTol32 = 5e-3
	// LogDetTol holds log-determinants against Jacobians by automatic
	// differentiation, exact but for rounding.
	LogDetTol = 1e-8
	// DifferenceTol holds derivatives against central differences of step 1e-6,
	// whose own error is about 1e-7.
	DifferenceTol = 2e-5
	// IdentityTol is how far from the identity a layer may begin.
	IdentityTol = 0.25
)

// Wide is the number of columns beyond which checks look at samples of rows and
// directions.
const Wide = 16

// Case is a layer to check.
type Case struct {
	// Make makes the layer.
	Make func(p *graph.Params, dim int) flows.Layer
	// Dim and Context are its numbers of columns.
	Dim, Context int
	// Spread is the standard deviation of the random parameters it is checked with;
	// default 0.5.
	Spread float64
	// Kinks are inputs where the slope of the layer or of a network's activation may
	// jump, so that differences there mean nothing: checks of derivatives are
	// looser for layers with such networks. ReLU networks have kinks everywhere.
	Kinks bool
	// Order, if set, is the order in which columns may depend on each other: in the
	// Jacobian of Inverse, columns of later elements are exactly zero.
	Order []int
	// Parents, if set, are the columns that each column may depend on, besides itself,
	// where that is not what an order says.
	Parents [][]int
	// FarFromIdentity says that the layer does not begin near the identity: a
	// permutation, or a scaling by design.
	FarFromIdentity bool
	// Points are further inputs for round trips and smoothness: knots, edges.
	Points []float64
	// Data and Noise are the sets the layer maps between, where they are not all rows
	// of real numbers.
	Data, Noise Set
	// NoiseDim is the number of columns on the side of the noise, for [RunSurjection];
	// default Dim.
	NoiseDim int

	shared map[graph.DType]*bench // between the checks of a Run
}

// Run makes all checks.
func Run(t *testing.T, c Case) {
	t.Helper()
	c.shared = map[graph.DType]*bench{}
	for _, check := range Checks {
		t.Run(check.Name, func(t *testing.T) {
			t.Helper()
			if err := check.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks are the checks by name.
var Checks = []struct {
	Name string
	Run  func(Case) error
}{
	{"RoundTrip", RoundTrip},
	{"LogDet", LogDet},
	{"Differences", Differences},
	{"Gradients", Gradients},
	{"Structure", Structure},
	{"Smooth", Smooth},
	{"Finite", Finite},
	{"Batching", Batching},
	{"Identity", Identity},
	{"Context", Context},
}
