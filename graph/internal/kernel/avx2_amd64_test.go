//go:build amd64 && !noasm

package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The code for AVX2 is run where there is no AVX-512, also if this machine has it: it
// may use nothing that is not in AVX2.
func TestAVX2Alone(t *testing.T) {
	files, err := filepath.Glob("*_avx2_amd64.s")
	require.NoError(t, err)
	require.Len(t, files, 5)
	beyond := regexp.MustCompile(`(?m)^\t.*\b([XY](1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b.*$|^\t\w+_(BCST|Z)\b.*$|^// Requires:.*AVX512.*$`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		require.Empty(t, beyond.FindString(string(text)), f)
	}
}
