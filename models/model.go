package models

import (
	"fmt"
	"math"
	"strconv"
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
	engines map[task]*engine
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
	m := &Model{spec: spec, dtype: dt, params: graph.NewParams(dt, spec.Seed), engines: map[task]*engine{}}
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
// in radians in a model of such alone, and classes 0, 1, … for the base "class".
func (m *Model) plainSchema() Schema {
	s := Schema{Columns: make([]Column, m.spec.Dim)}
	if n := m.spec.Context - max(m.spec.Classes-1, 0); n > 0 {
		s.Context = make([]Column, n)
	}
	for i, cs := range [][]Column{s.Columns, s.Context} {
		for j := range cs {
			cs[j] = Column{Name: columnName(nil, j, i == 1), Scale: 1}
			if i == 0 && m.inRadians() {
				cs[j].Kind = Radians()
			}
			if i == 1 && j == 0 && m.spec.Classes > 0 {
				cs[j].Kind = Kind{Of: KindCategorical}
				for k := range m.spec.Classes {
					cs[j].Levels = append(cs[j].Levels, strconv.Itoa(k))
				}
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

// NSFAR makes an autoregressive neural spline flow (Durkan et al. 2019,
// arXiv:1906.04032).
func NSFAR(dim int, s Spec) (*Model, error) { return named("nsf-ar", dim, s) }

// MADE makes a masked autoencoder for distribution estimation, a Gaussian in each
// conditional (Germain et al. 2015, arXiv:1502.03509): a base without layers.
func MADE(dim int, s Spec) (*Model, error) { return named("made", dim, s) }

// MADEMoG makes a masked autoencoder with mixtures of Gaussians as conditionals
// (Papamakarios et al. 2017, arXiv:1705.07057).
func MADEMoG(dim int, s Spec) (*Model, error) { return named("made-mog", dim, s) }

// MAFMoG makes a masked autoregressive flow on the noise of MADEMoG (Papamakarios et al.
// 2017, arXiv:1705.07057).
func MAFMoG(dim int, s Spec) (*Model, error) { return named("maf-mog", dim, s) }

// NAF makes a neural autoregressive flow of deep sigmoidal maps (Huang et al. 2018,
// arXiv:1804.00779).
func NAF(dim int, s Spec) (*Model, error) { return named("naf", dim, s) }

// BNAF makes a block neural autoregressive flow (De Cao et al. 2019, arXiv:1904.04676).
func BNAF(dim int, s Spec) (*Model, error) { return named("bnaf", dim, s) }

// UMNN makes a flow of unconstrained monotonic neural networks (Wehenkel & Louppe 2019,
// arXiv:1908.05164).
func UMNN(dim int, s Spec) (*Model, error) { return named("umnn", dim, s) }

// SOS makes a flow of sum-of-squares polynomials (Jaini et al. 2019, arXiv:1905.02325).
func SOS(dim int, s Spec) (*Model, error) { return named("sos", dim, s) }

// Bernstein makes a flow of Bernstein polynomials (Ramasinghe et al. 2022,
// arXiv:2102.03509).
func Bernstein(dim int, s Spec) (*Model, error) { return named("bernstein", dim, s) }

// Gaussianization makes a flow of mixtures by column and linear maps (Meng et al. 2020,
// arXiv:2003.01941).
func Gaussianization(dim int, s Spec) (*Model, error) { return named("gaussianization", dim, s) }

// Sylvester makes a Sylvester flow (van den Berg et al. 2018, arXiv:1803.05649).
func Sylvester(dim int, s Spec) (*Model, error) { return named("sylvester", dim, s) }

// Planar makes a flow of planar layers (Rezende & Mohamed 2015, arXiv:1505.05770).
func Planar(dim int, s Spec) (*Model, error) { return named("planar", dim, s) }

// Radial makes a flow of radial layers (Rezende & Mohamed 2015, arXiv:1505.05770).
func Radial(dim int, s Spec) (*Model, error) { return named("radial", dim, s) }

// INN makes an invertible network of all-in-one blocks (Ardizzone et al. 2019,
// arXiv:1907.02392).
func INN(dim int, s Spec) (*Model, error) { return named("inn", dim, s) }

// GIN makes a general incompressible-flow network (Sorrenson et al. 2020,
// arXiv:2001.04872).
func GIN(dim int, s Spec) (*Model, error) { return named("gin", dim, s) }

// FlowPlusPlus makes a flow of couplings by mixtures of logistics, Flow++ (Ho et al.
// 2019, arXiv:1902.00275).
func FlowPlusPlus(dim int, s Spec) (*Model, error) { return named("flow++", dim, s) }

// NCSF makes a neural circular spline flow, whose columns are angles (Rezende et al.
// 2020, arXiv:2002.02428).
func NCSF(dim int, s Spec) (*Model, error) { return named("ncsf", dim, s) }

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
