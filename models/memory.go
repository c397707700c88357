package models

import "github.com/gorgeflow/gorge/graph"

// memory is a copy of parameters.
type memory struct {
	params []*graph.Param
	values []graph.Elements
}

// newMemory returns a copy of the parameters as they are.
func newMemory(params []*graph.Param) *memory {
	s := &memory{params: params}
	like := sideBySide(params, 1)
	for _, p := range params {
		e, _ := p.Elements()
		s.values = append(s.values, like(e))
	}
	s.take()
	return s
}

// sideBySide returns a maker of zeros of the length of what it is given, in memory that
// those for so many copies of the parameters share.
func sideBySide(params []*graph.Param, copies int) func(graph.Elements) graph.Elements {
	dt := graph.Float32
	var lengths []int
	for range copies {
		for _, p := range params {
			e, _ := p.Elements()
			if e.F64 != nil {
				dt = graph.Float64
			}
			lengths = append(lengths, e.Len())
		}
	}
	arena := graph.NewArena(dt, lengths...)
	return func(e graph.Elements) graph.Elements { return arena.New(e.Len()) }
}

// take copies the parameters.
func (s *memory) take() {
	for i, p := range s.params {
		e, _ := p.Elements()
		s.values[i].Copy(e)
	}
}

// put sets the parameters to the copy.
func (s *memory) put() {
	for i, p := range s.params {
		e, _ := p.Elements()
		e.Copy(s.values[i])
	}
	s.touch()
}

// exchange gives the parameters the values of the copy, and the copy theirs.
func (s *memory) exchange() {
	for i, p := range s.params {
		e, _ := p.Elements()
		e.Exchange(s.values[i])
	}
	s.touch()
}

func (s *memory) touch() {
	if len(s.params) > 0 {
		s.params[0].Touch()
	}
}

// of is the copy of some of the parameters, none if there is no copy.
func (s *memory) of(params []*graph.Param) []graph.Elements {
	if s == nil {
		return nil
	}
	at := map[*graph.Param]graph.Elements{}
	for i, p := range s.params {
		at[p] = s.values[i]
	}
	out := make([]graph.Elements, len(params))
	for i, p := range params {
		out[i] = at[p]
	}
	return out
}

// average moves the copy towards the parameters, unless the optimiser has moved that
// of the weights already; what is no weight is copied.
func (s *memory) average(decay float64, moved bool) {
	for i, p := range s.params {
		e, _ := p.Elements()
		switch {
		case !p.IsTrainable():
			s.values[i].Copy(e)
		case !moved:
			s.values[i].Average(e, 1-decay)
		}
	}
}
