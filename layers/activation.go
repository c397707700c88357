package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Activation is the nonlinearity of a network.
type Activation string

// The activations. The zero value is ReLU.
const (
	ReLU      Activation = "relu"
	Tanh      Activation = "tanh"
	ELU       Activation = "elu"
	SiLU      Activation = "silu"
	GELU      Activation = "gelu"
	LeakyReLU Activation = "leaky-relu"
	Softplus  Activation = "softplus"
)

// Activations lists the names of all of them.
func Activations() []Activation {
	return []Activation{ReLU, Tanh, ELU, SiLU, GELU, LeakyReLU, Softplus}
}

func (a Activation) check() error {
	if a == "" {
		return nil
	}
	for _, b := range Activations() {
		if a == b {
			return nil
		}
	}
	return fmt.Errorf("activation %q: want one of %v", a, Activations())
}

// ceiling bounds what a hidden unit gives, that of the last residual block too. Networks
// in use are far below it; it keeps products of huge weights from leaving the range of
// float32.
const ceiling = 1e6

func (a Activation) apply(x graph.Expr) graph.Expr {
	if a == "" || a == ReLU {
		return x.Clamp(0, ceiling)
	}
	if a != Tanh {
		x = x.Clamp(-ceiling, ceiling)
	}
	switch a {
	case Tanh:
		return x.Tanh()
	case ELU: // x for x > 0, eˣ-1 below; the exponent never sees large x
		return x.ReLU().Add(x.Neg().ReLU().Neg().Expm1())
	case SiLU:
		return x.Mul(x.Sigmoid())
	case GELU: // x Φ(x)
		return x.Mul(x.Scale(math.Sqrt2/2).Erf().Affine(0.5, 0.5))
	case LeakyReLU: // slope 0.01 below zero
		return x.ReLU().Scale(0.99).Add(x.Scale(0.01))
	case Softplus:
		return x.Softplus()
	}
	return x
}
