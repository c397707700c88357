package models

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/models/internal/store"
)

// A checkpoint holds everything that the rest of a fit depends on: parameters,
// Adam's moments, the weights kept as best and as average, counters. Shuffles
// and noise are functions of the seed and the counters.

// settings is what must be the same when a fit is resumed.
func (f *fit) settings() string {
	if f.identity != "" {
		return f.identity
	}
	o := f.opts
	h := fnv.New64a()
	var b [8]byte
	for _, t := range []*table{f.train, f.valid} {
		if t == nil {
			continue
		}
		for _, s := range []graph.Elements{t.x.Elements, t.c.Elements, {F64: t.w}} {
			for _, v := range s.F64 {
				binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
				h.Write(b[:])
			}
			for _, v := range s.F32 {
				binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
				h.Write(b[:4])
			}
		}
	}
	s, _ := json.Marshal(map[string]any{ // numbers and strings always marshal
		"epochs": o.Epochs, "steps": o.Steps, "minutes": o.Minutes, "batch": o.Batch, "learn rate": o.LearnRate,
		"weight decay": o.WeightDecay, "schedule": o.Schedule, "warm-up": o.WarmUp, "clip": o.Clip, "ema": o.EMA,
		"patience": o.Patience, "validation every": o.ValidEvery, "seed": o.Seed, "data": fmt.Sprintf("%x", h.Sum64()),
	})
	f.identity = string(s)
	return f.identity
}

func (f *fit) save(path string) error {
	if f.adam == nil {
		return fmt.Errorf("models: fit: checkpoint: only models.Adam can be saved; %T cannot", f.opts.Solver)
	}
	file, err := f.m.file("checkpoint")
	if err != nil {
		return err
	}
	file.Metadata["settings"] = f.settings()
	file.Metadata["done"] = f.s.Done
	for _, p := range f.m.params.All() {
		file.Tensors = append(file.Tensors, tensorOf("", p))
	}
	addProgress(file, "best-progress/", f.kept.at)
	if f.ema != nil {
		addMemory(file, "ema/", f.ema)
	}
	addMoments(file, "adam/", f.adam.m, f.adam.v)
	addProgress(file, "progress/", f.s)
	file.Metadata["adam step"] = strconv.Itoa(f.adam.step)
	return wrap("fit: checkpoint", f.kept.save(path, file))
}

func addMemory(file *store.File, prefix string, s *memory) {
	for i, p := range s.params {
		r, c := p.Shape()
		file.Tensors = append(file.Tensors, store.Tensor{Name: prefix + p.Name(), Shape: []int{r, c}, F32: s.values[i].F32, F64: s.values[i].F64})
	}
}

func addMoments(file *store.File, prefix string, m, v []graph.Elements) {
	for i := range m {
		file.Tensors = append(file.Tensors,
			store.Tensor{Name: fmt.Sprintf("%sm%d", prefix, i), Shape: []int{m[i].Len()}, F32: m[i].F32, F64: m[i].F64},
			store.Tensor{Name: fmt.Sprintf("%sv%d", prefix, i), Shape: []int{v[i].Len()}, F32: v[i].F32, F64: v[i].F64})
	}
}

func addProgress(file *store.File, prefix string, s progress) {
	ints := []int64{int64(s.Step), int64(s.Epoch), int64(s.Pos), int64(s.BestStep), int64(s.Bad), int64(s.Rewinds), int64(s.SinceDrop), int64(s.Rows), int64(s.Fresh)}
	floats := []float64{s.LRScale, s.Best, s.Elapsed, s.Train, s.Valid}
	file.Tensors = append(file.Tensors,
		store.Tensor{Name: prefix + "counters", Shape: []int{len(ints)}, I64: ints},
		store.Tensor{Name: prefix + "numbers", Shape: []int{len(floats)}, F64: floats})
}

func (f *fit) load(path string) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("models: fit: resume from %s: %w", path, fmt.Errorf(format, args...))
	}
	file, err := store.Open(path)
	if err != nil {
		return wrap("fit: resume", err)
	}
	defer file.Close()
	if file.Metadata["kind"] != "checkpoint" {
		return fail("the file is a %s, not a checkpoint", file.Metadata["kind"])
	}
	want, err := f.m.file("checkpoint")
	if err != nil {
		return err
	}
	if file.Metadata["spec"] != want.Metadata["spec"] {
		return fail("the checkpoint is of another model, by %s", differing(file.Metadata["spec"], want.Metadata["spec"]))
	}
	if got := file.Metadata["settings"]; got != f.settings() {
		return fail("the checkpoint is of another fit, by %s; a fit goes on with the rows and settings it began with", differing(got, f.settings()))
	}
	if f.adam == nil {
		return fail("only models.Adam can be resumed; %T cannot", f.opts.Solver)
	}
	all := f.m.params.All()
	prefixes := []string{"", bestPrefix}
	if f.opts.EMA > 0 {
		prefixes = append(prefixes, "ema/")
	}
	for _, prefix := range prefixes {
		if err := checkParams(file, prefix, all); err != nil {
			return fail("%w", err)
		}
	}
	m, v, err := getMoments(file, "adam/", f.params)
	if err != nil {
		return fail("%w", err)
	}
	step, err := strconv.Atoi(file.Metadata["adam step"])
	if err != nil {
		return fail("Adam's step: %w", err)
	}
	if f.s, err = getProgress(file, "progress/", f.train.rows); err != nil {
		return fail("%w", err)
	}
	if f.kept.at, err = getProgress(file, "best-progress/", f.train.rows); err != nil {
		return fail("%w", err)
	}
	if err := f.kept.load(file); err != nil {
		return fail("%w", err)
	}
	if f.opts.EMA > 0 {
		if f.ema, err = readMemory(file, "ema/", all); err != nil {
			return fail("%w", err)
		}
	}
	if err := f.m.fill(file, ""); err != nil {
		return fail("%w", err)
	}
	f.adam.restore(m, v, step)
	f.s.Done = file.Metadata["done"]
	return nil
}

func getMoments(file *store.File, prefix string, params []*graph.Param) (m, v []graph.Elements, err error) {
	if file.Tensor(prefix+"m0") == nil {
		return nil, nil, nil // before the first step
	}
	like := sideBySide(params, 2)
	for i, p := range params {
		value, _ := p.Elements()
		a, b := file.Tensor(fmt.Sprintf("%sm%d", prefix, i)), file.Tensor(fmt.Sprintf("%sv%d", prefix, i))
		fits := func(t *store.Tensor) bool { return t != nil && t.Holds(value.Len(), value.F32 != nil) }
		if !fits(a) || !fits(b) {
			return nil, nil, fmt.Errorf("moments %d are missing or have another size", i)
		}
		x, y := like(value), like(value)
		if err := errors.Join(a.ReadTo(x.F32, x.F64), b.ReadTo(y.F32, y.F64)); err != nil {
			return nil, nil, err
		}
		m, v = append(m, x), append(v, y)
	}
	return m, v, nil
}

// differing lists what two JSON objects have differently: that of the checkpoint and that
// of the fit.
func differing(there, here string) string {
	var a, b map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(there), &a), json.Unmarshal([]byte(here), &b)); err != nil {
		return fmt.Sprintf("%s there, %s here", there, here)
	}
	keys := map[string]json.RawMessage{}
	maps.Copy(keys, a)
	maps.Copy(keys, b)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		text := func(v json.RawMessage) string {
			if v == nil {
				return "none"
			}
			return string(v)
		}
		switch v, w := text(a[k]), text(b[k]); {
		case v == w:
		case k == "data":
			out = append(out, "the rows of data")
		default:
			out = append(out, fmt.Sprintf("%s: %s there, %s here", k, v, w))
		}
	}
	return strings.Join(out, ", ")
}

func getProgress(file *store.File, prefix string, rows int) (s progress, err error) {
	c, n := file.Tensor(prefix+"counters"), file.Tensor(prefix+"numbers")
	if c == nil || n == nil || c.Load() != nil || n.Load() != nil || len(c.I64) != 9 || len(n.F64) != 5 {
		return s, fmt.Errorf("the counters are missing")
	}
	i := c.I64
	if slices.Min(i) < 0 || i[2] >= int64(rows) {
		return s, fmt.Errorf("tensor %q: %v: want none negative, and the third less than the %d rows", c.Name, i, rows)
	}
	s = progress{Step: int(i[0]), Epoch: int(i[1]), Pos: int(i[2]), BestStep: int(i[3]), Bad: int(i[4]), Rewinds: int(i[5]),
		SinceDrop: int(i[6]), Rows: int(i[7]), Fresh: int(i[8]), LRScale: n.F64[0], Best: n.F64[1], Elapsed: n.F64[2], Train: n.F64[3], Valid: n.F64[4]}
	return s, nil
}
