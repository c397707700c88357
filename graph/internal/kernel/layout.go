package kernel

// SideBySideRoom is how many elements [SideBySide] may write for runs of np numbers.
func SideBySideRoom[T Float](np int) int {
	n := PanelRows[T]()
	return (np + n/2 - 1) / (n / 2) * (n / 2) * n
}

// SideBySide writes count runs of np numbers, one behind the other, side by side: the j-th
// numbers of all, [PanelRows] of them at most, become line j. It is faster where there are
// [SideBySideRoom] elements behind the runs, whatever they are. Lines are as long as a
// panel's; what stands in them from count on has no meaning.
func SideBySide[T Float](lines, runs []T, np, count int) {
	n := PanelRows[T]()
	c := fastSideBySide(lines, runs, np, count)
	for ; c+4 <= count; c += 4 {
		p := runs[c*np:][:np]
		q, r, s := runs[(c+1)*np:][:len(p)], runs[(c+2)*np:][:len(p)], runs[(c+3)*np:][:len(p)]
		for j := range p {
			to := lines[j*n+c:][:4]
			to[0], to[1], to[2], to[3] = p[j], q[j], r[j], s[j]
		}
	}
	for ; c < count; c++ {
		for j, v := range runs[c*np:][:np] {
			lines[j*n+c] = v
		}
	}
}
