//go:build !lethetest

package responder_test

// child is a process to be killed in builds that have crash points.
func child() bool { return false }
