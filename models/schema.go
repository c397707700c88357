package models

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gorgeflow/gorge/flows"
)

// Column is one column of data: what it holds, and how its numbers become numbers on
// the real line of about unit size, v = (g(x) - Mean)/Scale, or angles on a circle, φ - Mean
// narrowed to 2 atan(tan((φ - Mean)/2)/Scale). A fit finds what stands below Kind.
type Column struct {
	Name string `json:"name"`
	Kind
	Mean  float64 `json:"mean"`
	Scale float64 `json:"scale"`
	// Step, if positive, is the width of the uniform noise that is added to the
	// column in training: it has few distinct values that far apart, and has a density
	// nevertheless.
	Step float64 `json:"step,omitempty"`
	// Cuts are the ends of the levels' cells, from 0 to 1.
	Cuts []float64 `json:"cuts,omitempty"`
	// Seam is where a periodic column is cut open; nil where it is an angle on a circle.
	Seam *float64 `json:"seam,omitempty"`
}

// Schema is the columns of a model and of its context. It is written by hand (name
// and kind of each column) or by [Infer], given to [NewFor], and complete after a fit.
type Schema struct {
	Columns []Column `json:"columns"`
	Context []Column `json:"context,omitempty"`
	// Ignored are columns of the table that the model leaves out.
	Ignored []string `json:"ignored,omitempty"`
}

// NewFor makes an untrained model of the columns of s. Of the specification, Dim,
// Context and Angles are set. The data of its fit have these columns, in this order,
// without those of kind KindIgnored. For the base "class" the context's first column is
// the class, of kind KindCategorical.
func NewFor(s Schema, spec Spec) (*Model, error) {
	s, err := s.stated()
	if err != nil {
		return nil, err
	}
	spec.Dim, spec.Context = len(s.Columns), 0
	for _, c := range s.Context {
		spec.Context += c.inputs()
	}
	if spec.Base == "class" && len(s.Context) > 0 {
		spec.Classes = s.Context[0].inputs()
	}
	spec.Angles = nil
	if spec.Model == "" {
		spec.Model = defaultModel
	}
	if f, err := findFamily(spec.Model); err == nil && f.circles {
		for j, c := range s.Columns {
			if c.turns() {
				spec.Angles = append(spec.Angles, j)
			}
		}
		if f.circle && spec.Angles == nil {
			return nil, fmt.Errorf("models: model %q is one of angles, and no column is periodic: give a period in a schema, or take another model", f.name)
		}
	}
	m, err := New(spec)
	if err != nil {
		return nil, err
	}
	if err := m.setSchema(s); err != nil {
		return nil, fmt.Errorf("models: schema: %w", err)
	}
	if spec.Dequantise == "variational" && m.made.noise == nil {
		return nil, fmt.Errorf("models: schema: %w", errNoInteger)
	}
	m.named = true
	return m, nil
}

// stated is the schema with names and kinds alone, checked.
func (s Schema) stated() (Schema, error) {
	out := Schema{Ignored: slices.Clone(s.Ignored)}
	if err := ownNames(s.Columns, s.Context); err != nil {
		return out, fmt.Errorf("models: schema: %w", err)
	}
	for i, cols := range [][]Column{s.Columns, s.Context} {
		for _, c := range cols {
			c = Column{Name: c.Name, Kind: c.Kind, Scale: 1}
			switch {
			case c.Of == KindIgnored:
				out.Ignored = append(out.Ignored, c.Name)
			case i == 0:
				out.Columns = append(out.Columns, c)
			default:
				out.Context = append(out.Context, c)
			}
		}
	}
	for _, cols := range [][]Column{out.Columns, out.Context} {
		if _, err := lines(cols); err != nil {
			return out, fmt.Errorf("models: schema: %w", err)
		}
	}
	if len(out.Columns) == 0 {
		return out, fmt.Errorf("models: schema: no columns to model")
	}
	return out, nil
}

// ownNames checks that each column has a name of its own, by which it is found in tables.
func ownNames(columns, context []Column) error {
	seen := map[string]bool{}
	for i, cols := range [][]Column{columns, context} {
		for j, c := range cols {
			of := [2]string{"", " of the context"}[i]
			switch {
			case c.Name == "" || seen[c.Name]:
				return fmt.Errorf("column %d%s is named %q: want a name of its own for each", j+1, of, c.Name)
			case !utf8.ValidString(c.Name):
				return fmt.Errorf("column %d%s is named %q, which is not UTF-8: give it another name", j+1, of, c.Name)
			}
			seen[c.Name] = true
		}
	}
	return nil
}

// columns are a schema made ready for use.
type columns struct {
	schema    Schema
	cols, ctx []line
	// places are the points in the cells of discrete columns at which densities are
	// evaluated: one, of no account, if there is no such column.
	places [][]float64
	flow   *flows.Flow
}

// setSchema gives the model its columns.
func (m *Model) setSchema(s Schema) error {
	cols, err := lines(s.Columns)
	if err != nil {
		return err
	}
	ctx, err := lines(s.Context)
	if err != nil {
		return err
	}
	inputs := 0
	for _, c := range s.Context {
		inputs += c.inputs()
	}
	if len(cols) != m.spec.Dim || inputs != m.spec.Context {
		return fmt.Errorf("%d columns, and %d inputs of context; the model has %d and %d", len(cols), inputs, m.spec.Dim, m.spec.Context)
	}
	if m.spec.Base == "class" && (s.Context[0].Of != KindCategorical || s.Context[0].inputs() != m.spec.Classes) {
		return fmt.Errorf("the base \"class\" wants a context whose first column is %s with %d levels, the classes; %q is %s", KindCategorical, m.spec.Classes, s.Context[0].Name, s.Context[0].Kind)
	}
	flow, err := m.dequantised(cols)
	if err != nil {
		return err
	}
	m.columns = columns{s, cols, ctx, cellPlaces(cols), flow}
	return nil
}

// LogProbOf says what the model's log-probabilities of rows are.
func (s Schema) LogProbOf() string {
	var density, probability []string
	noisy := ""
	for _, c := range s.Columns {
		if c.Discrete() {
			probability = append(probability, c.Name)
			continue
		}
		density = append(density, c.Name)
		if c.Step > 0 {
			noisy = ", of which some are dequantised"
		}
	}
	given := ""
	if len(s.Context) > 0 {
		given = ", given the context"
	}
	switch {
	case len(probability) == 0:
		return "log-density in nats, in the units of the columns" + noisy + given
	case len(density) == 0:
		return "log-probability in nats" + given
	}
	return fmt.Sprintf("log in nats of a probability (%s) times a density in the units of the other columns%s%s", list(probability, 6), noisy, given)
}

// columnName is the name of column j, x1, x2, … or, of the context, c1, c2, … where there
// are none.
func columnName(names []string, j int, context bool) string {
	switch {
	case j < len(names):
		return names[j]
	case context:
		return fmt.Sprintf("c%d", j+1)
	}
	return fmt.Sprintf("x%d", j+1)
}

// renamed checks that data have the model's columns, and returns these with the
// names of the data where the model was not made for columns with names.
func (m *Model) renamed(cols []Column, names []string, what string) ([]Column, error) {
	out := slices.Clone(cols)
	if names == nil {
		return out, nil
	}
	if len(names) != len(cols) {
		return nil, fmt.Errorf("models: fit: %d names for %d columns%s", len(names), len(cols), what)
	}
	for j := range out {
		if m.named && out[j].Name != names[j] {
			return nil, fmt.Errorf("models: fit: column %d of the data%s is %q, the model's is %q: want %s", j+1, what, names[j], out[j].Name, columnNames(cols))
		}
		out[j].Name = names[j]
	}
	return out, nil
}

func columnNames(cols []Column) string {
	var out []string
	for _, c := range cols {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}
