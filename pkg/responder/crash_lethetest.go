//go:build lethetest

package responder

import "github.com/lethe-dsr/lethe/internal/crashpoint"

// crash ends the process at the point that the test asked for. The points, in order: fetched, claimed, effected, committed,
// acknowledged.
func crash(point string) { crashpoint.At("responder." + point) }
