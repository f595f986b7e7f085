//go:build lethetest

// Package crashpoint kills the process at a named point, so that tests can show what survives. It exists only in builds with
// the tag lethetest.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu   sync.Mutex
	hits = map[string]int{}
)

// At kills the process with SIGKILL when LETHE_CRASH_AT names the point; "point:3" lets the first two visits pass.
func At(point string) {
	want, nth, _ := strings.Cut(os.Getenv("LETHE_CRASH_AT"), ":")
	if want != point {
		return
	}
	n, err := strconv.Atoi(nth)
	if err != nil {
		n = 1
	}
	mu.Lock()
	hits[point]++
	now := hits[point] >= n
	mu.Unlock()
	if now {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
