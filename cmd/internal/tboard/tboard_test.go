package tboard

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The file's records have right checksums, and the scalar's fields stand where
// the Event message has them.
func TestFraming(t *testing.T) {
	dir := t.TempDir()
	w, err := New(dir)
	require.NoError(t, err)
	require.NoError(t, w.Scalar("loss", 300, 1.5))
	require.NoError(t, w.Close())
	other, err := New(dir)
	require.NoError(t, err, "a second file in the same second")
	require.NoError(t, other.Close())
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	b, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var events [][]byte
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		require.Equal(t, masked(b[:8]), binary.LittleEndian.Uint32(b[8:]))
		e := b[12 : 12+n]
		require.Equal(t, masked(e), binary.LittleEndian.Uint32(b[12+n:]))
		events = append(events, e)
		b = b[16+n:]
	}
	require.Len(t, events, 2)
	require.Contains(t, string(events[0]), "brain.Event:2")
	e := events[1][9:] // behind the wall time
	require.Equal(t, byte(2<<3), e[0])
	step, k := binary.Uvarint(e[1:])
	require.EqualValues(t, 300, step)
	e = e[1+k:]
	require.Equal(t, []byte{5<<3 | 2, 13, 1<<3 | 2, 11, 1<<3 | 2, 4}, e[:6])
	require.Equal(t, "loss", string(e[6:10]))
	require.EqualValues(t, 1.5, math.Float32frombits(binary.LittleEndian.Uint32(e[11:])))
}
