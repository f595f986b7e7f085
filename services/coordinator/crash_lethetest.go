//go:build lethetest

package coordinator

import "github.com/lethe-dsr/lethe/pkg/crashpoint"

// crash ends the process at the point that the test asked for.
func crash(point string) { crashpoint.At("coordinator." + point) }
