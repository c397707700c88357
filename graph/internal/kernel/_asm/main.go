// Command asm writes the AVX-512 and AVX2 kernels of package kernel.
package main

import (
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
			product(e, mr, 1, false)
			product(e, mr, 1, true)
			outer(e, mr, 2)
		}
		for mr := 1; mr <= pairTile; mr++ {
			product(e, mr, 2, false)
			product(e, mr, 2, true)
			outer(e, mr, 4)
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
