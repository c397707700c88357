package layers

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Transformer maps each element by parameters h of its own, monotonically. The
// Params numbers of one element stand together in h: h.Stride(k, Params()) is number k
// of each. Zeros are (near) the identity. LogSlope, of one column for each element, is
// log|∂/∂element| of the map that the method computes.
type Transformer interface {
	Params() int
	Forward(u, h graph.Expr) (x, logSlope graph.Expr)
	Inverse(x, h graph.Expr) (u, logSlope graph.Expr)
}

// orDefault is d for zero and zero for a negative v.
func orDefault(v, d float64) float64 {
	switch {
	case v == 0:
		return d
	case v < 0:
		return 0
	}
	return v
}

// checkAlone checks a transformer of columns that are not mapped all at once.
func checkAlone(t Transformer) error {
	if err := checkTransformer(t); err != nil {
		return err
	}
	if together(t) {
		return fmt.Errorf("a %T maps columns together: it is for coupling layers", t)
	}
	return nil
}

// together says whether how a transformer maps a column depends on the parameters of
// others.
func together(t Transformer) bool {
	switch t := t.(type) {
	case VolumePreserving:
		return true
	case Flip:
		return together(t.T)
	case On:
		return together(t.T)
	case PerColumn:
		return slices.ContainsFunc(t, together)
	}
	return false
}

func checkTransformer(t Transformer) error {
	if t == nil {
		return fmt.Errorf("transformer: none given")
	}
	if c, ok := t.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}
