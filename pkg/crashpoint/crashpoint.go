//go:build lethetest

// Package crashpoint kills or stops the process at a named point, so that tests can show what survives. It exists only in builds with
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

// At kills the process with SIGKILL when LETHE_CRASH_AT names the point; "point:3" lets the first two visits pass. "point:3:stop" stops it
// there with SIGSTOP, once, and it goes on when somebody has it continue.
func At(point string) {
	want, rest, _ := strings.Cut(os.Getenv("LETHE_CRASH_AT"), ":")
	if want != point {
		return
	}
	nth, how, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(nth)
	if err != nil {
		n = 1
	}
	mu.Lock()
	hits[point]++
	now := hits[point]
	mu.Unlock()
	switch {
	case how == "stop" && now == n:
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case how == "" && now >= n:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
