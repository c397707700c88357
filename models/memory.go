package models

import "github.com/gorgeflow/gorge/graph"

// memory is a copy of parameters and, if asked for, of Adam's moments.
type memory struct {
	f32  [][]float32
	f64  [][]float64
	m, v [][]float64
	step int
}

func newMemory(params []*graph.Param) *memory {
	s := &memory{}
	for _, p := range params {
		a, _ := p.Float32()
		b, _ := p.Float64()
		s.f32, s.f64 = append(s.f32, make([]float32, len(a))), append(s.f64, make([]float64, len(b)))
	}
	return s
}

func (s *memory) take(params []*graph.Param) {
	for i, p := range params {
		a, _ := p.Float32()
		b, _ := p.Float64()
		copy(s.f32[i], a)
		copy(s.f64[i], b)
	}
}

func (s *memory) put(params []*graph.Param) {
	for i, p := range params {
		a, _ := p.Float32()
		b, _ := p.Float64()
		copy(a, s.f32[i])
		copy(b, s.f64[i])
	}
	if len(params) > 0 {
		params[0].Touch()
	}
}

// average moves the copy towards the parameters; what is no weight is copied.
func (s *memory) average(params []*graph.Param, decay float64) {
	for i, p := range params {
		d := decay
		if !p.IsTrainable() {
			d = 0
		}
		a, _ := p.Float32()
		for j, v := range a {
			s.f32[i][j] = float32(d*float64(s.f32[i][j]) + (1-d)*float64(v))
		}
		b, _ := p.Float64()
		for j, v := range b {
			s.f64[i][j] = d*s.f64[i][j] + (1-d)*v
		}
	}
}

func (s *memory) takeAdam(a *Adam) {
	if s.m == nil && a.m != nil {
		s.m, s.v = make([][]float64, len(a.m)), make([][]float64, len(a.v))
	}
	for i := range a.m {
		s.m[i], s.v[i] = append(s.m[i][:0], a.m[i]...), append(s.v[i][:0], a.v[i]...)
	}
	s.step = a.step
}

func (s *memory) putAdam(a *Adam) {
	a.step = s.step
	if s.m == nil { // before the first step
		a.m, a.v = nil, nil
		return
	}
	for i := range s.m {
		copy(a.m[i], s.m[i])
		copy(a.v[i], s.v[i])
	}
}
