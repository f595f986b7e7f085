//go:build lethetest

package responder

import (
	"os"
	"time"

	"github.com/lethe-dsr/lethe/pkg/crashpoint"
)

// crash ends the process at the point that the test asked for. The points, in order: fetched, claimed, effected, committed,
// acknowledged.
func crash(point string) { crashpoint.At("responder." + point) }

// lease is how long a step is nobody else's. LETHE_TEST_LEASE shortens every lease, so that a test that kills processes need not
// wait out those of the dead.
func lease(d time.Duration) time.Duration {
	if short, err := time.ParseDuration(os.Getenv("LETHE_TEST_LEASE")); err == nil {
		return min(d, short)
	}
	return d
}
