// Command asm writes the AVX-512 and AVX2 kernels of package kernel.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
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
	what := flag.String("kernels", "product", "product, sparse, vector, rows or spline")
	half := flag.Bool("half", false, "vectors of 32 bytes, for AVX2")
	flag.Parse()
	ConstraintExpr("amd64,!noasm")
	for _, e := range elements {
		write(*what, e.width32(*half))
	}
	if *what == "sparse" && !*half {
		cacheLeaf()
	}
	Generate()
	if err := finish(flag.Lookup("out").Value.String(), *what == "product" || *what == "sparse", *half); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beyondAVX2 is what only AVX-512 has: vectors 16 to 31, those of 64 bytes, masks.
var beyondAVX2 = regexp.MustCompile(`\b([XY](1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b`)

// finish puts the innermost loops of products on cache lines, for which avo has no
// word, and refuses code for AVX2 that needs more: avo takes registers as it finds
// them. Moves of a register to itself are left out.
func finish(file string, product, half bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if m := beyondAVX2.Find(text); half && m != nil {
		return fmt.Errorf("%s: %s is not a register of AVX2: too many are wanted at once", file, m)
	}
	text = moves.ReplaceAllFunc(text, func(move []byte) []byte {
		if ops := moves.FindSubmatch(move); bytes.Equal(ops[1], ops[2]) {
			return nil
		}
		return move
	})
	if product {
		text = loops.ReplaceAll(text, []byte("\tPCALIGN $$64\n$1:"))
	}
	return os.WriteFile(file, text, 0o644)
}

var (
	loops = regexp.MustCompile(`(?m)^(loop|row):`)
	moves = regexp.MustCompile(`(?m)^\tVMOV[AU]P[SD] +([YZ]\d+), ([YZ]\d+)\n`)
)

// write emits a family of kernels for one element type.
func write(what string, e element) {
	switch what {
	case "product":
		tile := 12
		if e.half {
			tile = 6
		}
		for mr := 1; mr <= tile; mr++ {
			product(e, mr, 1, false)
			product(e, mr, 1, true)
			outer(e, mr, 2)
			if !e.half {
				outer(e, mr, 1)
			}
		}
		if e.half {
			strips(e, tile)
		}
		for mr := 1; mr <= pairTile && !e.half; mr++ {
			product(e, mr, 2, false)
			product(e, mr, 2, true)
			outer(e, mr, 4)
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
	case "sparse":
		whole := e.lanes() >= 8 // which the bits of a vector fill
		for nv := 1; nv <= sparseVecs; nv++ {
			if whole {
				sparse(e, nv)
			}
			columnOfFew(e, nv)
		}
		if !whole {
			return
		}
		for nv := 1; nv <= fullVecs && !e.half; nv++ {
			full(e, nv)
		}
		squares(e)
		if !e.half {
			addSquares(e)
		}
		sift(e)
		gather(e)
		nonzeros(e)
		mark(e)
		gate(e)
		copies(e)
		sumLines(e)
	case "spline":
		splineValue(e, false)
		splineValue(e, true)
		splineGrad(e, false)
		splineGrad(e, true)
	}
}

// panelBytes is the size of one feature of a panel: two vectors.
const panelBytes = 128
