package layers

import "github.com/gorgeflow/gorge/graph"

// VolumePreserving is the affine transformer of general incompressible-flow networks
// (Sorrenson et al. 2020, arXiv:2001.04872): the log-scales of the columns that a
// coupling layer maps add up to zero. It is for coupling layers alone.
type VolumePreserving struct {
	// Limit bounds the log-scales, before they are made to add up to zero, smoothly;
	// default 2.
	Limit float64
}

func (t VolumePreserving) check() error { return Affine{Limit: t.Limit}.check() }

// Params is 2.
func (VolumePreserving) Params() int { return 2 }

func (t VolumePreserving) parts(h graph.Expr) (m, logS graph.Expr) {
	m, logS = Affine{Limit: t.Limit}.parts(h)
	return m, logS.Sub(logS.SumCols().Scale(1 / float64(logS.Cols())))
}

// Forward maps noise to data.
func (t VolumePreserving) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	m, logS := t.parts(h)
	return u.Mul(logS.Exp()).Add(m), logS
}

// Inverse maps data to noise.
func (t VolumePreserving) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	m, logS := t.parts(h)
	return undo(x, m, logS)
}
