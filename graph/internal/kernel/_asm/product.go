package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pairTile is the most features of a tile that is two panels wide: 24 sums, four
// vectors of the panels, and the rest for elements of A.
const pairTile = 6

// productSignature is of all the products; those of one panel take no notice of the
// steps and of ahead.
const productSignature = "func(k int, a *%[1]s, lda int, b *%[1]s, bstep int, c *%[1]s, cstep int, bias *%[1]s, mode int, limits, of *%[1]s, ofstep int, ahead *%[1]s)"

// tile is the sums of mr features of one panel or two that a product keeps in
// registers; with vectors of 32 bytes it is half a panel, one half after the other.
type tile struct {
	e      element
	mr     int
	panels int
	trans  bool
	a, lda Register
	base   []Register // rows of A in threes: base, base + lda, base + 2 lda
	b      []Register // of each panel
	half   Register   // where the half begins in a line of a panel, nil if it is taken whole
	ahead  Register
	acc    [][]VecVirtual
}

// product computes mr features of a panel, c[i] = start[i] + Σ_p A[i][p] b[p],
// with A row-major (nn) or its transpose (tn), each element of A broadcast.
// Mode 0 starts at zero, 1 at the bias of each feature, 2 at what c holds. Each
// sum runs in order of p in one register, so that it does not depend on mr. With
// limits, results of nn are clamped to them, and those of tn are zero where the
// element of the panel of does not lie between them.
//
// Of two panels (nnp, tnp) the second stands bstep elements behind the first, and c and
// of likewise: half as many elements of A are loaded for each multiplication. What the
// next call wants is fetched on the way: three rows of A from ahead on (nnp), or what is
// behind this tile in its own rows (tnp).
func product(e element, mr, panels int, trans bool) {
	name := "nn"
	if trans {
		name = "tn"
	}
	if panels == 2 {
		name += "p"
	}
	TEXT(e.kernel(name, mr), NOSPLIT, fmt.Sprintf(productSignature, e.goType))
	Pragma("noescape")
	t := &tile{e: e, mr: mr, panels: panels, trans: trans}
	t.half = e.firstHalf()
	t.load()
	t.start()
	t.sum()
	t.store()
}

// kernel is the name of a kernel for n features, inputs or vectors.
func (e element) kernel(name string, n int) string {
	if e.half {
		return fmt.Sprintf("%s%s%d", name, e.name, n)
	}
	return fmt.Sprintf("%s%sx%d", name, e.name, n)
}

// load finds the rows of A and the panels of b.
func (t *tile) load() {
	t.a, t.lda = Load(Param("a"), GP64()), Load(Param("lda"), GP64())
	SHLQ(Imm(t.e.shift()), t.lda)
	t.base = []Register{t.a}
	if !t.trans && t.mr > 3 {
		lda3 := GP64()
		LEAQ(Mem{Base: t.lda, Index: t.lda, Scale: 2}, lda3)
		for i := 3; i < t.mr; i += 3 {
			q := GP64()
			LEAQ(Mem{Base: t.base[len(t.base)-1], Index: lda3, Scale: 1}, q)
			t.base = append(t.base, q)
		}
	}
	t.b = t.panelsOf("b")
	if (t.panels == 2 || t.half != nil) && !t.trans {
		t.ahead = Load(Param("ahead"), GP64())
	}
	t.acc = make([][]VecVirtual, t.mr)
	for i := range t.acc {
		for range 2 * t.panels {
			t.acc[i] = append(t.acc[i], t.e.vec().r)
		}
	}
}

// panelsOf loads the places of a parameter's panels.
func (t *tile) panelsOf(name string) []Register {
	at := []Register{Load(Param(name), GP64())}
	if t.half != nil {
		ADDQ(t.half, at[0])
	}
	if t.panels == 2 {
		second := Load(Param(name+"step"), GP64())
		LEAQ(Mem{Base: at[0], Index: second, Scale: uint8(t.e.size)}, second)
		at = append(at, second)
	}
	return at
}

// vector is vector v of a feature, two of them in each panel or its half.
func (t *tile) vector(panels []Register, feature, v int) Mem {
	return Mem{Base: panels[v/2], Disp: feature*panelBytes + t.e.width()*(v%2)}
}

// each calls f for the sums of the tile and their places in the panels.
func (t *tile) each(panels []Register, f func(z VecVirtual, m Mem)) {
	for i := range t.acc {
		for v, z := range t.acc[i] {
			f(z, t.vector(panels, i, v))
		}
	}
}

// startSums starts sums as the parameter mode says: 0 at zero, 1 at the bias, 2 at what is
// held.
func startSums(e element, mode Register, sums []VecVirtual, bias, held func()) {
	CMPQ(mode, Imm(1))
	JEQ(LabelRef("bias"))
	JGT(LabelRef("resume"))
	for _, z := range sums {
		e.clear(z)
	}
	JMP(LabelRef("begin"))
	Label("bias")
	bias()
	JMP(LabelRef("begin"))
	Label("resume")
	held()
	Label("begin")
}

// start is what the mode says.
func (t *tile) start() {
	startSums(t.e, Load(Param("mode"), GP64()), slices.Concat(t.acc...), func() {
		bias := Load(Param("bias"), GP64())
		for i := range t.acc {
			t.e.broadcast(Mem{Base: bias, Disp: i * t.e.size}, t.acc[i][0])
			for _, z := range t.acc[i][1:] {
				VMOVUPS(t.acc[i][0], z)
			}
		}
	}, func() {
		t.each(t.panelsOf("c"), func(z VecVirtual, m Mem) { t.e.load(m, z) })
	})
}

// sum goes over the k terms, four at a time and then one by one.
func (t *tile) sum() {
	k := Load(Param("k"), GP64())
	CMPQ(k, Imm(4))
	JLT(LabelRef("tail"))
	Label("loop")
	if t.ahead != nil {
		for r := range 3 {
			m := Mem{Base: t.ahead}
			if r > 0 {
				m.Index, m.Scale = t.lda, uint8(r)
			}
			PREFETCHT1(m)
		}
		ADDQ(Imm(uint64(4*t.e.size)), t.ahead)
	}
	for u := range 4 {
		t.term(u)
	}
	t.advance(4)
	SUBQ(Imm(4), k)
	CMPQ(k, Imm(4))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(k, k)
	JZ(LabelRef("store"))
	t.term(0)
	t.advance(1)
	DECQ(k)
	JMP(LabelRef("tail"))
}

// term adds the u-th of the next terms.
func (t *tile) term(u int) {
	x := make([]VecVirtual, 2*t.panels)
	for v := range x {
		x[v] = t.e.vec().r
		t.e.load(t.vector(t.b, u, v), x[v])
	}
	for i := range t.acc {
		m := Mem{Base: t.base[0], Disp: i * t.e.size}
		if !t.trans {
			m = Mem{Base: t.base[i/3], Disp: u * t.e.size}
			if r := i % 3; r > 0 {
				m.Index, m.Scale = t.lda, uint8(r)
			}
		}
		w := t.e.vec().r
		t.e.broadcast(m, w)
		for v := range x {
			t.e.fma(w, x[v], t.acc[i][v])
		}
	}
	if t.trans {
		if t.panels == 2 {
			PREFETCHT1(Mem{Base: t.a, Disp: 64})
		}
		ADDQ(t.lda, t.a)
	}
}

// advance passes n terms; of a transpose, term itself goes to the next row.
func (t *tile) advance(n int) {
	for _, b := range t.b {
		ADDQ(U32(uint32(n*panelBytes)), b)
	}
	if !t.trans {
		for _, q := range t.base {
			ADDQ(Imm(uint64(n*t.e.size)), q)
		}
	}
}

// store writes the sums to c, within limits if there are any.
func (t *tile) store() {
	Label("store")
	c := t.panelsOf("c")
	limits := Load(Param("limits"), GP64())
	TESTQ(limits, limits)
	JZ(LabelRef("plain"))
	lo, hi := t.e.spread(Mem{Base: limits}), t.e.spread(Mem{Base: limits, Disp: t.e.size})
	if t.trans {
		of := t.panelsOf("of")
		for i := range t.acc {
			for v, z := range t.acc[i] {
				y := t.e.loadVec(t.vector(of, i, v))
				vec{e: t.e, r: z}.onlyWithin(y, lo, hi).store(t.vector(c, i, v))
			}
		}
	} else {
		t.each(c, func(z VecVirtual, m Mem) { hi.min(lo.max(vec{e: t.e, r: z})).store(m) })
	}
	ret(t.half)
	Label("plain")
	t.each(c, func(z VecVirtual, m Mem) { t.e.load(z, m) })
	ret(t.half)
}

// strips copies rows of A, for a transpose, to tiles of so many inputs: those of one
// tile stand together, row by row, pitch elements behind those of the tile before. What
// is a little beyond a tile is read, and written where the next row of the tile goes.
func strips(e element, tile int) {
	TEXT("strips"+e.name, NOSPLIT, fmt.Sprintf("func(rows int, a *%[1]s, lda int, c *%[1]s, tiles, pitch int)", e.goType))
	Pragma("noescape")
	rows, a, lda := Load(Param("rows"), GP64()), Load(Param("a"), GP64()), Load(Param("lda"), GP64())
	c, tiles, pitch := Load(Param("c"), GP64()), Load(Param("tiles"), GP64()), Load(Param("pitch"), GP64())
	SHLQ(Imm(e.shift()), lda)
	SHLQ(Imm(e.shift()), pitch)
	from, to, left := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(a, from)
	MOVQ(c, to)
	MOVQ(tiles, left)
	Label("tile")
	PREFETCHT0(Mem{Base: from, Index: lda, Scale: 4})
	for at := 0; at < tile*e.size; at += e.width() {
		v := e.loadVec(Mem{Base: from, Disp: at})
		v.store(Mem{Base: to, Disp: at})
	}
	ADDQ(Imm(uint64(tile*e.size)), from)
	ADDQ(pitch, to)
	DECQ(left)
	JNZ(LabelRef("tile"))
	ADDQ(lda, a)
	ADDQ(Imm(uint64(tile*e.size)), c)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// firstHalf is zero, and where the second half of a panel's lines begins when it
// comes by again; it is nil for vectors that need no halves: of 32 bytes, sixteen
// registers do not hold the sums of enough features for all of a panel.
func (e element) firstHalf() Register {
	if !e.half {
		return nil
	}
	half := GP64()
	XORQ(half, half)
	Label("half")
	return half
}

// ret returns, the first time to label half for the second half of a panel's lines.
func ret(half Register) {
	if half != nil {
		ADDQ(Imm(panelBytes/2), half)
		CMPQ(half, Imm(panelBytes))
		JNE(LabelRef("half"))
	}
	VZEROUPPER()
	RET()
}
