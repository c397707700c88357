package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gorgeflow/gorge/models"
)

// missing are the texts, besides that of a number that is none, which say that a cell
// has no value. In a column of levels a level of this name is a level.
var missing = []string{"", "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "null", "NULL", "nan", "NaN", "NAN"}

// errMissing is what a cell without a value is.
type errMissing struct{ text string }

func (e errMissing) Error() string {
	if e.text == "" {
		return "empty cell"
	}
	return fmt.Sprintf("%q is a missing value", e.text)
}

// column is how the cells of a column become numbers.
type column struct {
	name   string
	at     int            // place among the columns that are read, or -1
	values *models.Values // the kind that cells are held against; nil is any number
	texts  *texts         // of a column of text
	plain  bool           // cells were numbers so far
	bad    error          // why the column cannot be read at all
}

// text is the number of a cell of text.
func (c *column) text(s string, textsAllowed bool) (float64, error) {
	if c.values != nil {
		x, err := c.values.Parse(s)
		if err != nil && slices.Contains(missing, s) {
			return 0, errMissing{s}
		}
		return x, err
	}
	if c.texts == nil {
		x, err := strconv.ParseFloat(s, 64)
		switch {
		case err == nil && !math.IsNaN(x):
			c.plain = true
			return x, finite(x)
		case slices.Contains(missing, s):
			return 0, errMissing{s}
		case errors.Is(err, strconv.ErrRange):
			return 0, fmt.Errorf("%q is out of the range of numbers", s)
		case !textsAllowed:
			return 0, fmt.Errorf("%q is not a number", s)
		case c.plain:
			return 0, fmt.Errorf("%q is not a number, as the cells above it are; a column of text is one whose kind in a schema is %s or %s", s, models.KindCategorical, models.KindOrdinal)
		}
		c.texts = &texts{inferred: true}
	}
	if slices.Contains(missing, s) {
		return 0, errMissing{s}
	}
	if !utf8.ValidString(s) {
		return 0, notUTF8(s)
	}
	return c.texts.number(s), nil
}

// notUTF8 is what is wrong with a text that a model could not keep.
func notUTF8(s string) error {
	return fmt.Errorf("%q is not UTF-8: convert the file, or leave the column out", s)
}

// quick is the number of a cell of text, if the cell is one and may be any: without
// making a string of it.
func (c *column) quick(b []byte) (float64, bool) {
	if c.texts != nil || c.values != nil && c.values.Levelled() {
		return 0, false
	}
	x, ok := number(b)
	if !ok {
		var err error
		if x, err = strconv.ParseFloat(string(b), 64); err != nil || x-x != 0 {
			return 0, false
		}
	}
	if c.values != nil && c.values.Check(x) != nil {
		return 0, false
	}
	c.plain = true
	return x, true
}

// number is the number of a cell that is one already.
func (c *column) number(x float64) (float64, error) {
	switch {
	case math.IsNaN(x):
		return 0, errMissing{"NaN"}
	case c.values != nil:
		return x, c.values.Check(x)
	}
	c.plain = true
	return x, finite(x)
}

func finite(x float64) error {
	if math.IsInf(x, 0) {
		return fmt.Errorf("%v is not a finite number", x)
	}
	return nil
}

// texts are the different cells of a column of text, in the order in which they came.
type texts struct {
	names []string
	place map[string]int
	more  int // cells of texts beyond models.MaxLevels

	inferred     bool   // the first cell says that they are texts, and nobody else
	words, cells int    // of these: cells that are no numbers, and all
	word         string // the first that is none
}

// stray says that texts are nearly all numbers, so that the others are mistakes rather.
func (t *texts) stray() error {
	if !t.inferred || t.cells < 100 || 100*t.words > t.cells {
		return nil
	}
	return fmt.Errorf("%q is not a number, as %d of its %d cells are: mend it, or say in a schema that the column is %s or %s", t.word, t.cells-t.words, t.cells, models.KindCategorical, models.KindIgnored)
}

// number is the place of the text among the others.
func (t *texts) number(s string) float64 {
	if t.inferred {
		t.cells++
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			if t.words++; t.words == 1 {
				t.word = s
			}
		}
	}
	if i, ok := t.place[s]; ok {
		return float64(i)
	}
	if len(t.names) >= models.MaxLevels {
		t.more++
		return 0
	}
	if t.place == nil {
		t.place = map[string]int{}
	}
	t.place[s] = len(t.names)
	t.names = append(t.names, s)
	return float64(len(t.names) - 1)
}

// levels makes a column of texts one of levels: its texts that occur, numbers by size
// or else by the alphabet. It renumbers the cells, which stand in data from j on at
// every cols-th place.
func (t *texts) levels(data []float64, j, cols int) ([]string, error) {
	used := make([]bool, len(t.names))
	for i := j; i < len(data); i += cols {
		used[int(data[i])] = true
	}
	var out []string
	for i, n := range t.names {
		if used[i] {
			out = append(out, n)
		}
	}
	sortLevels(out)
	if len(out) < 2 {
		return out, nil // a constant column
	}
	values, err := models.Kind{Of: models.KindCategorical, Levels: out}.Values()
	if err != nil {
		return nil, err
	}
	number := make([]float64, len(t.names))
	for i, n := range t.names {
		if used[i] {
			if number[i], err = values.Parse(n); err != nil {
				return nil, err
			}
		}
	}
	for i := j; i < len(data); i += cols {
		data[i] = number[int(data[i])]
	}
	return out, nil
}

func sortLevels(names []string) {
	slices.Sort(names)
	numbers := map[string]float64{}
	for _, n := range names {
		x, err := strconv.ParseFloat(n, 64)
		if err != nil {
			return
		}
		numbers[n] = x
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case numbers[a] < numbers[b]:
			return -1
		case numbers[a] > numbers[b]:
			return 1
		}
		return 0
	})
}
