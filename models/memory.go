package models

import "github.com/gorgeflow/gorge/graph"

// memory is a copy of parameters and, if asked for, of Adam's moments.
type memory struct {
	values []graph.Elements
	m, v   []graph.Elements
	step   int
}

func newMemory(params []*graph.Param) *memory {
	s := &memory{}
	for _, p := range params {
		e, _ := p.Elements()
		s.values = append(s.values, like(e))
	}
	return s
}

// like returns zeros of the type and length of e.
func like(e graph.Elements) graph.Elements {
	if e.F64 != nil {
		return graph.NewElements(graph.Float64, e.Len())
	}
	return graph.NewElements(graph.Float32, e.Len())
}

func (s *memory) take(params []*graph.Param) {
	for i, p := range params {
		e, _ := p.Elements()
		s.values[i].Copy(e)
	}
}

func (s *memory) put(params []*graph.Param) {
	for i, p := range params {
		e, _ := p.Elements()
		e.Copy(s.values[i])
	}
	if len(params) > 0 {
		params[0].Touch()
	}
}

// average moves the copy towards the parameters; what is no weight is copied.
func (s *memory) average(params []*graph.Param, decay float64) {
	for i, p := range params {
		e, _ := p.Elements()
		if p.IsTrainable() {
			s.values[i].Average(e, 1-decay)
		} else {
			s.values[i].Copy(e)
		}
	}
}

func (s *memory) takeAdam(a *Adam) {
	if s.m == nil {
		for i := range a.m {
			s.m, s.v = append(s.m, like(a.m[i])), append(s.v, like(a.v[i]))
		}
	}
	for i := range a.m {
		s.m[i].Copy(a.m[i])
		s.v[i].Copy(a.v[i])
	}
	s.step = a.step
}

func (s *memory) putAdam(a *Adam) {
	if s.m == nil { // before the first step
		a.restore(nil, nil, s.step)
		return
	}
	for i := range s.m {
		a.m[i].Copy(s.m[i])
		a.v[i].Copy(s.v[i])
	}
	a.step = s.step
}
