package picture

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

// ticks labels an axis at multiples of the largest of 1, 2 and 5 times powers of ten
// that fits it at least so many times, with as many digits as tell the labels apart.
type ticks int

// Ticks implements [plot.Ticker].
func (n ticks) Ticks(lo, hi float64) []plot.Tick {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return nil
	}
	const slack = 1e-9 // of a step: ends that are ticks but for rounding are ticks
	digit, power := 5, int(math.Ceil(math.Log10(hi-lo)))
	for range 20 {
		step := float64(digit) * math.Pow10(power)
		first, last := math.Ceil(lo/step-slack), math.Floor(hi/step+slack)
		if last-first+1 >= float64(n) {
			var out []plot.Tick
			for k := range int(last - first + 1) {
				v := (first + float64(k)) * step
				out = append(out, plot.Tick{Value: v, Label: label(v, power)})
			}
			shorten(out, step, power)
			return out
		}
		switch digit {
		case 5:
			digit = 2
		case 2:
			digit = 1
		case 1:
			digit, power = 5, power-1
		}
	}
	return nil
}

// longest is how many characters a label may have to stand beside others.
const longest = 8

// shorten writes ticks but the first as what they are more than it, if they have too many
// digits to stand side by side; of many, the second leaves the first its room.
func shorten(t []plot.Tick, step float64, power int) {
	if !slices.ContainsFunc(t, func(t plot.Tick) bool { return len(t.Label) > longest }) {
		return
	}
	for k := range t[1:] {
		t[k+1].Label = "+" + label(float64(k+1)*step, power)
	}
	if len(t) > 4 {
		t[1].Label = ""
	}
}

// label writes v, a multiple of a power of ten.
func label(v float64, power int) string {
	switch size := math.Abs(v); {
	case size < 0.5*math.Pow10(power):
		return "0"
	case size < 1e5 && power >= -4:
		return strconv.FormatFloat(v, 'f', max(0, -power), 64)
	default:
		digits := int(math.Floor(math.Log10(size)+1e-9)) - power
		return strconv.FormatFloat(v, 'e', max(0, digits), 64)
	}
}

// names labels the places 0, 1, … of levels by their names, cut short.
type names []string

// Ticks implements [plot.Ticker].
func (n names) Ticks(lo, hi float64) []plot.Tick {
	const most = 8
	var out []plot.Tick
	for i, name := range n {
		if at := float64(i); at >= lo && at <= hi {
			if r := []rune(name); len(r) > most+1 {
				name = string(r[:most]) + "…"
			}
			out = append(out, plot.Tick{Value: at, Label: name})
		}
	}
	return out
}
