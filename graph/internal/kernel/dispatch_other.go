//go:build !amd64 || noasm

package kernel

var useAVX512, useAVX2 = false, false

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T, scratch []T) bool {
	return false
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T, scratch []T) bool {
	return false
}

func fastLinearScratch[T Float](m, k, panels int) int { return 0 }

func fastOuterScratch[T Float](m, k, panels, dense int) int { return 0 }

func fastLinearTScratch[T Float](m, k, panels int) int { return 0 }

func hasRows[T Float]() bool { return false }

func fastTurnedSize[T Float](m, k int) int { return 0 }

func fastTurn[T Float](dst []T, w Matrix[T], m, k int) {}

func fastSideBySide[T Float](lines, runs []T, np, count int) int { return 0 }

type fastOuterSum[T Float] struct{}

func (o *OuterSum[T]) begin() {}

func (o *OuterSum[T]) fork() {}

func (o *OuterSum[T]) fastAdd(dw Matrix[T], add bool, from, to int) bool { return false }

func fastUnary[T Float](op UnaryOp, dst, src []T, a, b T) bool { return false }

func fastPairs[T Float](op BinaryOp, dst, x, y []T) bool { return false }

func fastLines[T Float](op BinaryOp, dst []T, x, y Line[T], features int) bool { return false }

func fastWhere[T Float](dst, c, x, y []T) bool { return false }

func fastFold[T Float](dst, src []T, count int, top bool) bool { return false }

func hasSpline[T Float]() bool { return false }

func fastSpline[T Float](s *Spline[T], y, l, x, h []T, inverse, over bool, scratch []T) {}

func fastSplineGrad[T Float](s *Spline[T], gx, gh, x, h, gy, gl []T, inverse, over bool, scratch []T) {
}

func fastAdam[T Float](p, g, m, v, average []T, c *[12]T) bool { return false }

func fastAverage[T Float](a, b []T, w T) bool { return false }

func fastSumSquares[T Float](x []T) (float64, bool) { return 0, false }

func fastSumRows[T Float](acc []T, x Tile[T], panels, n int) bool { return false }

func hasColumn() bool { return false }

func fastColumn[T Float](y, x []T, p *Packed[T], b block) bool { return false }

func fastTimes[T Float](y, a []T, row, step int, b []T, m, k, n int) bool { return false }

func fastPeak[T Float](n int) int { return 0 }
