//go:build amd64 && !noasm

package kernel

func hasRows[T Float]() bool { return assembly[T]().squares != nil }

// asPanels brings a tile that stands by rows into panels, in scratch; what is left of that
// begins on a cache line if it did.
func asPanels[T Float](x Tile[T], panels, features int, scratch []T) (Tile[T], []T) {
	if !x.ByRows {
		return x, scratch
	}
	y, rest := roomFor(x, panels, features, scratch)
	n, ks, width := PanelRows[T](), assembly[T](), x.Stride/PanelRows[T]()
	for q := range panels {
		for f := 0; f < features; f += ks.lanes {
			ks.squares(n/ks.lanes, &y.Data[q*y.Stride+f*n], n, ks.lanes, &x.Data[q*x.Stride+f], width, ks.lanes*width)
		}
	}
	return y, rest
}

// roomFor is a tile of panels in scratch for one that stands by rows, or the tile itself.
func roomFor[T Float](x Tile[T], panels, features int, scratch []T) (Tile[T], []T) {
	if !x.ByRows {
		return x, scratch
	}
	stride := features * PanelRows[T]()
	return Tile[T]{Data: scratch[:panels*stride], Stride: stride}, scratch[panels*stride:]
}

// toRows brings panels into a tile that stands by rows, if y does.
func toRows[T Float](y, x Tile[T], panels, features int) {
	if !y.ByRows {
		return
	}
	n, ks, width := PanelRows[T](), assembly[T](), y.Stride/PanelRows[T]()
	for q := range panels {
		for row := 0; row < n; row += ks.lanes {
			ks.squares(features/ks.lanes, &y.Data[q*y.Stride+row*width], width, ks.lanes, &x.Data[q*x.Stride+row], n, ks.lanes*n)
		}
	}
}

// fastSideBySide returns how many runs it wrote.
func fastSideBySide[T Float](lines, runs []T, np, count int) int {
	ks, n, done := assembly[T](), PanelRows[T](), 0
	if ks.squares == nil || np == 0 {
		return 0
	}
	blocks := (np + ks.lanes - 1) / ks.lanes
	for ; done < count; done += ks.lanes {
		src := runs[done*np:]
		if len(src) < (ks.lanes-1)*np+blocks*ks.lanes || len(lines) < blocks*ks.lanes*n {
			break
		}
		ks.squares(blocks, &lines[done], n, ks.lanes*n, &src[0], np, ks.lanes)
	}
	return min(done, count)
}
