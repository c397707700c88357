package kernel

func limit(reach []int32, j, k int) int {
	if reach == nil {
		return k
	}
	return int(reach[j])
}

func refLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T) {
	n := PanelRows[T]()
	for p := range panels {
		xp := x.Data[p*x.Stride:]
		for j := range m {
			out := y.Data[p*y.Stride+j*n:][:n]
			var bias T
			if b != nil {
				bias = b[j]
			}
			for r := range out {
				out[r] = bias
			}
			row := w.Data[j*w.Stride:]
			for i := range limit(reach, j, k) {
				axpy(out, xp[i*n:][:n], row[i])
			}
		}
	}
}

func refLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32) {
	n := PanelRows[T]()
	for p := range panels {
		yp := y.Data[p*y.Stride:][:k*n]
		clear(yp)
		for j := range m {
			gj := g.Data[p*g.Stride+j*n:][:n]
			row := w.Data[j*w.Stride:]
			for i := range limit(reach, j, k) {
				axpy(yp[i*n:][:n], gj, row[i])
			}
		}
	}
}

func refOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, add bool, from, to int) {
	n := PanelRows[T]()
	if !add {
		for j := range m {
			if end := min(limit(reach, j, k), to); end > from {
				clear(dw.Data[j*dw.Stride:][from:end])
			}
		}
	}
	for p := range panels {
		for j := range m {
			gj := g.Data[p*g.Stride+j*n:][:n]
			row := dw.Data[j*dw.Stride:]
			for i := from; i < min(limit(reach, j, k), to); i++ {
				xi := x.Data[p*x.Stride+i*n:][:n]
				var s T
				for r, v := range gj {
					s += v * xi[r]
				}
				row[i] += s
			}
		}
	}
}

func refSumRows[T Float](acc []T, x Tile[T], panels, n int) {
	rows := PanelRows[T]()
	for p := range panels {
		for f := range n {
			var s T
			for _, v := range x.Data[p*x.Stride+f*rows:][:rows] {
				s += v
			}
			acc[f] += s
		}
	}
}

func axpy[T Float](dst, src []T, a T) {
	src = src[:len(dst)]
	for r := range dst {
		dst[r] += a * src[r]
	}
}
