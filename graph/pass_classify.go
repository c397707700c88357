package graph

// classify finds what has rows, and the stage of each value. A program runs as
//
//	flat 0, body 0, sums 0, flat 1, body 1, sums 1, …
//
// where flat steps work on values without rows, body steps on tiles of rows,
// and the sums over rows that a body stage makes are ready in the next stage.
func classify(p *plan) {
	for _, v := range p.values {
		v.body = v.d.rows
		if v.k == nil {
			continue
		}
		for _, a := range v.in {
			s := a.stage
			if a.body && !v.body {
				v.reduce = true
				s++
			}
			v.stage = max(v.stage, s)
		}
		p.stages = max(p.stages, v.stage)
	}
	p.stages++
}
