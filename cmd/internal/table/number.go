package table

// number reads a plain decimal number, exactly as strconv.ParseFloat does but in a
// quarter of the time. It leaves to it, with false, what is none, and what is not exact
// by the shortest way (Clinger 1990): digits below 2⁵³ and powers of ten up to 10²² are
// float64s, so that their product or quotient is rounded once.
func number(b []byte) (float64, bool) {
	i, negative := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i, negative = 1, b[0] == '-'
	}
	digits, whole, i := decimal(b, 0, i)
	exponent, n := 0, whole
	if i < len(b) && b[i] == '.' {
		var places int
		digits, places, i = decimal(b, digits, i+1)
		exponent, n = -places, n+places
	}
	if n == 0 || n > 18 {
		return 0, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		down := i+1 < len(b) && b[i+1] == '-'
		if i++; down || i < len(b) && b[i] == '+' {
			i++
		}
		e, size, end := decimal(b, 0, i)
		if size == 0 || size > 3 {
			return 0, false
		}
		if i = end; down {
			exponent -= int(e)
		} else {
			exponent += int(e)
		}
	}
	if i < len(b) || digits > 1<<53 || exponent < -22 || exponent > 22 {
		return 0, false
	}
	x := float64(digits)
	if exponent < 0 {
		x /= powers[-exponent]
	} else {
		x *= powers[exponent]
	}
	if negative {
		x = -x
	}
	return x, true
}

// decimal appends the digits from i on to those there are.
func decimal(b []byte, digits uint64, i int) (all uint64, n, end int) {
	begin := i
	for ; i < len(b) && b[i]-'0' < 10; i++ {
		digits = 10*digits + uint64(b[i]-'0')
	}
	return digits, i - begin, i
}

var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
