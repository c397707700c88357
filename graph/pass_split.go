package graph

// shardRows is how many rows a worker takes at once: 128 rows in both
// element types, or twice as many in programs that split finds narrow. Sums over rows
// are added shard by shard, so that it decides their rounding; it must not depend on the
// machine.
const shardRows = 128

// narrowCols is how many columns a tile has at most for twice the rows to stay in the
// second-level cache: 512 KB of float32.
const narrowCols = 512

// split chooses how many rows a worker may take at once: twice as many where nothing is
// summed up over rows and values have few columns, so that steps are half as many.
func split(p *plan) {
	p.rows = shardRows
	if p.bodyCols > narrowCols {
		return
	}
	for _, v := range p.values {
		if _, inner := v.k.(solve); inner || v.reduce {
			return
		}
	}
	p.rows = 2 * shardRows
}

// shardsEach is how many shards there are for each core at least, if they are larger than
// shardRows: else cores would wait at the end.
const shardsEach = 8

// shard is how many rows of a run each shard has, on so many cores.
func (p *plan) shard(rows, cores int) int {
	if rows < p.rows*shardsEach*cores {
		return shardRows
	}
	return p.rows
}
