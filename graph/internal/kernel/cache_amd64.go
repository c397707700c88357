//go:build amd64 && !noasm

package kernel

// firstLevel is the size of the first-level cache for data, zero if the machine does not say.
func firstLevel() int {
	const intel, amd = 4, 0x8000001d // a leaf of either, the same in both
	for _, leaf := range []int{intel, amd} {
		for i := range 4 {
			kind, geometry, sets := cacheLeaf(leaf, i)
			if kind&31 == 1 && kind>>5&7 == 1 {
				return (geometry>>22&1023 + 1) * (geometry>>12&1023 + 1) * (geometry&4095 + 1) * (sets + 1)
			}
		}
	}
	return 0
}
