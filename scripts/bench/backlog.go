package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// backlogCase: so many requests wait while no service runs. Then everything is started, and the clock runs until the last record. Once a second
// the memory of each process is read: what it holds late must be what it held early, however much waits.
func backlogCase(ctx context.Context, l *lab) ([]figure, error) {
	s := shape{systems: 3}
	c, err := l.found(ctx, s)
	if err != nil {
		return nil, err
	}
	fs, err := backlog(ctx, c, s, l.size(1_000_000, 20_000))
	return fs, errors.Join(err, c.quit(ctx))
}

func backlog(ctx context.Context, c *company, s shape, requests int) ([]figure, error) {
	const portion = 20_000 // sealed at once: this process's memory is not what is measured, but there is an end to it
	for left := requests; left > 0; left -= portion {
		batches, err := c.sealAll(ctx, min(portion, left))
		if err != nil {
			return nil, err
		}
		if err := c.publish(ctx, batches...); err != nil {
			return nil, err
		}
	}
	c.l.progress("backlog: %d requests wait", requests)
	began := time.Now()
	if err := c.start(s); err != nil {
		return nil, err
	}
	if err := c.mark(); err != nil {
		return nil, err
	}
	memory, err := c.sampled(ctx, func(ctx context.Context) error { return c.until(ctx, requests, 2*time.Hour) })
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	f := figure{What: fmt.Sprintf("%d waiting erasures, 3 systems", requests), Value: float64(requests) / took.Seconds(), Unit: "requests/s", More: true, Note: "drained in " + took.Round(time.Second).String()}
	if f.Roles, err = c.used(); err != nil {
		return nil, err
	}
	out := []figure{f}
	for _, role := range []string{coordinatorRole, system(0)} {
		early, late := thirds(memory[role])
		out = append(out, figure{
			What: role + ": memory in the last third to that in the first", Value: late / early, Unit: "times", Note: fmt.Sprintf("%.0f MiB, then %.0f MiB", early, late), Bound: 2,
		})
	}
	return out, nil
}

// sampled reads the memory of each role once a second while do runs.
func (c *company) sampled(ctx context.Context, do func(context.Context) error) (map[string][]float64, error) {
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	memory := map[string][]float64{}
	for began := time.Now(); ; {
		select {
		case err := <-done:
			return memory, err
		case <-tick.C:
			for _, p := range c.children {
				m, err := residentMiB(p.pid(), "VmRSS")
				if err != nil {
					return nil, errors.Join(err, p.ended(), <-done)
				}
				memory[p.role] = append(memory[p.role], m)
			}
			if n := len(memory[coordinatorRole]); n%60 == 0 {
				c.l.progress("backlog: %d records after %s", c.count(), time.Since(began).Round(time.Second))
			}
		}
	}
}

// thirds returns the most of the first and of the last third, without the first tenth, in which a process only begins.
func thirds(samples []float64) (early, late float64) {
	samples = samples[len(samples)/10:]
	for i, m := range samples {
		switch {
		case 3*i < len(samples):
			early = max(early, m)
		case 3*i >= 2*len(samples):
			late = max(late, m)
		}
	}
	return early, late
}
