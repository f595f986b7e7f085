//go:build lethetest

package responder

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var visits atomic.Int64

// crash kills the process with SIGKILL when LETHE_CRASH_AT names the point, as responder.NAME or, to let the first visits
// pass, responder.NAME:n. The points, in order: fetched, claimed, effected, committed, acknowledged.
func crash(point string) {
	want, nth, _ := strings.Cut(os.Getenv("LETHE_CRASH_AT"), ":")
	if want != "responder."+point {
		return
	}
	n, err := strconv.ParseInt(nth, 10, 64)
	if err != nil {
		n = 1
	}
	if visits.Add(1) >= n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
