//go:build lethetest

package kafka

import "github.com/lethe-dsr/lethe/pkg/crashpoint"

// crash ends the process at the point that the test asked for: offset_committed, when the group has a new offset.
func crash(point string) { crashpoint.At("kafka." + point) }
