package layers

// Split says which columns of a coupling layer are transformed: Split(dim)[i] is
// true for those; the others condition them.
type Split func(dim int) []bool

// Even transforms the columns 1, 3, …, conditioned on 0, 2, ….
func Even(dim int) []bool { return pattern(dim, func(i int) bool { return i%2 == 1 }) }

// Odd transforms the columns 0, 2, …, conditioned on 1, 3, ….
func Odd(dim int) []bool { return pattern(dim, func(i int) bool { return i%2 == 0 }) }

// FirstHalf transforms the second half, conditioned on the first.
func FirstHalf(dim int) []bool { return pattern(dim, func(i int) bool { return i >= (dim+1)/2 }) }

// SecondHalf transforms the first half, conditioned on the second.
func SecondHalf(dim int) []bool { return pattern(dim, func(i int) bool { return i < (dim+1)/2 }) }

// Bit transforms the columns whose number, in binary, has a one at place k (from 0, the
// last), or those that have a zero there. Over all places below the length of dim-1 every
// two columns condition each other.
func Bit(k int, one bool) Split {
	return func(dim int) []bool {
		if k < 0 {
			return nil
		}
		return pattern(dim, func(i int) bool { return (i>>k&1 == 1) == one })
	}
}

// Transformed transforms the given columns, conditioned on the others.
func Transformed(columns ...int) Split {
	return func(dim int) []bool {
		out := make([]bool, max(dim, 0))
		for _, c := range columns {
			if c < 0 || c >= dim {
				return nil
			}
			out[c] = true
		}
		return out
	}
}

// of is s(dim), nil if there is no split.
func (s Split) of(dim int) []bool {
	if s == nil {
		return nil
	}
	return s(dim)
}

// other is the split of the columns that s leaves as they are.
func (s Split) other(dim int) []bool {
	mask := s.of(dim)
	return pattern(len(mask), func(i int) bool { return !mask[i] })
}

func pattern(dim int, f func(int) bool) []bool {
	out := make([]bool, max(dim, 0))
	for i := range out {
		out[i] = f(i)
	}
	return out
}
