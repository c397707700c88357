package models

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/models/internal/store"
)

// kept is the best weights so far, to go back to and to end with: in memory or, where
// FitOptions.Best names one, in a model file.
type kept struct {
	m    *Model
	path string
	copy *memory
	at   progress
}

// keep keeps the weights as they are.
func (k *kept) keep(at progress) error {
	k.at = at
	switch {
	case k.path != "":
		return k.m.save(k.path, store.WriteSoon)
	case k.copy == nil:
		k.copy = newMemory(k.m.params.All())
	default:
		k.copy.take()
	}
	return nil
}

// put brings the weights back.
func (k *kept) put() error {
	if k.path == "" {
		k.copy.put()
		return nil
	}
	f, err := store.Open(k.path)
	if err != nil {
		return wrap("fit: the best weights so far", err)
	}
	defer f.Close()
	return wrap("fit: the best weights so far", k.m.fill(f, ""))
}

// bestPrefix is before the names of the tensors in a checkpoint.
const bestPrefix = "best/"

// save writes a checkpoint with the weights added to it.
func (k *kept) save(path string, file *store.File) error {
	if k.path == "" {
		addMemory(file, bestPrefix, k.copy)
		return store.Write(path, file)
	}
	f, err := store.Open(k.path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, t := range f.Tensors {
		t.Name = bestPrefix + t.Name
		file.Tensors = append(file.Tensors, t)
	}
	return store.Write(path, file)
}

// load takes the weights from a checkpoint.
func (k *kept) load(file *store.File) (err error) {
	all := k.m.params.All()
	if k.path == "" {
		k.copy, err = readMemory(file, bestPrefix, all)
		return err
	}
	own, err := k.m.file("model")
	if err != nil {
		return err
	}
	for _, p := range all {
		t := *file.Tensor(bestPrefix + p.Name())
		t.Name = p.Name()
		own.Tensors = append(own.Tensors, t)
	}
	return store.WriteSoon(k.path, own)
}

// readMemory reads a copy of the parameters.
func readMemory(file *store.File, prefix string, all []*graph.Param) (*memory, error) {
	s := &memory{params: all}
	like := sideBySide(all, 1)
	for _, p := range all {
		e, _ := p.Elements()
		to := like(e)
		if err := file.Tensor(prefix+p.Name()).ReadTo(to.F32, to.F64); err != nil {
			return nil, err
		}
		s.values = append(s.values, to)
	}
	return s, nil
}

// checkParams checks that the file has a tensor for each parameter.
func checkParams(file *store.File, prefix string, all []*graph.Param) error {
	for _, p := range all {
		t := file.Tensor(prefix + p.Name())
		r, c := p.Shape()
		e, _ := p.Elements()
		switch {
		case t == nil:
			return fmt.Errorf("tensor %q is missing", prefix+p.Name())
		case len(t.Shape) != 2 || t.Shape[0] != r || t.Shape[1] != c || !t.Holds(r*c, e.F32 != nil):
			dt := graph.Float64
			if e.F32 != nil {
				dt = graph.Float32
			}
			return fmt.Errorf("tensor %q: shape %v, want (%d, %d) of %s", t.Name, t.Shape, r, c, dt)
		}
	}
	return nil
}
