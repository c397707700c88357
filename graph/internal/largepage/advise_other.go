//go:build !linux

package largepage

func advise([]byte) {}
