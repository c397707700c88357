package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models"
)

const goodSchema = `# what the columns hold
price: positive
share: {kind: bounded, lo: 0, hi: 1}
angle:
  kind: periodic
  period: 2pi
  origin: -pi
rooms: integer
children: {kind: integer, lo: 0, hi: 20}
grade: {kind: ordinal, levels: [1, 2.5, 007]}
colour: &c {kind: categorical, levels: [yes, "no", null, ~, "a: b", NA]}
coat: *c
city: {kind: categorical, encode: context}
z: {kind: real, encode: context}
7: real
id: ignored
`

// A schema file is read, written and read again; what levels look like to YAML
// does not matter.
func TestSchemaFile(t *testing.T) {
	s, err := parseSchema("s.yaml", []byte(goodSchema))
	require.NoError(t, err)
	require.Len(t, s.columns, 12)
	require.InDelta(t, 6.283185307179586, s.find("angle").kind.Period, 0)
	require.InDelta(t, -3.141592653589793, s.find("angle").kind.Origin, 0)
	require.Equal(t, []string{"1", "2.5", "007"}, s.find("grade").kind.Levels)
	require.Equal(t, []string{"yes", "no", "null", "~", "a: b", "NA"}, s.find("colour").kind.Levels)
	require.Equal(t, s.find("colour").kind, s.find("coat").kind)
	require.Equal(t, models.Kind{Of: "integer", Lo: 0, Hi: 20}, s.find("children").kind)
	require.True(t, s.find("city").context)
	require.Equal(t, "real", s.find("7").kind.Of)
	require.Nil(t, s.find("none"))
	sameAgain(t, s)
	for _, nothing := range []string{"", "# only a comment\n", "---\n", "{}\n"} {
		s, err := parseSchema("s.yaml", []byte(nothing))
		require.NoError(t, err)
		require.Empty(t, s.columns)
		sameAgain(t, s)
	}
}

// sameAgain writes a schema file and reads it.
func sameAgain(t *testing.T, s *schemaFile) {
	t.Helper()
	b, err := s.bytes("two\nlines")
	require.NoError(t, err)
	got, err := parseSchema("again.yaml", b)
	require.NoError(t, err, "%s", b)
	require.Len(t, got.columns, len(s.columns), "%s", b)
	for i, c := range s.columns {
		require.Equal(t, c.name, got.columns[i].name)
		require.Equal(t, c.kind, got.columns[i].kind, "%s", b)
		require.Equal(t, c.context, got.columns[i].context)
	}
}

func TestSchemaFileMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"- a\n- b\n":             "s.yaml:1: want lines of NAME: KIND",
		"positive":               "s.yaml:1: want lines of NAME: KIND",
		"a: positive\na: real\n": `s.yaml:2: "a" is there twice, first in line 1`,
		"a: positve\n":           `s.yaml:1: column "a": kind "positve", did you mean "positive": want one of real, positive`,
		"b: real\na:\n":          `s.yaml:2: column "a": no kind is given: want one of real`,
		"a: [positive]\n":        `s.yaml:1: column "a": want a kind, or {kind: …}`,
		"a: {knd: real}\n":       `s.yaml:1: column "a": "knd", did you mean "kind": want one of kind, lo, hi`,
		"a: {lo: 0, hi: 1}\n":    `no kind is given`,
		"a:\n  kind: bounded\n  lo: zero\n  hi: 1\n": `s.yaml:3: column "a": lo: "zero" is not a finite number`,
		"a:\n  kind: bounded\n  lo: 0\n  lo: 0\n":    `s.yaml:4: column "a": "lo" is there twice, first in line 3`,
		"a: {kind: bounded, lo: 0, hi: .inf}\n":      `hi: ".inf" is not a finite number`,
		"a: {kind: bounded, lo: 1, hi: 1}\n":         `bounded by 1 and 1: want finite lo < hi`,
		"a: {kind: bounded, lo: -5}\n":               `s.yaml:1: column "a": lo and hi: one is missing: want both`,
		"a: {kind: real, lo: 0, hi: 2}\n":            `lo and hi are for kinds bounded and integer`,
		"a: {kind: integer, lo: 0, hi: 0}\n":         `s.yaml:1: column "a": lo 0, hi 0: want lo < hi`,
		"a: {kind: integer, period: 0}\n":            `s.yaml:1: column "a": period: 0: want a number above 0`,
		"a: {kind: real, lo: 1, hi: 2}\n":            `lo and hi are for kinds bounded and integer`,
		"a: {kind: periodic}\n":                      `want a positive period`,
		"a: {kind: periodic, period: [1]}\n":         `period: want one value`,
		"a: {kind: ordinal, levels: low}\n":          `levels: want a list, such as [low, high]`,
		"a: {kind: ordinal, levels: []}\n":           `levels: want a list`,
		"a: {kind: ordinal, levels: [a, [b]]}\n":     `levels: want one value`,
		"a: {kind: ordinal, levels: [a, a]}\n":       `level "a" is there twice`,
		"a: {kind: categorical, encode: contxt}\n":   `encode "contxt", did you mean "context": want context or dequantise`,
		"a: {kind: ignored, encode: context}\n":      `ignored, and encoded as context`,
		"[a, b]: real\n":                             `s.yaml:1: want a name`,
		"a: real\n---\nb: real\n":                    `more than one YAML document`,
		"a: {kind: real\n":                           `s.yaml: `,
		"a: real\n\tb: real\n":                       `s.yaml: `,
	} {
		_, err := parseSchema("s.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
		require.ErrorAs(t, err, &usageError{}, text)
	}
}

// The schemas that README and help show are such.
func TestShownSchemas(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(readme), "```yaml\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "```")
	shown, err := parseSchema("README.md", []byte(text))
	require.NoError(t, err)
	code, help, _ := gorge("", "train", "--help")
	require.Zero(t, code)
	_, text, ok = strings.Cut(help, "to be changed:\n\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n\n")
	helped, err := parseSchema("help", []byte(text))
	require.NoError(t, err)
	for _, s := range []*schemaFile{shown, helped} {
		require.Len(t, s.columns, 10)
		said := map[string]bool{}
		for _, c := range s.columns {
			said[c.kind.Of] = true
		}
		for _, k := range models.Kinds() {
			require.True(t, said[k], "%s is shown", k)
		}
	}
}

// No bytes make the reader panic, and what it takes it writes so that it takes the
// same again.
func FuzzSchemaFile(f *testing.F) {
	f.Add([]byte(goodSchema))
	for _, s := range []string{"a: &x {kind: *x}\n", "<<: {a: real}\n", "? [a]\n: real", "a: !!binary x", "\xff\xfe", "a: {kind: ordinal, levels: [\"\\x00\", \"\u2028\"]}", "a: |\n  real\n", "%YAML 9\n---\na: real"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSchema("s.yaml", b); err == nil {
			sameAgain(t, s)
		}
	})
}
