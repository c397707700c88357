package models

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Values reads, checks and writes the numbers of a column of a kind.
type Values struct {
	kind Kind
	// Of levels: the number of each, and numbers and places in order of size. Levels
	// that are not all numbers have none but their places.
	numbers []float64
	sorted  []float64
	places  []int
	byName  map[string]int
}

// Values makes the values of a kind, if nothing is wrong with it.
func (k Kind) Values() (*Values, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	v := &Values{kind: k}
	if !k.levelled() {
		return v, nil
	}
	v.byName = make(map[string]int, len(k.Levels))
	for i, name := range k.Levels {
		switch {
		case name == "":
			return nil, fmt.Errorf("level %d has no name", i+1)
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("level %d, %q, is not UTF-8, as a model file is: convert the data", i+1, name)
		}
		if _, ok := v.byName[name]; ok {
			return nil, fmt.Errorf("level %q is there twice", name)
		}
		v.byName[name] = i
		if x, err := strconv.ParseFloat(name, 64); err == nil && finiteNumber(x) {
			v.numbers = append(v.numbers, x)
		}
	}
	if len(v.numbers) < len(k.Levels) {
		v.numbers = nil
		return v, nil
	}
	v.places = make([]int, len(v.numbers))
	for i := range v.places {
		v.places[i] = i
	}
	slices.SortStableFunc(v.places, func(a, b int) int { return compare(v.numbers[a], v.numbers[b]) })
	for i, p := range v.places {
		v.sorted = append(v.sorted, v.numbers[p])
		if i > 0 && v.sorted[i] == v.sorted[i-1] {
			return nil, fmt.Errorf("levels %q and %q are the same number", k.Levels[v.places[i-1]], k.Levels[p])
		}
	}
	return v, nil
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Levelled reports whether the kind has levels, which cells may name.
func (v *Values) Levelled() bool { return v.byName != nil }

// named reports whether levels are names, and the column holds their places.
func (v *Values) named() bool { return v.byName != nil && v.numbers == nil }

// level is the place of the level with number x, or -1. A number that was kept in
// 32 bits is still the number of its level.
func (v *Values) level(x float64) int {
	if v.named() {
		if x >= 0 && x < float64(len(v.kind.Levels)) && x == math.Trunc(x) {
			return int(x)
		}
		return -1
	}
	i, ok := slices.BinarySearch(v.sorted, x)
	if ok {
		return v.places[i]
	}
	for _, i := range []int{i - 1, i} {
		if i >= 0 && i < len(v.sorted) && math.Abs(x-v.sorted[i]) <= 1e-7*math.Abs(x) {
			return v.places[i]
		}
	}
	return -1
}

// number is the number of the level at a place.
func (v *Values) number(place int) float64 {
	if v.named() {
		return float64(place)
	}
	return v.numbers[place]
}

// Check says why x is no value of the kind; nil if it is.
func (v *Values) Check(x float64) error {
	k := &v.kind
	if finiteNumber(x) && (k.Of == "" || k.Of == KindReal) {
		return nil // which most are
	}
	switch {
	case !finiteNumber(x):
		return fmt.Errorf("%v is not a finite number", x)
	case k.Of == KindPositive && !(x > 0):
		return fmt.Errorf("%v in a column of positive numbers", x)
	case k.Of == KindBounded && !(x > k.Lo && x < k.Hi):
		return fmt.Errorf("%v in a column bounded by %v and %v, the ends left out", x, k.Lo, k.Hi)
	case k.Of == KindInteger && x != math.Trunc(x):
		return fmt.Errorf("%v in a column of whole numbers", x)
	case k.Of == KindInteger && k.ends() && !(x >= k.Lo && x <= k.Hi):
		return fmt.Errorf("%v in a column of whole numbers from %v to %v", x, k.Lo, k.Hi)
	case k.levelled() && v.level(x) < 0 && v.named():
		return fmt.Errorf("%v is no level: there are %d, numbered from 0", x, len(k.Levels))
	case k.levelled() && v.level(x) < 0:
		return fmt.Errorf("%v is none of the levels %s", x, levelList(k.Levels, 12))
	}
	return nil
}

// Parse reads the number of a cell: that of the level of this name, or the number
// that the text says, checked.
func (v *Values) Parse(text string) (float64, error) {
	if i, ok := v.byName[text]; ok {
		return v.number(i), nil
	}
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case v.named(), err != nil && v.byName != nil:
		return 0, fmt.Errorf("%q is none of the levels %s%s", text, levelList(v.kind.Levels, 12), Nearest(text, v.kind.Levels))
	case err != nil && finiteNumber(x): // out of range is an infinity
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return x, v.Check(x)
}

// Format writes a number of the kind: whole numbers as such, levels by name.
func (v *Values) Format(x float64) string {
	switch {
	case v.byName != nil:
		if i := v.level(x); i >= 0 {
			return v.kind.Levels[i]
		}
	case v.kind.Of == KindInteger && math.Abs(x) < 1<<63:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
