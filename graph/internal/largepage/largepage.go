// Package largepage makes large slices that the system can map in pages of 2 MB, so that the
// processor finds the many addresses of a training step in its tables of pages.
package largepage

import "unsafe"

// large is the size of a large page in bytes, small that of a page for which advice can be given.
const (
	large = 2 << 20
	small = 64 << 10
)

// Make returns n zeros.
func Make[T float32 | float64](n int) []T {
	b := make([]T, n)
	size := n * int(unsafe.Sizeof(T(0)))
	if size < 2*large { // which might hold no large page
		return b
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&b[0])), size)
	from := int(-uintptr(unsafe.Pointer(&b[0])) % small)
	advise(bytes[from : from+(size-from)/small*small])
	return b
}
