package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// exchange is one round of a transposition: vectors i and i+gap become two others,
// by instructions that take elements of size bytes in turn within each 16 bytes, or
// by pieces of 16 bytes.
type exchange struct {
	gap, size int
	lo, hi    func(...Op)
}

// exchanges are by halves: pairs of single elements, then of doubles, then of 16 bytes.
func (e element) exchanges() []exchange {
	pieces := func(f func(a, b, c, d Op), lo, hi uint64, gap int) exchange {
		with := func(imm uint64) func(...Op) {
			return func(o ...Op) { f(Imm(imm), o[0], o[1], o[2]) }
		}
		return exchange{gap, 16, with(lo), with(hi)}
	}
	shuffle := func(i, a, b, c Op) { VSHUFF64X2(i, a, b, c) }
	var all []exchange
	gap := 1
	if e.size == 4 {
		all = append(all, exchange{1, 4, VUNPCKLPS, VUNPCKHPS})
		gap = 2
	}
	all = append(all, exchange{gap, 8, VUNPCKLPD, VUNPCKHPD})
	if e.half {
		return append(all, pieces(VPERM2F128, 0x20, 0x31, 2*gap))
	}
	return append(all, pieces(shuffle, 0x88, 0xdd, 2*gap), pieces(shuffle, 0x88, 0xdd, 4*gap))
}

// flip transposes a square block of one vector's lanes: feature f stands at
// src + f·128, row r goes to dst + r·256, or r·64 for AVX2.
func flip(e element) {
	TEXT("flip"+e.name, NOSPLIT, fmt.Sprintf("func(dst, src *%s)", e.goType))
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	v, rows := e.transpose(func(i int) vec { return e.loadVec(Mem{Base: src, Disp: i * panelBytes}) })
	for i := range v {
		v[i].store(Mem{Base: dst, Disp: rows[i] * e.transposed()})
	}
	VZEROUPPER()
	RET()
}

// transpose takes the lines of a block of lanes by lanes: vector i of the result is row
// order[i] of the block's transpose.
func (e element) transpose(line func(i int) vec) (v []vec, order []int) {
	v = make([]vec, e.lanes())
	for i := range v {
		v[i] = line(i)
	}
	for _, x := range e.exchanges() {
		for i := range v {
			if i&x.gap == 0 {
				a, b := e.vec(), e.vec()
				x.lo(v[i+x.gap].r, v[i].r, a.r)
				x.hi(v[i+x.gap].r, v[i].r, b.r)
				v[i], v[i+x.gap] = a, b
			}
		}
	}
	return v, flippedRows(e)
}

// flippedRows follows the numbers through the exchanges, to see which row each
// vector holds in the end.
func flippedRows(e element) []int {
	type cell struct{ feature, row int }
	n := e.lanes()
	v := make([][]cell, n)
	for f := range v {
		for r := range n {
			v[f] = append(v[f], cell{f, r})
		}
	}
	for _, x := range e.exchanges() {
		for i := range v {
			if i&x.gap == 0 {
				v[i], v[i+x.gap] = exchanged(e, x.size, v[i], v[i+x.gap])
			}
		}
	}
	rows := make([]int, n)
	for i := range v {
		rows[i] = v[i][0].row
		for lane, c := range v[i] {
			if c.feature != lane || c.row != rows[i] {
				panic(fmt.Sprintf("flip: vector %d lane %d holds feature %d of row %d", i, lane, c.feature, c.row))
			}
		}
	}
	return rows
}

// exchanged is what the instructions make of two vectors.
func exchanged[C any](e element, size int, a, b []C) (lo, hi []C) {
	per := 16 / e.size // elements in 16 bytes
	if size == 16 {
		sides := [2][]C{}
		for side := range sides {
			for _, src := range [][]C{a, b} {
				for q := side; q < len(a)/per; q += 2 {
					sides[side] = append(sides[side], src[q*per:][:per]...)
				}
			}
		}
		return sides[0], sides[1]
	}
	k := size / e.size
	for q := 0; q < len(a); q += per {
		for half, to := range []*[]C{&lo, &hi} {
			for s := q + half*per/2; s < q+(half+1)*per/2; s += k {
				*to = append(*to, a[s:s+k]...)
				*to = append(*to, b[s:s+k]...)
			}
		}
	}
	return lo, hi
}
