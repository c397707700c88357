package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// bar is a line on a terminal that is written over and over.
type bar struct {
	out   io.Writer
	width func() int // of the terminal, 0 if it is not known
	shown int        // runes of the line that stands there
}

// barWidth is how many characters a full bar has.
const barWidth = 40

// newBar returns a bar if out is a terminal, else nil.
func newBar(out io.Writer) *bar {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	b := &bar{out: out, width: func() int {
		w, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return w
	}}
	if b.width() <= 0 {
		return nil
	}
	return b
}

// draw shows a bar that is full to the part done, and a status behind it as far as
// the terminal is wide.
func (b *bar) draw(done float64, status string) {
	full := int(min(max(done, 0), 1) * barWidth)
	line := []rune("[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] " + status)
	if w := b.width(); len(line) >= w {
		line = line[:max(w-1, 0)]
	}
	rest := strings.Repeat(" ", max(b.shown-len(line), 0))
	fmt.Fprintf(b.out, "\r%s%s", string(line), rest)
	b.shown = len(line)
}

// close leaves the line where it is.
func (b *bar) close() { fmt.Fprintln(b.out) }
