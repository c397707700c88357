// Command asm writes the AVX-512 and AVX2 kernels of package kernel.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// element is what differs between float32 and float64.
type element struct {
	name, goType string
	size         int
	half         bool // vectors of 32 bytes, for AVX2
	load         func(m, z Op)
	broadcast    func(m, z Op)
	fma          func(x, y, z Op)
	add          func(x, y, z Op)
}

var elements = []element{
	{"32", "float32", 4, false, func(m, z Op) { VMOVUPS(m, z) }, func(m, z Op) { VBROADCASTSS(m, z) },
		func(x, y, z Op) { VFMADD231PS(x, y, z) }, func(x, y, z Op) { VADDPS(x, y, z) }},
	{"64", "float64", 8, false, func(m, z Op) { VMOVUPD(m, z) }, func(m, z Op) { VBROADCASTSD(m, z) },
		func(x, y, z Op) { VFMADD231PD(x, y, z) }, func(x, y, z Op) { VADDPD(x, y, z) }},
}

// double is float64 in vectors of either width.
func double(half bool) element {
	e := elements[1]
	return e.width32(half)
}

// width32 is the element type in vectors of 32 bytes, if half.
func (e element) width32(half bool) element {
	if half {
		e.half = true
		e.name += "y"
	}
	return e
}

func main() {
	what := flag.String("kernels", "product", "product, avx2, vector, rows or spline")
	half := flag.Bool("half", false, "vectors of 32 bytes, for AVX2, of vector, rows or spline")
	flag.Parse()
	ConstraintExpr("amd64,!noasm")
	for _, e := range elements {
		write(*what, e.width32(*half))
	}
	Generate()
	if *what == "product" {
		if err := align(flag.Lookup("out").Value.String()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// align puts the innermost loops of an assembly file on cache lines, which avo has no
// word for.
func align(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	loops := regexp.MustCompile(`(?m)^(loop|row):`)
	return os.WriteFile(file, loops.ReplaceAll(text, []byte("\tPCALIGN $$64\n$1:")), 0o644)
}

// write emits a family of kernels for one element type.
func write(what string, e element) {
	switch what {
	case "product":
		for mr := 1; mr <= 12; mr++ {
			product(e, mr, false)
			product(e, mr, true)
			outer(e, mr)
		}
		for mr := 1; mr <= pairTile; mr++ {
			pairProduct(e, mr, false)
			pairProduct(e, mr, true)
			outerWide(e, mr)
		}
	case "avx2":
		for mr := 1; mr <= avx2Tile; mr++ {
			product2(e, mr, false)
			product2(e, mr, true)
			outer2(e, mr)
		}
	case "vector":
		elementwise(e)
	case "rows":
		sumRows(e)
		flip(e)
		adam(e, false)
		adam(e, true)
		average(e)
		sumSquares(e)
		peak(e)
		for nv := 1; nv <= 8; nv++ {
			dots(e, nv)
			column(e, nv)
			rowTimes(e, nv)
		}
	case "spline":
		splineValue(e, false)
		splineValue(e, true)
		splineGrad(e)
	}
}

// panelBytes is the size of one feature of a panel: two vectors.
const panelBytes = 128

// product computes mr features of a panel, c[i] = start[i] + Σ_p A[i][p] b[p],
// with A row-major (nn) or its transpose (tn), each element of A broadcast.
// Mode 0 starts at zero, 1 at the bias of each feature, 2 at what c holds. Each
// sum runs in order of p in one register, so that it does not depend on mr. With
// limits, results of nn are clamped to them, and those of tn are zero where the
// element of the panel of does not lie between them.
func product(e element, mr int, trans bool) {
	name := "nn"
	if trans {
		name = "tn"
	}
	TEXT(fmt.Sprintf("%s%sx%d", name, e.name, mr), NOSPLIT,
		fmt.Sprintf("func(k int, a *%[1]s, lda int, b *%[1]s, c *%[1]s, bias *%[1]s, mode int, limits, of *%[1]s)", e.goType))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	lda := Load(Param("lda"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	mode := Load(Param("mode"), GP64())
	shift := uint64(2)
	if e.size == 8 {
		shift = 3
	}
	SHLQ(Imm(shift), lda)
	// Rows of A in threes: base, base + lda, base + 2 lda.
	base := []Register{a}
	if !trans && mr > 3 {
		lda3 := GP64()
		LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, lda3)
		for i := 3; i < mr; i += 3 {
			q := GP64()
			LEAQ(Mem{Base: base[len(base)-1], Index: lda3, Scale: 1}, q)
			base = append(base, q)
		}
	}
	var acc [][2]VecVirtual
	for range mr {
		acc = append(acc, [2]VecVirtual{ZMM(), ZMM()})
	}
	CMPQ(mode, Imm(1))
	JEQ(LabelRef("bias"))
	JGT(LabelRef("resume"))
	for i := range mr {
		VPXORQ(acc[i][0], acc[i][0], acc[i][0])
		VPXORQ(acc[i][1], acc[i][1], acc[i][1])
	}
	JMP(LabelRef("begin"))
	Label("bias")
	bias := Load(Param("bias"), GP64())
	for i := range mr {
		e.broadcast(Mem{Base: bias, Disp: i * e.size}, acc[i][0])
		VMOVUPS(acc[i][0], acc[i][1])
	}
	JMP(LabelRef("begin"))
	Label("resume")
	for i := range mr {
		e.load(Mem{Base: c, Disp: i * panelBytes}, acc[i][0])
		e.load(Mem{Base: c, Disp: i*panelBytes + 64}, acc[i][1])
	}
	Label("begin")
	step := func(u int) {
		b0, b1 := ZMM(), ZMM()
		e.load(Mem{Base: b, Disp: u * panelBytes}, b0)
		e.load(Mem{Base: b, Disp: u*panelBytes + 64}, b1)
		for i := range mr {
			m := Mem{Base: base[0], Disp: i * e.size}
			if !trans {
				m = Mem{Base: base[i/3], Disp: u * e.size}
				if r := i % 3; r > 0 {
					m.Index, m.Scale = lda, uint8(r)
				}
			}
			v := ZMM()
			e.broadcast(m, v)
			e.fma(v, b0, acc[i][0])
			e.fma(v, b1, acc[i][1])
		}
		if trans {
			ADDQ(lda, a)
		}
	}
	advance := func(n int) {
		ADDQ(U32(uint32(n*panelBytes)), b)
		if !trans {
			for _, q := range base {
				ADDQ(Imm(uint64(n*e.size)), q)
			}
		}
	}
	CMPQ(k, Imm(4))
	JLT(LabelRef("tail"))
	Label("loop")
	for u := range 4 {
		step(u)
	}
	advance(4)
	SUBQ(Imm(4), k)
	CMPQ(k, Imm(4))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(k, k)
	JZ(LabelRef("store"))
	step(0)
	advance(1)
	DECQ(k)
	JMP(LabelRef("tail"))
	Label("store")
	limits := Load(Param("limits"), GP64())
	TESTQ(limits, limits)
	JZ(LabelRef("plain"))
	lo, hi := e.spread(Mem{Base: limits}), e.spread(Mem{Base: limits, Disp: e.size})
	if trans {
		of := Load(Param("of"), GP64())
		for i := range mr {
			for half, z := range acc[i] {
				y := e.loadVec(Mem{Base: of, Disp: i*panelBytes + 64*half})
				above, within := y.compare(greater, lo), y.compare(less, hi)
				vec{e, z, nil}.only(above.and(within)).store(Mem{Base: c, Disp: i*panelBytes + 64*half})
			}
		}
	} else {
		for i := range mr {
			for half, z := range acc[i] {
				hi.min(lo.max(vec{e, z, nil})).store(Mem{Base: c, Disp: i*panelBytes + 64*half})
			}
		}
	}
	VZEROUPPER()
	RET()
	Label("plain")
	for i := range mr {
		e.load(acc[i][0], Mem{Base: c, Disp: i * panelBytes})
		e.load(acc[i][1], Mem{Base: c, Disp: i*panelBytes + 64})
	}
	VZEROUPPER()
	RET()
}

// dots is outer for k inputs, few: one unit at a time, rows across the lanes.
func dots(e element, k int) {
	TEXT(fmt.Sprintf("dots%sx%d", e.name, k), NOSPLIT,
		fmt.Sprintf("func(np int, a *%[1]s, astep int, x *%[1]s, xstep int, c *%[1]s)", e.goType))
	Pragma("noescape")
	np, a, x := Load(Param("np"), GP64()), Load(Param("a"), GP64()), Load(Param("x"), GP64())
	astep, xstep := Load(Param("astep"), GP64()), Load(Param("xstep"), GP64())
	shift := uint64(2)
	if e.size == 8 {
		shift = 3
	}
	SHLQ(Imm(shift), astep)
	SHLQ(Imm(shift), xstep)
	acc := make([]vec, k)
	for i := range acc {
		acc[i] = e.zero()
	}
	Label("panel")
	for half := 0; half < panelBytes; half += e.width() {
		u := e.loadVec(Mem{Base: a, Disp: half})
		for i := range acc {
			e.fma(Mem{Base: x, Disp: i*panelBytes + half}, u.r, acc[i].r)
		}
	}
	ADDQ(astep, a)
	ADDQ(xstep, x)
	DECQ(np)
	JNZ(LabelRef("panel"))
	c := Load(Param("c"), GP64())
	for i := range acc {
		t := acc[i].total()
		if e.size == 4 {
			VMOVSS(t, Mem{Base: c, Disp: i * e.size})
		} else {
			VMOVSD(t, Mem{Base: c, Disp: i * e.size})
		}
	}
	VZEROUPPER()
	RET()
}
