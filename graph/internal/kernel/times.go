package kernel

// Times computes the product y = a b of matrices without rows of data, y of m×n
// and b of k×n, row by row. Element i of row r of a stands at a[r*row + i*step]: the
// transposed matrix is as good as the matrix.
func Times[T Float](y, a []T, row, step int, b []T, m, k, n int) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		clear(y[:m*n])
		return
	}
	_, _, _ = y[m*n-1], a[(m-1)*row+(k-1)*step], b[k*n-1]
	if fastTimes(y, a, row, step, b, m, k, n) {
		return
	}
	for r := range m {
		out := y[r*n:][:n]
		clear(out)
		for i := range k {
			axpy(out, b[i*n:], a[r*row+i*step])
		}
	}
}
