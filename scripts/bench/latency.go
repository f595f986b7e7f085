package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// shares of the throughput at which the latency is measured. At the first one the processors have time, at the others they have none. The
// bounds are those of bounded.
var shares = []float64{0.01, bounded, 0.5, 0.8}

const bounded = 0.1

// latencyCase: an open loop at fixed rates. Each request's clock runs from the instant at which it was due, so that a slow answer is not left
// out, to its record on the completions topic. The floor is the same loop over bare hops, at the same rates.
func latencyCase(ctx context.Context, l *lab) ([]figure, error) {
	const systems = 3
	s := shape{systems: systems}
	c, err := l.found(ctx, s)
	if err != nil {
		return nil, err
	}
	f, err := measured(ctx, c, s, l.size(10_000, 2_000))
	if err != nil {
		return nil, errors.Join(err, c.quit(ctx))
	}
	length := time.Duration(l.size(20, 4)) * time.Second
	took := make([][]time.Duration, len(shares))
	for i, share := range shares {
		if took[i], err = c.latency(ctx, share*f.Value, length); err != nil {
			return nil, errors.Join(err, c.quit(ctx))
		}
	}
	if err := c.quit(ctx); err != nil {
		return nil, err
	}
	b, err := l.floor(ctx, systems)
	if err != nil {
		return nil, err
	}
	if _, err := b.drain(ctx, l.warm()); err != nil {
		return nil, errors.Join(err, b.quit())
	}
	var out []figure
	for i, share := range shares {
		bare, err := b.latency(ctx, share*f.Value, length)
		if err != nil {
			return nil, errors.Join(err, b.quit())
		}
		for _, q := range []struct {
			name  string
			f     float64
			bound float64
		}{{"p50", 0.5, boundLatency50}, {"p95", 0.95, 0}, {"p99", 0.99, boundLatency99}, {"p99.9", 0.999, 0}} {
			fig := figure{What: fmt.Sprintf("%s at %.0f/s (%.0f %%)", q.name, share*f.Value, 100*share), Value: ms(quantile(took[i], q.f)), Unit: "ms"}.beside(ms(quantile(bare, q.f)))
			if share == bounded {
				fig.Bound = q.bound
			}
			out = append(out, fig)
		}
	}
	return out, b.quit()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// latency publishes at a rate and returns how long each request took.
func (c *company) latency(ctx context.Context, rate float64, length time.Duration) ([]time.Duration, error) {
	n := int(rate*length.Seconds()) + 1
	one := make([]*sealedBatch, n)
	all, err := c.seal(ctx, n)
	if err != nil {
		return nil, err
	}
	for i := range one {
		one[i] = &sealedBatch{ids: all.ids[i : i+1], msgs: all.msgs[i : i+1]}
	}
	var mu sync.Mutex
	due := map[dsr.RequestID]time.Time{}
	before := c.count()
	sent, err := openLoop(ctx, rate, length, func(ctx context.Context, from, to int, at time.Time) error {
		b := &sealedBatch{}
		for _, o := range one[from:min(to, n)] {
			b.ids, b.msgs = append(b.ids, o.ids...), append(b.msgs, o.msgs...)
		}
		mu.Lock()
		for _, id := range b.ids {
			due[id] = at
		}
		mu.Unlock()
		return c.publish(ctx, b)
	})
	if err := errors.Join(err, c.until(ctx, before+min(sent, n), 5*time.Minute)); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var took []time.Duration
	for id, at := range due {
		took = append(took, c.sealed[id].Sub(at))
	}
	return took, nil
}

// latency does the same with the bare loops.
func (b *bare) latency(ctx context.Context, rate float64, length time.Duration) ([]time.Duration, error) {
	n := int(rate*length.Seconds()) + 1
	ids := newIDs(n)
	var mu sync.Mutex
	due := map[string]time.Time{}
	before := b.count()
	sent, err := openLoop(ctx, rate, length, func(ctx context.Context, from, to int, at time.Time) error {
		mu.Lock()
		for _, id := range ids[from:min(to, n)] {
			due[id] = at
		}
		mu.Unlock()
		return b.send(ctx, ids[from:min(to, n)], "in")
	})
	if err := errors.Join(err, b.until(ctx, before+min(sent, n))); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var took []time.Duration
	for id, at := range due {
		took = append(took, b.sealed[id].Sub(at))
	}
	return took, nil
}
