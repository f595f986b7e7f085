package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startCase starts each service of the command again and again, with topics, tables and ledgers there already, and measures from the start of the
// process until it answers that it is ready.
func startCase(ctx context.Context, l *lab) ([]figure, error) {
	s, err := l.staff(ctx)
	if err != nil {
		return nil, err
	}
	var out []figure
	for _, role := range serviceRoles {
		f, err := starts(ctx, s, role)
		if err != nil {
			return nil, errors.Join(err, s.quit(ctx))
		}
		out = append(out, f)
	}
	return out, s.quit(ctx)
}

func starts(ctx context.Context, s *staffed, role string) (figure, error) {
	var took []time.Duration
	for i := range s.l.size(15, 5) + 1 {
		began := time.Now()
		p, err := s.launch(ctx, role)
		if err != nil {
			return figure{}, err
		}
		if err := p.await(ctx); err != nil {
			return figure{}, errors.Join(err, p.stop(ctx))
		}
		if i > 0 { // the first one makes its tables
			took = append(took, time.Since(began))
		}
		if err := p.stop(ctx); err != nil {
			return figure{}, err
		}
	}
	return figure{
		What: role + ", median", Value: ms(quantile(took, 0.5)), Unit: "ms", Bound: boundStart,
		Note: fmt.Sprintf("%.0f to %.0f ms in %d starts", ms(took[0]), ms(took[len(took)-1]), len(took)),
	}, nil
}
