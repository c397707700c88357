//go:build amd64 && !noasm

package kernel

//go:generate sh -c "cd _asm && go run . -kernels vector -out ../vector_amd64.s -stubs ../vector_amd64.go -pkg kernel"

type (
	unaryFunc[T Float] func(dst, src *T, n int, a, b T)
	pairFunc[T Float]  func(dst, x, y *T, n int)
	lineFunc[T Float]  func(dst, x, y *T, n, xstep, ystep int)

	// binaryFuncs are the forms of one operation: neighbouring elements, lines,
	// lines and numbers, numbers and lines.
	binaryFuncs[T Float] struct {
		pairs                pairFunc[T]
		lines, after, before lineFunc[T]
	}
)

var (
	unary32  = [unaryOps]unaryFunc[float32]{Exp: vexp32, Expm1: vexpm132, Log: vlog32, Log1p: vlog1p32, Tanh: vtanh32, Sigmoid: vsigmoid32, Softplus: vsoftplus32, Erf: verf32, Square: vsquare32, Sqrt: vsqrt32, Recip: vrecip32, Abs: vabs32, Floor: vfloor32, ReLU: vrelu32, Step: vstep32, Sign: vsign32, Affine: vaffine32, Clamp: vclamp32, Inside: vinside32}
	unary64  = [unaryOps]unaryFunc[float64]{Exp: vexp64, Expm1: vexpm164, Log: vlog64, Log1p: vlog1p64, Tanh: vtanh64, Sigmoid: vsigmoid64, Softplus: vsoftplus64, Erf: verf64, Square: vsquare64, Sqrt: vsqrt64, Recip: vrecip64, Abs: vabs64, Floor: vfloor64, ReLU: vrelu64, Step: vstep64, Sign: vsign64, Affine: vaffine64, Clamp: vclamp64, Inside: vinside64}
	binary32 = [binaryOps]binaryFuncs[float32]{
		Add:  {padd32, ladd32, nadd32, madd32},
		Sub:  {psub32, lsub32, nsub32, msub32},
		Mul:  {pmul32, lmul32, nmul32, mmul32},
		Div:  {pdiv32, ldiv32, ndiv32, mdiv32},
		Max:  {pmax32, lmax32, nmax32, mmax32},
		Min:  {pmin32, lmin32, nmin32, mmin32},
		Less: {pless32, lless32, nless32, mless32},
	}
	binary64 = [binaryOps]binaryFuncs[float64]{
		Add:  {padd64, ladd64, nadd64, madd64},
		Sub:  {psub64, lsub64, nsub64, msub64},
		Mul:  {pmul64, lmul64, nmul64, mmul64},
		Div:  {pdiv64, ldiv64, ndiv64, mdiv64},
		Max:  {pmax64, lmax64, nmax64, mmax64},
		Min:  {pmin64, lmin64, nmin64, mmin64},
		Less: {pless64, lless64, nless64, mless64},
	}
)

func fastUnary[T Float](op UnaryOp, dst, src []T, a, b T) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		f := unary32[op]
		if f != nil && len(dst) > 0 {
			f(&as[T, float32](dst)[0], &as[T, float32](src)[0], len(dst), float32(a), float32(b))
		}
		return f != nil
	}
	f := unary64[op]
	if f != nil && len(dst) > 0 {
		f(&as[T, float64](dst)[0], &as[T, float64](src)[0], len(dst), float64(a), float64(b))
	}
	return f != nil
}

func fastPairs[T Float](op BinaryOp, dst, x, y []T) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case len(dst) == 0:
	case single[T]():
		binary32[op].pairs(&as[T, float32](dst)[0], &as[T, float32](x)[0], &as[T, float32](y)[0], len(dst))
	default:
		binary64[op].pairs(&as[T, float64](dst)[0], &as[T, float64](x)[0], &as[T, float64](y)[0], len(dst))
	}
	return true
}

func fastLines[T Float](op BinaryOp, dst []T, x, y Line[T], features int) bool {
	if !useAVX512 {
		return false
	}
	if features == 0 {
		return true
	}
	if single[T]() {
		fs := &binary32[op]
		f, p, q := arrange(fs, x, y)
		f(&as[T, float32](dst)[0], &as[T, float32](p.Data)[0], &as[T, float32](q.Data)[0], features, p.step(), q.step())
		return true
	}
	fs := &binary64[op]
	f, p, q := arrange(fs, x, y)
	f(&as[T, float64](dst)[0], &as[T, float64](p.Data)[0], &as[T, float64](q.Data)[0], features, p.step(), q.step())
	return true
}

// arrange chooses the form: numbers go last, whatever their side.
func arrange[T, U Float](f *binaryFuncs[U], x, y Line[T]) (lineFunc[U], Line[T], Line[T]) {
	switch {
	case x.Number:
		return f.before, y, x
	case y.Number:
		return f.after, x, y
	}
	return f.lines, x, y
}

// step is the distance between features in bytes.
func (l Line[T]) step() int {
	switch {
	case l.Same:
		return 0
	case l.Number && single[T]():
		return 4
	case l.Number:
		return 8
	}
	return 128
}

func fastWhere[T Float](dst, c, x, y []T) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case len(dst) == 0:
	case single[T]():
		pwhere32(&as[T, float32](dst)[0], &as[T, float32](c)[0], &as[T, float32](x)[0], &as[T, float32](y)[0], len(dst))
	default:
		pwhere64(&as[T, float64](dst)[0], &as[T, float64](c)[0], &as[T, float64](x)[0], &as[T, float64](y)[0], len(dst))
	}
	return true
}

func fastFold[T Float](dst, src []T, count int, top bool) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case single[T]() && top:
		ftop32(&as[T, float32](dst)[0], &as[T, float32](src)[0], count)
	case single[T]():
		fsum32(&as[T, float32](dst)[0], &as[T, float32](src)[0], count)
	case top:
		ftop64(&as[T, float64](dst)[0], &as[T, float64](src)[0], count)
	default:
		fsum64(&as[T, float64](dst)[0], &as[T, float64](src)[0], count)
	}
	return true
}
