//go:build amd64 && !noasm

package kernel

//go:generate sh -c "cd _asm && go run . -kernels spline -out ../spline_amd64.s -stubs ../spline_amd64.go -pkg kernel"

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func fastSpline[T Float](s *Spline[T], y, l, x, h []T, inverse bool, scratch []T) bool {
	if !useAVX512 {
		return false
	}
	n := PanelRows[T]()
	_, _, _, _, _ = y[n-1], l[n-1], x[n-1], h[(3*s.Bins-1)*n-1], scratch[SplineScratch[T](s.Bins)-1]
	e := flag(s.Exponential)
	if single[T]() {
		f := spline32
		if inverse {
			f = splineinv32
		}
		y, l, x, h, c, sc := as[T, float32](y), as[T, float32](l), as[T, float32](x), as[T, float32](h), as[T, float32](s.numbers[:]), as[T, float32](scratch)
		for i := 0; i < n; i += n / 2 {
			f(&y[i], &l[i], &x[i], &h[i], 128, s.Bins, &c[0], &sc[0], e)
		}
		return true
	}
	f := spline64
	if inverse {
		f = splineinv64
	}
	y2, l2, x2, h2, c, sc := as[T, float64](y), as[T, float64](l), as[T, float64](x), as[T, float64](h), as[T, float64](s.numbers[:]), as[T, float64](scratch)
	for i := 0; i < n; i += n / 2 {
		f(&y2[i], &l2[i], &x2[i], &h2[i], 128, s.Bins, &c[0], &sc[0], e)
	}
	return true
}

func fastSplineGrad[T Float](s *Spline[T], gx, gh, x, h, gy, gl, scratch []T) bool {
	if !useAVX512 {
		return false
	}
	n := PanelRows[T]()
	p := (3*s.Bins-1)*n - 1
	_, _, _, _, _, _, _ = gx[n-1], gh[p], x[n-1], h[p], gy[n-1], gl[n-1], scratch[SplineScratch[T](s.Bins)-1]
	e := flag(s.Exponential)
	if single[T]() {
		gx, gh, x, h, gy, gl := as[T, float32](gx), as[T, float32](gh), as[T, float32](x), as[T, float32](h), as[T, float32](gy), as[T, float32](gl)
		c, sc := as[T, float32](s.numbers[:]), as[T, float32](scratch)
		for i := 0; i < n; i += n / 2 {
			splinegrad32(&gx[i], &gh[i], &x[i], &h[i], &gy[i], &gl[i], 128, s.Bins, &c[0], &sc[0], e)
		}
		return true
	}
	gx2, gh2, x2, h2, gy2, gl2 := as[T, float64](gx), as[T, float64](gh), as[T, float64](x), as[T, float64](h), as[T, float64](gy), as[T, float64](gl)
	c, sc := as[T, float64](s.numbers[:]), as[T, float64](scratch)
	for i := 0; i < n; i += n / 2 {
		splinegrad64(&gx2[i], &gh2[i], &x2[i], &h2[i], &gy2[i], &gl2[i], 128, s.Bins, &c[0], &sc[0], e)
	}
	return true
}
