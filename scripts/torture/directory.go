package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const dirPrefix = "lethe-torture-"

// makeDir makes the directory of a run, and removes those of runs that were killed before they could.
func makeDir() (string, error) {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*")) // the pattern is a good one
	for _, dir := range old {
		text, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			unmount(dir)
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", dirPrefix)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "pid"), fmt.Appendln(nil, os.Getpid()), 0o600)
	}
	return dir, err
}
