package responder

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// endedKey is under what a context holds when the work that it is for was told to end.
type endedKey struct{}

// bounded returns a context for a call that ends with ctx, after most or with cancel, and remembers when. Those who outlive it count from
// then, and not from when they began: together they take no longer than the one that may take longest.
func bounded(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	ended := &atomic.Pointer[time.Time]{}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, endedKey{}, ended), most)
	context.AfterFunc(ctx, func() {
		now := time.Now()
		ended.Store(&now)
	})
	return ctx, cancel
}

// outlive returns a context that goes on for grace after ctx has ended: what was begun is settled.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		left := grace
		if ended, ok := ctx.Value(endedKey{}).(*atomic.Pointer[time.Time]); ok {
			if at := ended.Load(); at != nil {
				left -= time.Since(*at)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(left, cancel)
	})
	return out, func() {
		stop()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
	}
}
