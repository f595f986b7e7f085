package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// idleCase runs each service of the command with nothing to do and reads what it takes.
func idleCase(ctx context.Context, l *lab) ([]figure, error) {
	s, err := l.staff(ctx)
	if err != nil {
		return nil, err
	}
	out, err := idle(ctx, s)
	return out, errors.Join(err, s.quit(ctx))
}

func idle(ctx context.Context, s *staffed) ([]figure, error) {
	for _, role := range serviceRoles {
		p, err := s.launch(ctx, role)
		if err != nil {
			return nil, err
		}
		s.children = append(s.children, p.child)
		if err := p.await(ctx); err != nil {
			return nil, err
		}
	}
	length := time.Duration(s.l.size(60, 10)) * time.Second
	if err := pause(ctx, length/6); err != nil { // groups settle
		return nil, err
	}
	if err := s.mark(); err != nil {
		return nil, err
	}
	if err := pause(ctx, length); err != nil {
		return nil, err
	}
	var out []figure
	for _, p := range s.children {
		u, err := p.used()
		if err != nil {
			return nil, err
		}
		memory, err := residentMiB(p.pid(), "VmRSS")
		if err != nil {
			return nil, err
		}
		own, err := residentMiB(p.pid(), "RssAnon")
		if err != nil {
			return nil, err
		}
		out = append(out,
			figure{What: p.role + ", CPU", Value: 100 * u.CPUSeconds / length.Seconds(), Unit: "% of one", Bound: boundIdleCPU, Note: fmt.Sprintf("over %s", length)},
			figure{What: p.role + ", memory", Value: memory, Unit: "MiB resident", Bound: boundIdleMiB, Note: fmt.Sprintf("%.0f MiB of its own, the rest are pages of the program's file", own)})
	}
	return out, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
