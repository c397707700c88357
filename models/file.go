package models

import (
	"encoding/json"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/models/internal/store"
)

// Save writes the model to one safetensors file: parameters as tensors,
// architecture and columns with their scaling as JSON in the metadata. It is
// written under a temporary name, synced and renamed.
func (m *Model) Save(path string) error { return m.save(path, store.Write) }

func (m *Model) save(path string, write func(string, *store.File) error) error {
	f, err := m.file("model")
	if err != nil {
		return err
	}
	for _, p := range m.params.All() {
		f.Tensors = append(f.Tensors, tensorOf("", p))
	}
	return wrap("save", write(path, f))
}

// Load reads a model that Save wrote. What the model is stands in the file.
func Load(path string) (*Model, error) {
	f, err := store.Open(path)
	if err != nil {
		return nil, wrap("load", err)
	}
	defer f.Close()
	m, err := fromFile(f, "model")
	if err != nil {
		return nil, fmt.Errorf("models: load %s: %w", path, err)
	}
	if err := m.fill(f, ""); err != nil {
		return nil, fmt.Errorf("models: load %s: %w", path, err)
	}
	for _, p := range m.params.All() {
		e, _ := p.Elements()
		if at, v, ok := notFinite(e); ok {
			return nil, fmt.Errorf("models: load %s: tensor %q: element %d is %v: what was saved is no fitted model; fit it again", path, p.Name(), at, v)
		}
	}
	return m, nil
}

// notFinite finds the first element that is NaN or infinite.
func notFinite(e graph.Elements) (at int, v float64, ok bool) {
	for i, v := range e.F32 {
		if !finiteNumber(float64(v)) {
			return i, float64(v), true
		}
	}
	for i, v := range e.F64 {
		if !finiteNumber(v) {
			return i, v, true
		}
	}
	return 0, 0, false
}

func wrap(task string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("models: %s: %w", task, err)
}

func (m *Model) file(kind string) (*store.File, error) {
	spec, err := json.Marshal(m.spec)
	if err != nil {
		return nil, fmt.Errorf("models: save: %w", err)
	}
	schema, err := json.Marshal(m.schema)
	if err != nil {
		return nil, fmt.Errorf("models: save: scaling: %w", err)
	}
	return &store.File{Metadata: map[string]string{"kind": kind, "spec": string(spec), "schema": string(schema)}}, nil
}

func fromFile(f *store.File, kind string) (*Model, error) {
	if got := f.Metadata["kind"]; got != kind {
		return nil, fmt.Errorf("the file is a %s, not a %s", got, kind)
	}
	var spec Spec
	if err := json.Unmarshal([]byte(f.Metadata["spec"]), &spec); err != nil {
		return nil, fmt.Errorf("architecture: %w", err)
	}
	m, err := New(spec)
	if err != nil {
		return nil, err
	}
	var s Schema
	if err := json.Unmarshal([]byte(f.Metadata["schema"]), &s); err != nil {
		return nil, fmt.Errorf("columns: %w", err)
	}
	for j := range s.Columns { // files of version 1 say nothing about angles
		if c := &s.Columns[j]; m.inRadians() && c.Of == "" {
			c.Kind = Radians()
		}
	}
	if err := m.setSchema(s); err != nil {
		return nil, fmt.Errorf("columns: %w", err)
	}
	return m, nil
}

func tensorOf(prefix string, p *graph.Param) store.Tensor {
	r, c := p.Shape()
	a, _ := p.Float32()
	b, _ := p.Float64()
	return store.Tensor{Name: prefix + p.Name(), Shape: []int{r, c}, F32: a, F64: b}
}

// fill sets the parameters from the tensors of the file; if one does not fit, none.
func (m *Model) fill(f *store.File, prefix string) error {
	if err := checkParams(f, prefix, m.params.All()); err != nil {
		return err
	}
	defer m.params.Changed()
	for _, p := range m.params.All() {
		e, _ := p.Elements()
		if err := f.Tensor(prefix+p.Name()).ReadTo(e.F32, e.F64); err != nil {
			return err
		}
	}
	return nil
}
