package graph

// views turns a gather of neighbouring columns into a pointer.
func views(p *plan) {
	for _, v := range p.values {
		o, ok := v.k.(gather)
		if !ok || !v.body || v.stage != v.in[0].stage || len(v.outs) > 0 {
			continue
		}
		if start, ok := o.contiguous(); ok {
			v.root, v.start = v.in[0].root, v.in[0].start+start
		}
	}
}

// isView reports whether the value has no storage of its own.
func (v *value) isView() bool { return v.root != v && !v.landed }
