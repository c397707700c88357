// Package layers has flow layers and the networks that condition them.
//
// A layer emits both directions of an invertible map as expressions, each with
// the logarithm of the absolute determinant of its own Jacobian, one per row;
// see flows.Layer. Coupling and autoregressive layers are one idea with
// different dependencies: a network turns what an element may depend on into
// parameters h, and a [Transformer] maps the element by them; the networks by themselves
// are [MLP] and [MADE]. [TwoSided] couples both halves, and [AllInOne] is a coupling, an
// affine map and a mixing of columns in one.
//
// Transformers are [Affine], [Additive], [VolumePreserving]; splines:
// [RationalQuadratic], [LinearSpline], [QuadraticSpline], [CubicSpline],
// [LinearRational]; on the circle [CircularSpline] and [Moebius]; and monotone maps
// computed from data to noise and solved for the other way: [LogisticMixture],
// [DeepSigmoidal], [DeepDenseSigmoidal], [UMNN], [SumOfSquares], [Bernstein],
// [Gaussianization]; [SinhArcsinh] has both ways. [PerColumn], [On] and [Flip] make
// one of others.
//
// [Acyclic] layers depend along any directed acyclic graph; [BlockAutoregressive],
// [Planar], [Radial] and [Sylvester] layers are maps of whole rows. Linear layers are
// [LU], [Triangular], [Householder] and the [Matrix] layers. A [Bijection] maps onto a
// set: positive numbers, an interval, ordered columns, a simplex, Cholesky factors.
//
// [Slice], [Abs] and [Max] are surjections: on the way from data to noise they forget
// columns, signs, or which column was the largest, and on the way back draw them.
// Turned round by [Invert], the first of them as [NewAugment], they add what is drawn
// to the data; [UniformDequantize] and [VariationalDequantize] so add noise to whole
// numbers. Densities are then lower bounds; see flows.Surjection.
//
// Every map takes a context where its inverse and determinant stay cheap with
// parameters that differ from row to row. In [Coupling], [Autoregressive], [Acyclic] and
// [BlockAutoregressive] layers it is a further input of the network; in the others,
// [Elementwise], [ActNorm], [BatchNorm], [Planar], [Radial], [Sylvester], [Householder],
// [Triangular] and [LU], the setting Context adds to the layer's parameters what a network
// of the context says, at first nothing. Permutations, [NewDCT], [NewHaar],
// [FixedAffine], [LogTails] and a [Bijection] have nothing to move. [NewQR],
// [NewSVD], [NewRotation] and [NewLowRank] take none: they would need a
// factorisation, an exponential or an inverse for each row, and are, with a context, a
// [Householder] layer before or after a [Triangular] one, or two around an [ActNorm].
//
// Constructors take, in this order, parameters, sizes, structure and settings;
// the zero value of a setting is its default. Mistakes in them are kept in the
// parameters and returned when a graph is compiled.
package layers
