package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gorgeflow/gorge/models"
)

// schemaFile is a YAML file that says what columns of a table hold:
//
//	price: positive
//	share: {kind: bounded, lo: 0, hi: 1}
//	colour: {kind: categorical, levels: [blue, red], encode: context}
type schemaFile struct {
	path    string
	columns []schemaColumn
}

// schemaColumn is what it says of one.
type schemaColumn struct {
	name    string
	line    int
	kind    models.Kind
	lo, hi  bool // are given
	context bool
}

// find is what the file says of a column, nil for nothing.
func (s *schemaFile) find(name string) *schemaColumn {
	for i := range s.columns {
		if s.columns[i].name == name {
			return &s.columns[i]
		}
	}
	return nil
}

// checkNames holds the file's columns against those of the table.
func (s *schemaFile) checkNames(table string, columns []string) error {
	known := map[string]bool{}
	for _, c := range columns {
		known[c] = true
	}
	for _, c := range s.columns {
		if !known[c.name] {
			return usagef("%s:%d: no column %q%s; those of %s are %s", s.path, c.line, c.name, models.Nearest(c.name, columns), table, strings.Join(columns, ", "))
		}
	}
	return nil
}

func readSchema(path string) (*schemaFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return parseSchema(path, b)
}

// parseSchema reads the file's bytes. Mistakes name the line.
func parseSchema(path string, b []byte) (*schemaFile, error) {
	s := &schemaFile{path: path}
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF): // nothing is said
		return s, nil
	case err != nil:
		return nil, usagef("%s: %w", path, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, usagef("%s: more than one YAML document", path)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return s, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, usagef("%s:%d: want lines of NAME: KIND, one for each column", path, root.Line)
	}
	err := pairs(root, func(key string, line int, value *yaml.Node) error {
		c := schemaColumn{name: key, line: line}
		if err := c.read(value); err != nil {
			var e lineError
			if errors.As(err, &e) {
				line, err = e.line, e.err
			}
			return lineError{line, fmt.Errorf("column %q: %w", key, err)}
		}
		s.columns = append(s.columns, c)
		return nil
	})
	if err != nil {
		return nil, usagef("%s:%w", path, err)
	}
	return s, nil
}

// lineError is a mistake in a line.
type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("%d: %v", e.line, e.err) }

// pairs calls f with the keys of a mapping, of which none may be there twice.
func pairs(n *yaml.Node, f func(key string, line int, value *yaml.Node) error) error {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			return lineError{k.Line, errors.New("want a name")}
		}
		if at, ok := seen[k.Value]; ok {
			return lineError{k.Line, fmt.Errorf("%q is there twice, first in line %d", k.Value, at)}
		}
		seen[k.Value] = k.Line
		err := f(k.Value, k.Line, n.Content[i+1])
		if err != nil && !errors.As(err, new(lineError)) {
			err = lineError{k.Line, err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var schemaKeys = []string{"kind", "lo", "hi", "period", "origin", "levels", "encode"}

// read reads a kind, or a mapping of the kind and its numbers.
func (c *schemaColumn) read(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.ScalarNode:
		c.kind.Of = n.Value
	case yaml.MappingNode:
		err := pairs(n, func(key string, _ int, value *yaml.Node) error { return c.set(key, value) })
		if err != nil {
			return err
		}
	default:
		return errors.New("want a kind, or {kind: …}")
	}
	if c.kind.Of == "" {
		return fmt.Errorf("no kind is given: want one of %s", strings.Join(models.Kinds(), ", "))
	}
	return c.check()
}

// set sets what a key says.
func (c *schemaColumn) set(key string, n *yaml.Node) (err error) {
	switch key {
	case "kind":
		c.kind.Of, err = scalar(n)
	case "lo":
		c.kind.Lo, err = number(n)
		c.lo = true
	case "hi":
		c.kind.Hi, err = number(n)
		c.hi = true
	case "period":
		if c.kind.Period, err = number(n); err == nil && c.kind.Period == 0 {
			err = errors.New("0: want a number above 0")
		}
	case "origin":
		c.kind.Origin, err = number(n)
	case "levels":
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			return errors.New("levels: want a list, such as [low, high]")
		}
		for _, l := range n.Content {
			text, err := scalar(l)
			if err != nil {
				return fmt.Errorf("levels: %w", err)
			}
			c.kind.Levels = append(c.kind.Levels, text)
		}
	case "encode":
		text, err := scalar(n)
		if err != nil || text != "context" && text != "dequantise" {
			return fmt.Errorf("encode %q%s: want context or dequantise", text, models.Nearest(text, []string{"context", "dequantise"}))
		}
		c.context = text == "context"
	default:
		return fmt.Errorf("%q%s: want one of %s", key, models.Nearest(key, schemaKeys), strings.Join(schemaKeys, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// check holds the kind against itself. Levels may be left to the data.
func (c *schemaColumn) check() error {
	if c.kind.Of == models.KindIgnored && c.context {
		return errors.New("ignored, and encoded as context")
	}
	k := c.kind
	hasEnds := k.Of == models.KindBounded || k.Of == models.KindInteger
	if hasEnds && c.lo != c.hi {
		return errors.New("lo and hi: one is missing: want both")
	}
	if hasEnds && c.lo && k.Lo == 0 && k.Hi == 0 { // to package models, no ends
		return errors.New("lo 0, hi 0: want lo < hi")
	}
	if k.Discrete() && k.Of != models.KindInteger && len(k.Levels) == 0 {
		k.Levels = []string{"a", "b"} // as if they were known
	}
	_, err := k.Values()
	return err
}

func scalar(n *yaml.Node) (string, error) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", errors.New("want one value")
	}
	return n.Value, nil
}

// number reads a number; 2pi is one too.
func number(n *yaml.Node) (float64, error) {
	text, err := scalar(n)
	if err != nil {
		return 0, err
	}
	factor, digits := 1.0, text
	for _, pi := range []string{"pi", "π"} {
		if rest, ok := strings.CutSuffix(text, pi); ok {
			factor, digits = math.Pi, rest
			if rest == "" || rest == "-" {
				digits += "1"
			}
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a finite number", text)
	}
	return v * factor, nil
}

// bytes is the file, with a comment at its head.
func (s *schemaFile) bytes(comment string) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, c := range s.columns {
		root.Content = append(root.Content, stringNode(c.name), c.node())
	}
	b, err := yaml.Marshal(root)
	if err != nil {
		return nil, err
	}
	if len(s.columns) == 0 {
		b = nil
	}
	return append([]byte("# "+strings.ReplaceAll(comment, "\n", "\n# ")+"\n"), b...), nil
}

func stringNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// node is the kind alone where there is no more to say.
func (c *schemaColumn) node() *yaml.Node {
	k := c.kind
	if k.Of == "" {
		k.Of = models.KindReal
	}
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle, Content: []*yaml.Node{stringNode("kind"), stringNode(k.Of)}}
	put := func(key string, value *yaml.Node) { m.Content = append(m.Content, stringNode(key), value) }
	num := func(key string, v float64) {
		put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(v, 'g', -1, 64)})
	}
	if k.Lo != 0 || k.Hi != 0 {
		num("lo", k.Lo)
		num("hi", k.Hi)
	}
	if k.Period != 0 {
		num("period", k.Period)
		num("origin", k.Origin)
	}
	if len(k.Levels) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
		for _, l := range k.Levels {
			list.Content = append(list.Content, stringNode(l))
		}
		put("levels", list)
	}
	if c.context {
		put("encode", stringNode("context"))
	}
	if len(m.Content) == 2 {
		return m.Content[1]
	}
	return m
}
