package flows_test

import (
	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/layers"
)

const (
	glowChannels = 4
	glowSide     = 4
	glowPixels   = glowSide * glowSide
)

// glowBlock is a Glow block on 4 × 4 images of four channels as a flow on vectors of 64:
// what it does to every pixel alike is a matrix with the same numbers in many places.
func glowBlock(g *golden) []flows.Layer {
	const d, half = glowChannels * glowPixels, glowChannels / 2 * glowPixels
	act := layers.NewActNorm(g.p.In("act"), d, layers.ActNormOptions{Limit: -1, Unbiased: true, Epsilon: 1e-6})
	g.negate("0.flows.2.s", "0.flows.2.t")
	g.from["act.log_scale"], g.from["act.shift"] = perChannel("0.flows.2.s"), perChannel("0.flows.2.t")

	var signs []float64
	order := make([]int, d)
	p, s := g.arrays["buffer/0.flows.1.P"], g.arrays["buffer/0.flows.1.sign_S"]
	for i := range d {
		c, pixel := i/glowPixels, i%glowPixels
		signs = append(signs, s[c])
		for k := range glowChannels {
			if p[c*glowChannels+k] != 0 {
				order[i] = k*glowPixels + pixel
			}
		}
	}
	lu := layers.NewLU(g.p.In("lu"), d, layers.LUOptions{Diagonal: layers.DiagExp, NoBias: true, Signs: signs})
	g.from["lu.diagonal"] = perChannel("0.flows.1.log_S")
	g.from["lu.lower"] = convolution("0.flows.1.L", glowChannels, glowChannels, 1, func(o, c int) bool { return c < o })
	g.from["lu.upper"] = convolution("0.flows.1.U", glowChannels, glowChannels, 1, func(o, c int) bool { return c > o })

	const hidden, net = 8, "0.flows.0.flows.1.param_map.net."
	coupling := layers.NewCoupling(g.p.In("c"), d, layers.Transformed(seq(half, d)...), layers.Affine{Scale: layers.ScaleGlow},
		layers.Net{Hidden: []int{hidden * glowPixels, hidden * glowPixels}}, layers.CouplingOptions{})
	all := func(o, c int) bool { return true }
	g.from["c.hidden0.weight"] = convolution(net+"0.weight", hidden, glowChannels/2, 3, all)
	g.from["c.hidden1.weight"] = convolution(net+"2.weight", hidden, hidden, 1, all)
	g.from["c.hidden0.bias"], g.from["c.hidden1.bias"] = perChannelOf(net+"0.bias", hidden), perChannelOf(net+"2.bias", hidden)
	// Ours has shift and scale of a column side by side, theirs in channels of their own.
	w, b := convolution(net+"4.weight", glowChannels, hidden, 3, all), perChannelOf(net+"4.bias", glowChannels)
	for i := range half {
		for part := range 2 {
			row := (i/glowPixels*2+part)*glowPixels + i%glowPixels
			g.from["c.output.weight"] = append(g.from["c.output.weight"], w[row*hidden*glowPixels:][:hidden*glowPixels]...)
			g.from["c.output.bias"] = append(g.from["c.output.bias"], b[row])
		}
	}
	g.tied = true
	return []flows.Layer{flows.New(flows.NewStandardNormal(g.p, d), coupling, layers.NewPermutation(g.p, order), lu, act)}
}

func perChannel(key string) []place { return perChannelOf(key, glowChannels) }

// perChannelOf is a number for each channel, at all of its pixels.
func perChannelOf(key string, channels int) []place {
	var out []place
	for i := range channels * glowPixels {
		out = append(out, place{key, i / glowPixels})
	}
	return out
}

// convolution is the matrix of a convolution with zeros around the image, of those pairs
// of channels for which in holds.
func convolution(key string, out, in, width int, holds func(o, c int) bool) []place {
	from := make([]place, 0, out*in*glowPixels*glowPixels)
	for to := range out * glowPixels {
		for at := range in * glowPixels {
			o, c := to/glowPixels, at/glowPixels
			dy := at%glowPixels/glowSide - to%glowPixels/glowSide + width/2
			dx := at%glowSide - to%glowSide + width/2
			if !holds(o, c) || dy < 0 || dy >= width || dx < 0 || dx >= width {
				from = append(from, place{})
				continue
			}
			from = append(from, place{key, ((o*in+c)*width+dy)*width + dx})
		}
	}
	return from
}
