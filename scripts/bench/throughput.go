package main

import (
	"context"
	"errors"
	"fmt"
)

// warm is how many requests go before the clock, through the floor as through Lethe.
func (o options) warm() int { return o.size(5_000, 1_000) }

// throughputCase: requests are published as fast as the broker takes them; the clock runs from the first publish to the last record seen on
// the completions topic.
func throughputCase(ctx context.Context, l *lab) ([]figure, error) {
	var out []figure
	for _, c := range []struct {
		systems, requests int
		bound             float64
	}{{3, l.size(30_000, 3_000), boundThroughput3}, {20, l.size(5_000, 1_000), boundThroughput20}} {
		f, err := throughput(ctx, l, c.systems, c.requests)
		if err != nil {
			return nil, fmt.Errorf("%d systems: %w", c.systems, err)
		}
		f.Bound = c.bound
		out = append(out, f)
	}
	return out, nil
}

func throughput(ctx context.Context, l *lab, systems, requests int) (figure, error) {
	floor, err := floorThroughput(ctx, l, systems, requests)
	if err != nil {
		return figure{}, fmt.Errorf("floor: %w", err)
	}
	s := shape{systems: systems}
	c, err := l.found(ctx, s)
	if err != nil {
		return figure{}, err
	}
	f, err := measured(ctx, c, s, requests)
	f.What = fmt.Sprintf("%d erasures, %d systems", requests, systems)
	return f.beside(floor), errors.Join(err, c.quit(ctx))
}

func floorThroughput(ctx context.Context, l *lab, systems, requests int) (float64, error) {
	b, err := l.floor(ctx, systems)
	if err != nil {
		return 0, err
	}
	if _, err := b.drain(ctx, l.warm()); err != nil {
		return 0, errors.Join(err, b.quit())
	}
	took, err := b.drain(ctx, requests)
	return float64(requests) / took.Seconds(), errors.Join(err, b.quit())
}

// measured takes requests through a company and says how many a second, and what each cost.
func measured(ctx context.Context, c *company, s shape, requests int) (figure, error) {
	f := figure{Unit: "requests/s", More: true}
	if err := c.start(s); err != nil {
		return f, err
	}
	if err := c.warmUp(ctx, c.l.warm()); err != nil {
		return f, fmt.Errorf("warm up: %w", err)
	}
	before, err := c.taken(ctx)
	if err != nil {
		return f, err
	}
	took, err := c.drain(ctx, requests)
	if err != nil {
		return f, err
	}
	f.Value = float64(requests) / took.Seconds()
	if f.Roles, err = c.used(); err != nil {
		return f, err
	}
	after, err := c.taken(ctx)
	n := float64(requests)
	f.PerRequest = &perRequest{
		Statements: (after.Statements - before.Statements) / n, Messages: (after.Messages - before.Messages) / n,
		DatabaseBytes: (after.DatabaseBytes - before.DatabaseBytes) / n, KafkaBytes: (after.KafkaBytes - before.KafkaBytes) / n,
	}
	return f, err
}

// taken is what the servers have taken so far.
func (c *company) taken(ctx context.Context) (p perRequest, err error) {
	if p.Statements, err = c.l.statements(ctx); err != nil {
		return p, err
	}
	if p.DatabaseBytes, err = c.l.databaseBytes(ctx, c.database); err != nil {
		return p, err
	}
	if p.KafkaBytes, err = c.l.kafkaBytes(); err != nil {
		return p, err
	}
	p.Messages, err = c.messages(ctx)
	return p, err
}
