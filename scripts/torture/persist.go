package main

import (
	"context"
	"fmt"
	"time"
)

// patience is how long the harness itself tries to reach what it has just broken.
const patience = 90 * time.Second

// persist does what the harness must do although it kills the servers that it talks to.
func persist(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("not done within %s: %w", patience, err)
		}
	}
}

// until polls a condition, and reports whether it came about in time.
func until(ctx context.Context, limit, every time.Duration, met func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !met() {
		if !pause(ctx, every) {
			return met()
		}
	}
	return true
}

// pause sleeps, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
