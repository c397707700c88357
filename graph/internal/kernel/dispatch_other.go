//go:build !amd64 || noasm

package kernel

var useAVX512 = false

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T) bool {
	return false
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32) bool {
	return false
}

func fastOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T) bool {
	return false
}
