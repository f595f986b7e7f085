package responder

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// breaker keeps all partitions of a system from calling it while it is down. One of them asks Check until it passes, with
// backoff; the others wait for that one.
type breaker struct {
	check func(context.Context) error
	log   *slog.Logger

	mu   sync.Mutex
	open chan struct{} // closed when the one that asks is done; nil: nobody asks
}

const (
	checkTimeout  = 10 * time.Second
	firstPause    = 100 * time.Millisecond
	longestPause  = 15 * time.Second
	ledgerLongest = 5 * time.Second
)

// away reports whether the system is waited for.
func (b *breaker) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open != nil
}

// pass waits while somebody else asks. The error is that of ctx.
func (b *breaker) pass(ctx context.Context) error {
	for {
		b.mu.Lock()
		open := b.open
		b.mu.Unlock()
		if open == nil {
			return ctx.Err()
		}
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait asks Check until it passes and reports whether it ever failed. The error is that of ctx.
func (b *breaker) wait(ctx context.Context, cause error) (down bool, err error) {
	b.mu.Lock()
	if b.open != nil {
		b.mu.Unlock()
		return true, b.pass(ctx)
	}
	// Only once Check has failed are the others held up: a single dispatch that fails for itself must not stop them.
	b.mu.Unlock()
	if b.passes(ctx) == nil || ctx.Err() != nil {
		return false, ctx.Err()
	}
	b.mu.Lock()
	if b.open != nil { // another one was faster
		b.mu.Unlock()
		return true, b.pass(ctx)
	}
	open := make(chan struct{})
	b.open = open
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.open = nil
		b.mu.Unlock()
		close(open)
	}()

	since := time.Now()
	b.log.WarnContext(ctx, "the system does not answer, waiting for it", "class", string(Classify(cause)))
	pause := newPause(longestPause)
	for {
		if err := sleep(ctx, pause.NextBackOff()); err != nil {
			return true, err
		}
		if b.passes(ctx) == nil {
			b.log.InfoContext(ctx, "the system answers again", "away_seconds", time.Since(since).Seconds())
			return true, nil
		}
	}
}

func (b *breaker) passes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return b.check(ctx)
}

// newPause is an exponential backoff that never gives up by itself: the library's default does after 15 minutes.
func newPause(longest time.Duration) *backoff.ExponentialBackOff {
	p := backoff.NewExponentialBackOff()
	p.InitialInterval, p.MaxInterval, p.MaxElapsedTime = firstPause, longest, 0
	p.Reset()
	return p
}

// sleep returns ctx's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
