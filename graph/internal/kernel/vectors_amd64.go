//go:build amd64 && !noasm

package kernel

//go:generate sh -c "cd _asm && go run . -kernels vector -out ../vector_amd64.s -stubs ../vector_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels rows -out ../rows_amd64.s -stubs ../rows_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels spline -out ../spline_amd64.s -stubs ../spline_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels vector -half -out ../vector_avx2_amd64.s -stubs ../vector_avx2_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels rows -half -out ../rows_avx2_amd64.s -stubs ../rows_avx2_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels spline -half -out ../spline_avx2_amd64.s -stubs ../spline_avx2_amd64.go -pkg kernel"

// vectors is the assembly of one instruction set for one element type, but for the
// matrix products. Functions behind indices take as many inputs or vectors.
type vectors[T Float] struct {
	lanes int // elements in a vector

	unary    [unaryOps]unaryFunc[T]
	binary   [binaryOps]binaryFuncs[T]
	sin, cos circularFunc[T]
	where    func(dst, c, x, y *T, n int)
	sum, top func(dst, src *T, count int)

	spline, splineInverse         func(y, l, x, h *T, step, k int, c, scratch, exps *T, estep, eoff, exponential int)
	splineGrad, splineGradInverse func(gx, gh, x, h, gy, gl *T, step, k int, c, scratch, exps *T, estep, eoff, exponential, made int)

	average    func(a, b *T, n int, w T)
	sumSquares func(x *T, n int) float64
	sumRows    func(acc, x *T, panels, stride, n int)
	flip       func(dst, src *T)
	peak       func(n int)

	dots   [9]dotsFunc[T]
	column [9]columnFunc[T]
	times  [9]timesFunc[T]
}

type (
	unaryFunc[T Float]    func(dst, src *T, n int, a, b T)
	circularFunc[T Float] func(dst, src *T, n int) (left int)
	pairFunc[T Float]     func(dst, x, y *T, n int)
	lineFunc[T Float]     func(dst, x, y *T, n, xstep, ystep int)
	dotsFunc[T Float]     func(np int, a *T, astep int, x *T, xstep int, c *T)
	columnFunc[T Float]   func(k int, x, wt *T, ld int, y, bias *T)
	timesFunc[T Float]    func(k int, a *T, astep int, b *T, ld int, y *T, tail int)

	// binaryFuncs are the forms of one operation: neighbouring elements, lines,
	// lines and numbers, numbers and lines.
	binaryFuncs[T Float] struct {
		pairs                pairFunc[T]
		lines, after, before lineFunc[T]
	}
)

// Vectors of 64 bytes, for AVX-512, and of 32, for AVX2.
var (
	wideVectors32 = vectors[float32]{
		lanes: 16,
		unary: [unaryOps]unaryFunc[float32]{
			Exp: vexp32, Expm1: vexpm132, Log: vlog32, Log1p: vlog1p32, Tanh: vtanh32, Sigmoid: vsigmoid32,
			Softplus: vsoftplus32, Erf: verf32, Atan: vatan32, LogCDF: vlogcdf32, Hazard: vhazard32, HazardExcess: vexcess32, Quantile: vquantile32,
			Square: vsquare32, Sqrt: vsqrt32, Recip: vrecip32, Abs: vabs32, Floor: vfloor32, ReLU: vrelu32,
			Step: vstep32, Sign: vsign32, Affine: vaffine32, Clamp: vclamp32, Inside: vinside32,
		},
		binary: [binaryOps]binaryFuncs[float32]{
			Add:  {padd32, ladd32, nadd32, madd32},
			Sub:  {psub32, lsub32, nsub32, msub32},
			Mul:  {pmul32, lmul32, nmul32, mmul32},
			Div:  {pdiv32, ldiv32, ndiv32, mdiv32},
			Max:  {pmax32, lmax32, nmax32, mmax32},
			Min:  {pmin32, lmin32, nmin32, mmin32},
			Less: {pless32, lless32, nless32, mless32},
		},
		sin: vsin32, cos: vcos32, where: pwhere32, sum: fsum32, top: ftop32,
		spline: spline32, splineInverse: splineinv32, splineGrad: splinegrad32, splineGradInverse: splinegradinv32,
		average: average32, sumSquares: sumsq32, sumRows: sumrows32, flip: flip32, peak: peak32,
		dots:   [9]dotsFunc[float32]{nil, dots32x1, dots32x2, dots32x3, dots32x4, dots32x5, dots32x6, dots32x7, dots32x8},
		column: [9]columnFunc[float32]{nil, column32x1, column32x2, column32x3, column32x4, column32x5, column32x6, column32x7, column32x8},
		times:  [9]timesFunc[float32]{nil, rowtimes32x1, rowtimes32x2, rowtimes32x3, rowtimes32x4, rowtimes32x5, rowtimes32x6, rowtimes32x7, rowtimes32x8},
	}
	wideVectors64 = vectors[float64]{
		lanes: 8,
		unary: [unaryOps]unaryFunc[float64]{
			Exp: vexp64, Expm1: vexpm164, Log: vlog64, Log1p: vlog1p64, Tanh: vtanh64, Sigmoid: vsigmoid64,
			Softplus: vsoftplus64, Erf: verf64, Atan: vatan64, LogCDF: vlogcdf64, Hazard: vhazard64, HazardExcess: vexcess64, Quantile: vquantile64,
			Square: vsquare64, Sqrt: vsqrt64, Recip: vrecip64, Abs: vabs64, Floor: vfloor64, ReLU: vrelu64,
			Step: vstep64, Sign: vsign64, Affine: vaffine64, Clamp: vclamp64, Inside: vinside64,
		},
		binary: [binaryOps]binaryFuncs[float64]{
			Add:  {padd64, ladd64, nadd64, madd64},
			Sub:  {psub64, lsub64, nsub64, msub64},
			Mul:  {pmul64, lmul64, nmul64, mmul64},
			Div:  {pdiv64, ldiv64, ndiv64, mdiv64},
			Max:  {pmax64, lmax64, nmax64, mmax64},
			Min:  {pmin64, lmin64, nmin64, mmin64},
			Less: {pless64, lless64, nless64, mless64},
		},
		sin: vsin64, cos: vcos64, where: pwhere64, sum: fsum64, top: ftop64,
		spline: spline64, splineInverse: splineinv64, splineGrad: splinegrad64, splineGradInverse: splinegradinv64,
		average: average64, sumSquares: sumsq64, sumRows: sumrows64, flip: flip64, peak: peak64,
		dots:   [9]dotsFunc[float64]{nil, dots64x1, dots64x2, dots64x3, dots64x4, dots64x5, dots64x6, dots64x7, dots64x8},
		column: [9]columnFunc[float64]{nil, column64x1, column64x2, column64x3, column64x4, column64x5, column64x6, column64x7, column64x8},
		times:  [9]timesFunc[float64]{nil, rowtimes64x1, rowtimes64x2, rowtimes64x3, rowtimes64x4, rowtimes64x5, rowtimes64x6, rowtimes64x7, rowtimes64x8},
	}
	halfVectors32 = vectors[float32]{
		lanes: 8,
		unary: [unaryOps]unaryFunc[float32]{
			Exp: vexp32y, Expm1: vexpm132y, Log: vlog32y, Log1p: vlog1p32y, Tanh: vtanh32y, Sigmoid: vsigmoid32y,
			Softplus: vsoftplus32y, Erf: verf32y, Atan: vatan32y, LogCDF: vlogcdf32y, Hazard: vhazard32y, HazardExcess: vexcess32y, Quantile: vquantile32y,
			Square: vsquare32y, Sqrt: vsqrt32y, Recip: vrecip32y, Abs: vabs32y, Floor: vfloor32y, ReLU: vrelu32y,
			Step: vstep32y, Sign: vsign32y, Affine: vaffine32y, Clamp: vclamp32y, Inside: vinside32y,
		},
		binary: [binaryOps]binaryFuncs[float32]{
			Add:  {padd32y, ladd32y, nadd32y, madd32y},
			Sub:  {psub32y, lsub32y, nsub32y, msub32y},
			Mul:  {pmul32y, lmul32y, nmul32y, mmul32y},
			Div:  {pdiv32y, ldiv32y, ndiv32y, mdiv32y},
			Max:  {pmax32y, lmax32y, nmax32y, mmax32y},
			Min:  {pmin32y, lmin32y, nmin32y, mmin32y},
			Less: {pless32y, lless32y, nless32y, mless32y},
		},
		sin: vsin32y, cos: vcos32y, where: pwhere32y, sum: fsum32y, top: ftop32y,
		spline: spline32y, splineInverse: splineinv32y, splineGrad: splinegrad32y, splineGradInverse: splinegradinv32y,
		average: average32y, sumSquares: sumsq32y, sumRows: sumrows32y, flip: flip32y, peak: peak32y,
		dots:   [9]dotsFunc[float32]{nil, dots32yx1, dots32yx2, dots32yx3, dots32yx4, dots32yx5, dots32yx6, dots32yx7, dots32yx8},
		column: [9]columnFunc[float32]{nil, column32yx1, column32yx2, column32yx3, column32yx4, column32yx5, column32yx6, column32yx7, column32yx8},
		times:  [9]timesFunc[float32]{nil, rowtimes32yx1, rowtimes32yx2, rowtimes32yx3, rowtimes32yx4, rowtimes32yx5, rowtimes32yx6, rowtimes32yx7, rowtimes32yx8},
	}
	halfVectors64 = vectors[float64]{
		lanes: 4,
		unary: [unaryOps]unaryFunc[float64]{
			Exp: vexp64y, Expm1: vexpm164y, Log: vlog64y, Log1p: vlog1p64y, Tanh: vtanh64y, Sigmoid: vsigmoid64y,
			Softplus: vsoftplus64y, Erf: verf64y, Atan: vatan64y, LogCDF: vlogcdf64y, Hazard: vhazard64y, HazardExcess: vexcess64y, Quantile: vquantile64y,
			Square: vsquare64y, Sqrt: vsqrt64y, Recip: vrecip64y, Abs: vabs64y, Floor: vfloor64y, ReLU: vrelu64y,
			Step: vstep64y, Sign: vsign64y, Affine: vaffine64y, Clamp: vclamp64y, Inside: vinside64y,
		},
		binary: [binaryOps]binaryFuncs[float64]{
			Add:  {padd64y, ladd64y, nadd64y, madd64y},
			Sub:  {psub64y, lsub64y, nsub64y, msub64y},
			Mul:  {pmul64y, lmul64y, nmul64y, mmul64y},
			Div:  {pdiv64y, ldiv64y, ndiv64y, mdiv64y},
			Max:  {pmax64y, lmax64y, nmax64y, mmax64y},
			Min:  {pmin64y, lmin64y, nmin64y, mmin64y},
			Less: {pless64y, lless64y, nless64y, mless64y},
		},
		sin: vsin64y, cos: vcos64y, where: pwhere64y, sum: fsum64y, top: ftop64y,
		spline: spline64y, splineInverse: splineinv64y, splineGrad: splinegrad64y, splineGradInverse: splinegradinv64y,
		average: average64y, sumSquares: sumsq64y, sumRows: sumrows64y, flip: flip64y, peak: peak64y,
		dots:   [9]dotsFunc[float64]{nil, dots64yx1, dots64yx2, dots64yx3, dots64yx4, dots64yx5, dots64yx6, dots64yx7, dots64yx8},
		column: [9]columnFunc[float64]{nil, column64yx1, column64yx2, column64yx3, column64yx4, column64yx5, column64yx6, column64yx7, column64yx8},
		times:  [9]timesFunc[float64]{nil, rowtimes64yx1, rowtimes64yx2, rowtimes64yx3, rowtimes64yx4, rowtimes64yx5, rowtimes64yx6, rowtimes64yx7, rowtimes64yx8},
	}
)
