package table

// Ahead reads a table in pieces, the next one while the one before is at work.
type Ahead struct {
	pieces chan piece
	free   chan []float64
	last   []float64
}

type piece struct {
	rows []float64
	err  error
}

// Ahead begins to read the rest of the table, in pieces of so many rows. The reader is
// not to be used until it is closed.
func (r *Reader) Ahead(rows int) *Ahead {
	a := &Ahead{pieces: make(chan piece, 2), free: make(chan []float64, 2)}
	for range 2 {
		a.free <- make([]float64, rows*len(r.picked))
	}
	go func() {
		defer close(a.pieces)
		for buf := range a.free {
			n, err := r.Next(buf)
			a.pieces <- piece{buf[:n*len(r.picked)], err}
			if err != nil {
				return
			}
		}
	}()
	return a
}

// Next returns the next rows, until it is called again; io.EOF at the end.
func (a *Ahead) Next() ([]float64, error) {
	if a.last != nil {
		a.free <- a.last[:cap(a.last)]
	}
	p := <-a.pieces
	if p.err != nil {
		a.last = nil
		return nil, p.err
	}
	a.last = p.rows
	return p.rows, nil
}

// Close ends the reading.
func (a *Ahead) Close() {
	close(a.free)
	for range a.pieces { // until the last piece that is being read
	}
}
