package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// writeTables puts the tables between their marks in the page at path.
func writeTables(path string, done map[string]result) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := withTables(string(b), done)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

func withTables(page string, done map[string]result) (string, error) {
	for name, text := range map[string]string{"fits": fitsTable(done), "regrets": regretTable(done)} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		head, rest, ok := strings.Cut(page, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			return "", fmt.Errorf("no %q … %q", strings.TrimSpace(begin), end)
		}
		page = head + begin + text + end + tail
	}
	return page, nil
}

// of returns the results of a data set, the best by validation first; those
// without validation, and of conditional densities, come last.
func of(data string, done map[string]result) []result {
	var out []result
	for _, r := range done {
		if r.Data == data {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b result) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(orFloor(b.Test), orFloor(a.Test)), strings.Compare(a.Args, b.Args))
	})
	return out
}

func rank(r result) float64 {
	if r.conditional() {
		return math.Inf(-1)
	}
	return orFloor(r.Valid)
}

func orFloor(v *float64) float64 {
	if v == nil {
		return -math.MaxFloat64
	}
	return *v
}

// conditional reports whether the density is of some columns given others.
func (r result) conditional() bool { return strings.Contains(r.Args, "--context") }

// fitsTable has a line for each result.
func fitsTable(done map[string]result) string {
	var t strings.Builder
	t.WriteString("| data | model and arguments | validation | test log-likelihood | parameters | steps | seconds | worst | other libraries |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, d := range datasets() {
		title := d.title
		for _, r := range of(d.name, done) {
			fmt.Fprintf(&t, "| %s | `%s` | %s | %s | %s | %s | %.0f | %s | %s |\n", title, r.Args, number(r.Valid, 2), r.test(), thousands(r.Parameters), thousands(r.Steps), r.Seconds, r.worst(), peers[r.key()])
			title = ""
		}
	}
	return t.String()
}

func (r result) test() string {
	switch {
	case r.Failed != "":
		return r.Failed
	case r.Test == nil:
		return "not finite"
	}
	s := number(r.Test, 2) + " ± " + number(r.TwoSE, 2)
	if r.conditional() {
		s += " (conditional density)"
	}
	return s
}

func (r result) worst() string {
	if r.Worst == nil || r.Gaussian == nil {
		return number(r.Worst, 0)
	}
	return number(r.Worst, 0) + " (Gaussian " + number(r.Gaussian, 0) + ")"
}

// regretTable says, of each setting that every data set was fitted with, how far
// the validation rows are below the best fit of that data set: in nats, on
// average, and at worst. The setting that loses least comes first.
func regretTable(done map[string]result) string {
	type line struct {
		args    string
		regrets []float64
		mean    float64
	}
	var names []string
	var best []float64
	for _, d := range datasets() {
		if rs := of(d.name, done); len(rs) > 0 && rs[0].Valid != nil && !slices.Contains(without, d.name) {
			names, best = append(names, d.name), append(best, *rs[0].Valid)
		}
	}
	var lines []line
	for _, args := range everywhere {
		l := line{args: args}
		for i, name := range names {
			if r := done[fit{name, args}.key()]; r.Valid != nil {
				l.regrets = append(l.regrets, best[i]-*r.Valid)
				l.mean += (best[i] - *r.Valid) / float64(len(names))
			}
		}
		if len(names) > 0 && len(l.regrets) == len(names) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.mean, b.mean) })
	var t strings.Builder
	fmt.Fprintf(&t, "| model and arguments | %s | mean | most |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)+2))
	for _, l := range lines {
		fmt.Fprintf(&t, "| `%s` |", l.args)
		for _, v := range append(l.regrets, l.mean, slices.Max(l.regrets)) {
			fmt.Fprintf(&t, " %.2f |", v)
		}
		t.WriteString("\n")
	}
	return t.String()
}

// without are data sets that are too large to be fitted with every setting.
var without = []string{"bsds300"}

// number prints v with a minus that does not break.
func number(v *float64, digits int) string {
	if v == nil {
		return ""
	}
	s := strconv.FormatFloat(math.Abs(*v), 'f', digits, 64)
	if whole, rest, _ := strings.Cut(s, "."); len(whole) > 3 {
		n, _ := strconv.Atoi(whole)
		s = strings.TrimSuffix(thousands(n)+"."+rest, ".")
	}
	if *v < 0 {
		return "−" + s
	}
	return s
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
