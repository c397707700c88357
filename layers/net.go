package layers

import (
	"cmp"
	"fmt"
	"slices"
)

// Net are the settings of a conditioner network. The zero value is an MLP with
// two hidden layers of 64 units and ReLU.
type Net struct {
	// Hidden are the widths of the hidden layers; default {64, 64}. A residual
	// network uses the first for all.
	Hidden []int
	// Blocks makes it a residual network of that many pre-activation blocks of two
	// linear layers (He et al. 2016, arXiv:1603.05027).
	Blocks     int
	Activation Activation
	// Dropout is the probability of dropping a hidden unit in training.
	Dropout float64
	// Saturate limits what the network is told of each input smoothly to
	// ±Saturate, x/√(1+(x/Saturate)²), so that far outliers do not drive it where
	// it was never trained. 0 is no limit.
	Saturate float64
	// Angles are the columns of the data, from 0, that are angles in radians: the network
	// is told the sine and the cosine of each instead.
	Angles []int
	// ActivateContext passes the context's part of the first layer through the
	// activation before it is added, as nflows does in masked networks.
	ActivateContext bool
	// GateContext multiplies the output of each residual block by a sigmoid of a
	// linear map of the context.
	GateContext bool
	// OutputGain scales the initial weights of the last layer; default 0.01, so
	// that layers start near the identity; negative for zero.
	OutputGain float64
	// Degrees are, in masked networks, the degrees of the hidden units of every
	// hidden layer, in 0 … dim-1 and not decreasing: a unit of degree m sees the
	// first m inputs. Default: spread evenly over 1 … dim-1 (0 … dim-1 with a
	// context).
	Degrees []int

	addend bool // what it gives is added to parameters: no bias in the last layer
}

func (n Net) check() error {
	for _, h := range n.Hidden {
		if h < 1 {
			return fmt.Errorf("hidden width %d: must be positive", h)
		}
	}
	if n.Blocks < 0 {
		return fmt.Errorf("%d residual blocks: must not be negative", n.Blocks)
	}
	if !(n.Dropout >= 0 && n.Dropout < 1) {
		return fmt.Errorf("dropout %v: want 0 ≤ p < 1", n.Dropout)
	}
	if n.Saturate < 0 {
		return fmt.Errorf("saturate %v: must not be negative", n.Saturate)
	}
	return cmp.Or(checkSize("saturate", n.Saturate), checkSize("output gain", n.OutputGain), n.Activation.check())
}

func (n Net) outputGain() float64 {
	switch {
	case n.OutputGain == 0:
		return 0.01
	case n.OutputGain < 0:
		return 0
	}
	return n.OutputGain
}

func (n Net) widths() []int {
	h := n.Hidden
	if len(h) == 0 {
		h = []int{64, 64}
	}
	if n.Blocks > 0 {
		return slices.Repeat(h[:1], 2*n.Blocks+1)
	}
	return h
}
