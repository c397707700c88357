//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock keeps other processes out of a run folder until unlock, or until this one ends
// however it does. Two fits in a folder would take each other's best weights for theirs.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%s: another process is at work in it: wait for its end, or take another folder by --out", dir)
	}
	return func() { f.Close() }, nil // some file systems have no locks
}
