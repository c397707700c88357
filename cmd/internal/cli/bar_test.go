package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A line covers the one before, is no wider than the terminal and says what is done.
func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := &bar{out: &out, width: func() int { return 80 }}
	for _, c := range []struct {
		done   float64
		status string
		full   int
	}{{0, "step 1", 0}, {0.5, strings.Repeat("ä long status ", 10), barWidth / 2}, {1, "end", barWidth}, {7, "", barWidth}, {-1, "", 0}} {
		before := b.shown
		out.Reset()
		b.draw(c.done, c.status)
		line := []rune(out.String())
		require.Equal(t, '\r', line[0])
		require.Less(t, len(line)-1, 80)
		require.GreaterOrEqual(t, len(line)-1, before)
		require.Equal(t, c.full, strings.Count(out.String(), "="))
		if len(c.status) < 20 {
			require.Contains(t, out.String(), "] "+c.status)
		}
	}
	require.Nil(t, newBar(&out))
	f, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer f.Close()
	require.Nil(t, newBar(f))
}
