package models

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind says what the numbers of a column are, and with that which map stands between
// them and the flow. The zero value is any real number.
type Kind struct {
	// Of is one of [Kinds].
	Of string `json:"kind,omitempty"`
	// Lo and Hi are the ends of a bounded column, which no value reaches, or the least
	// and the greatest value of an integer one; both 0 is no ends.
	Lo float64 `json:"lo,omitempty"`
	Hi float64 `json:"hi,omitempty"`
	// Period of a periodic column, or of an integer one whose numbers come round, such as
	// hours or months. Any number is taken, modulo the period; samples are from Origin up
	// to Origin + Period.
	Period float64 `json:"period,omitempty"`
	Origin float64 `json:"origin,omitempty"`
	// Levels are the values of a categorical column and, in their order, those of an
	// ordinal one. If every level is a number, the column holds these numbers, else
	// the levels' places from 0; see [Values].
	Levels []string `json:"levels,omitempty"`
}

// The names of kinds; the empty name is KindReal. A model gives a density for real,
// positive, bounded and periodic columns, and a probability for integer, ordinal and
// categorical ones.
const (
	KindReal     = "real"
	KindPositive = "positive" // modelled through its logarithm
	KindBounded  = "bounded"  // between Lo and Hi, modelled through the logit of its place
	// KindPeriodic is an angle, an hour, a season: its density is that of one period. It
	// is an angle on a circle for the models that have circles; the others cut the
	// circle open where the widest gap between training values is.
	KindPeriodic = "periodic"
	// KindInteger is whole numbers. In training a number n is any of n-½ … n+½.
	KindInteger = "integer"
	// KindOrdinal is levels in an order, KindCategorical levels without one. A level is
	// an interval of (0, 1), as wide as the level is frequent in training, and what the
	// flow sees is the normal quantile of a place in it. In a context a categorical
	// column is one input for each level, one for its own and zero for the others.
	KindOrdinal     = "ordinal"
	KindCategorical = "categorical"
	// KindIgnored is a column of a table that the model leaves out.
	KindIgnored = "ignored"
)

// Kinds lists the names of kinds.
func Kinds() []string {
	return []string{KindReal, KindPositive, KindBounded, KindPeriodic, KindInteger, KindOrdinal, KindCategorical, KindIgnored}
}

// MaxLevels is how many levels a column can have.
const MaxLevels = 1024

// Discrete reports whether a column of the kind has a probability, not a density.
func (k Kind) Discrete() bool {
	return k.Of == KindInteger || k.levelled()
}

func (k Kind) levelled() bool { return k.Of == KindOrdinal || k.Of == KindCategorical }

// String is the kind with its numbers, such as "bounded by 0 and 1".
func (k Kind) String() string {
	switch {
	case k.Of == "":
		return KindReal
	case k.Of == KindBounded:
		return fmt.Sprintf("bounded by %v and %v", k.Lo, k.Hi)
	case k.Of == KindInteger && k.ends():
		return fmt.Sprintf("integer from %v to %v", k.Lo, k.Hi)
	case k.turns():
		return fmt.Sprintf("%s: period %v from %v", k.Of, k.Period, k.Origin)
	case k.levelled():
		return fmt.Sprintf("%s: %s", k.Of, levelList(k.Levels, 6))
	}
	return k.Of
}

// levelList is list with quotes where a comma would mislead.
func levelList(levels []string, n int) string {
	out := slices.Clone(levels)
	for i, l := range out {
		if strings.ContainsAny(l, ",\"\n") {
			out[i] = strconv.Quote(l)
		}
	}
	return list(out, n)
}

// list joins the first n names and counts the rest.
func list(names []string, n int) string {
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// turns reports whether the column's numbers come round.
func (k Kind) turns() bool { return k.Of == KindPeriodic || k.Of == KindInteger && k.Period != 0 }

func (k Kind) ends() bool { return k.Lo != 0 || k.Hi != 0 }

// check says what is wrong with the kind itself.
func (k Kind) check() error {
	if k.Of != "" && !slices.Contains(Kinds(), k.Of) {
		return fmt.Errorf("kind %q%s: want one of %s", k.Of, Nearest(k.Of, Kinds()), strings.Join(Kinds(), ", "))
	}
	switch whole := k.Lo == math.Trunc(k.Lo) && k.Hi == math.Trunc(k.Hi); {
	case k.ends() && k.Of != KindBounded && k.Of != KindInteger:
		return fmt.Errorf("lo and hi are for kinds %s and %s, not %s", KindBounded, KindInteger, k)
	case (k.ends() || k.Of == KindBounded) && (!(k.Lo < k.Hi) || math.IsInf(k.Hi-k.Lo, 0)):
		return fmt.Errorf("%s by %v and %v: want finite lo < hi", k.Of, k.Lo, k.Hi)
	case k.Of == KindInteger && !(whole && k.Hi-k.Lo < 1<<53):
		return fmt.Errorf("integer from %v to %v: want whole numbers", k.Lo, k.Hi)
	case (k.Period != 0 || k.Origin != 0) && k.Of != KindPeriodic && k.Of != KindInteger:
		return fmt.Errorf("period and origin are for kinds %s and %s, not %s", KindPeriodic, KindInteger, k)
	case k.Of == KindInteger && (k.Period != 0 || k.Origin != 0) && (k.ends() || !(k.Period >= 2) || k.Period != math.Trunc(k.Period) || k.Origin != math.Trunc(k.Origin) || k.Period > 1<<40 || math.Abs(k.Origin) > 1<<40):
		return fmt.Errorf("integer with period %v from %v: want whole numbers, at least 2, and no lo and hi", k.Period, k.Origin)
	case k.Of == KindPeriodic && (!(k.Period > 0) || math.IsInf(k.Period, 0) || !finiteNumber(k.Origin)):
		return fmt.Errorf("periodic with period %v from %v: want a positive period and a finite origin", k.Period, k.Origin)
	case len(k.Levels) > 0 && !k.levelled():
		return fmt.Errorf("levels are for kinds %s and %s, not %s", KindOrdinal, KindCategorical, k)
	case k.levelled() && (len(k.Levels) < 2 || len(k.Levels) > MaxLevels):
		return fmt.Errorf("%s with %d levels: want 2 to %d", k.Of, len(k.Levels), MaxLevels)
	}
	return nil
}
