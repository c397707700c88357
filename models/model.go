package models

import (
	"fmt"
	"math"
	"sync"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// Model is a flow with the scaling of its columns: a density in the units of the
// user's data.
type Model struct {
	spec   Spec
	dtype  graph.DType
	params *graph.Params
	made   *builder
	columns
	named bool // the data of a fit must have the schema's names

	mu      sync.Mutex
	engines map[string]*engine
}

// New makes an untrained model near the identity, of columns of real numbers; see
// [NewFor] for others.
func New(spec Spec) (*Model, error) {
	spec, f, err := spec.complete()
	if err != nil {
		return nil, err
	}
	dt, err := graph.ParseDType(spec.DType)
	if err != nil {
		return nil, err
	}
	m := &Model{spec: spec, dtype: dt, params: graph.NewParams(dt, spec.Seed), engines: map[string]*engine{}}
	m.made = &builder{Spec: spec, p: m.params}
	m.made.build(f)
	if err := m.params.Err(); err != nil {
		return nil, fmt.Errorf("models: %s: %w", spec.Model, err)
	}
	if err := m.setSchema(m.plainSchema()); err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	return m, nil
}

// plainSchema is that of columns of which nothing is known: real numbers, or angles
// in radians in a model of such.
func (m *Model) plainSchema() Schema {
	s := Schema{Columns: make([]Column, m.spec.Dim)}
	if m.spec.Context > 0 {
		s.Context = make([]Column, m.spec.Context)
	}
	for i, cs := range [][]Column{s.Columns, s.Context} {
		for j := range cs {
			cs[j] = Column{Name: columnName(nil, j), Scale: 1}
			if i == 0 && m.angles() {
				cs[j].Kind = Radians()
			}
		}
	}
	return s
}

// Radians is the kind of angles from -π to π.
func Radians() Kind { return Kind{Of: KindPeriodic, Period: 2 * math.Pi, Origin: -math.Pi} }

// RealNVP makes a model of affine couplings (Dinh et al. 2017,
// arXiv:1605.08803) of dim columns. Of s, Model and Dim are set.
func RealNVP(dim int, s Spec) (*Model, error) { return named("realnvp", dim, s) }

// NICE makes a model of additive couplings (Dinh et al. 2015, arXiv:1410.8516).
func NICE(dim int, s Spec) (*Model, error) { return named("nice", dim, s) }

// MAF makes a masked autoregressive flow (Papamakarios et al. 2017,
// arXiv:1705.07057).
func MAF(dim int, s Spec) (*Model, error) { return named("maf", dim, s) }

// IAF makes an inverse autoregressive flow (Kingma et al. 2016,
// arXiv:1606.04934).
func IAF(dim int, s Spec) (*Model, error) { return named("iaf", dim, s) }

// NSF makes a neural spline flow of couplings (Durkan et al. 2019,
// arXiv:1906.04032).
func NSF(dim int, s Spec) (*Model, error) { return named("nsf", dim, s) }

// NSFAR makes an autoregressive neural spline flow.
func NSFAR(dim int, s Spec) (*Model, error) { return named("nsf-ar", dim, s) }

func named(name string, dim int, s Spec) (*Model, error) {
	s.Model, s.Dim = name, dim
	return New(s)
}

// Spec returns what the model is, defaults filled in.
func (m *Model) Spec() Spec { return m.spec }

// Schema returns the columns with their scaling.
func (m *Model) Schema() Schema { return m.schema }

// Flow returns the flow itself, which speaks of standardised columns.
func (m *Model) Flow() *flows.Flow { return m.flow }

// Params returns the parameters.
func (m *Model) Params() *graph.Params { return m.params }

// Parameters returns the number of trainable numbers.
func (m *Model) Parameters() int { return m.params.Count() }
