package kernel

import (
	"slices"
	"testing"
	"unsafe"
)

// outerForked is Outer by a fork, which leaves the scratch of the sum it is forked from as
// it is: others add parts by it at the same time.
func outerForked[T Float](t *testing.T, dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch, own []T, add bool) {
	t.Helper()
	sum := NewOuterSum(g, x, panels, m, k, reach, scratch)
	f := sum.Fork(own)
	held := slices.Clone(scratch)
	for part := range OuterParts(k, reach) {
		f.Add(dw, add, part)
	}
	if !slices.Equal(asBytes(held), asBytes(scratch)) {
		t.Fatal("a fork wrote to the scratch of its sum")
	}
}

// asBytes is the memory of numbers, of which some may be no numbers.
func asBytes[T Float](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*bytesOf[T]())
}
