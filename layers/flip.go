package layers

import "github.com/gorgeflow/gorge/graph"

// Flip turns a transformer round: its Forward is t's Inverse.
type Flip struct{ T Transformer }

// Params is t's.
func (f Flip) Params() int { return f.T.Params() }

// Forward is t's Inverse.
func (f Flip) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return f.T.Inverse(u, h) }

// Inverse is t's Forward.
func (f Flip) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) { return f.T.Forward(x, h) }

func (f Flip) check() error { return checkInner(f.T) }
