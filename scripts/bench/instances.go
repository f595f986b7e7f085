package main

import (
	"context"
	"errors"
	"fmt"
)

// instancesCase gives every process a fixed share of a CPU by a cgroup, small enough that the processes and not the machine are the limit, and
// counts how the throughput grows with the number of instances. The floor of each figure is that of one instance.
func instancesCase(ctx context.Context, l *lab) ([]figure, error) {
	var out []figure
	var one float64
	for _, n := range []int{1, 2, 4} {
		f, err := instances(ctx, l, n)
		if err != nil {
			return nil, fmt.Errorf("%d instances: %w", n, err)
		}
		if n == 1 {
			one = f.Value
		} else {
			f = f.beside(one)
		}
		out = append(out, f)
	}
	return out, nil
}

// Shares of one CPU.
const (
	coordinatorShare = 0.12
	responderShare   = 0.04
)

func instances(ctx context.Context, l *lab, n int) (f figure, err error) {
	s := shape{systems: 3, instances: n, environ: []string{"GOMAXPROCS=1"}}
	c, err := l.found(ctx, s)
	if err != nil {
		return f, err
	}
	var groups []*cgroup
	defer func() {
		err = errors.Join(err, c.quit(ctx))
		for _, g := range groups {
			err = errors.Join(err, g.remove())
		}
	}()
	if err := c.start(s); err != nil {
		return f, err
	}
	if err := c.warmUp(ctx, c.l.warm()); err != nil {
		return f, err
	}
	for _, p := range c.children {
		share := responderShare
		if p.role == coordinatorRole {
			share = coordinatorShare
		}
		g, err := limitCPU(p.pid(), share)
		if err != nil {
			return f, err
		}
		groups = append(groups, g)
	}
	requests := l.size(4_000*n, 500*n)
	took, err := c.drain(ctx, requests)
	if err != nil {
		return f, err
	}
	f = figure{
		What: fmt.Sprintf("%d of each, coordinators %.0f %% and responders %.0f %% of a CPU", n, 100*coordinatorShare, 100*responderShare), Value: float64(requests) / took.Seconds(), Unit: "requests/s", More: true,
	}
	f.Roles, err = c.used()
	return f, err
}
