package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// storeCase measures the throughput of one company whose database holds ever more sealed requests. These are written by SQL beside the
// coordinator, with the keys and rows that a seal leaves; their envelopes are short, since nothing reads them and 10 million real ones would
// take 60 GB. The floor of each figure is the one with an empty database.
func storeCase(ctx context.Context, l *lab) ([]figure, error) {
	s := shape{systems: 3}
	c, err := l.found(ctx, s)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", c.database)
	if err != nil {
		return nil, errors.Join(err, c.quit(ctx))
	}
	fs, err := storeFigures(ctx, c, db, s)
	return fs, errors.Join(err, db.Close(), c.quit(ctx))
}

func storeFigures(ctx context.Context, c *company, db *sql.DB, s shape) ([]figure, error) {
	requests := c.l.size(20_000, 2_000)
	first, err := measured(ctx, c, s, requests)
	if err != nil {
		return nil, err
	}
	// The first run has warmed everything up; the same once more is what the others are compared with.
	cost := func() (float64, error) {
		if _, err := db.ExecContext(ctx, "vacuum analyze"); err != nil {
			return 0, err
		}
		if _, err := db.ExecContext(ctx, "checkpoint"); err != nil {
			return 0, err
		}
		took, err := c.drain(ctx, requests)
		return took.Seconds() * 1e6 / float64(requests), err
	}
	empty, err := cost()
	if err != nil {
		return nil, err
	}
	out := []figure{{What: "nothing sealed but what was measured", Value: empty, Unit: "µs a request", PerRequest: first.PerRequest}}
	have := 0
	for _, n := range []int{c.l.size(1_000_000, 100_000), c.l.size(10_000_000, 200_000)} {
		c.l.progress("store: writing %d sealed requests …", n-have)
		if err := fillStore(ctx, db, n-have); err != nil {
			return nil, err
		}
		have = n
		now, err := cost()
		if err != nil {
			return nil, err
		}
		out = append(out, figure{What: fmt.Sprintf("%d sealed requests", n), Value: now, Unit: "µs a request", Bound: 2.4}.beside(empty))
	}
	return out, nil
}

// fillStore writes what n sealed requests leave behind.
func fillStore(ctx context.Context, db *sql.DB, n int) error {
	const portion = 500_000
	for left := n; left > 0; left -= portion {
		_, err := db.ExecContext(ctx, `
			with made as materialized (
				select gen_random_uuid() as id, date_trunc('month', now()) + random() * (now() - date_trunc('month', now())) as at from generate_series(1, $1)
			), keys as (
				insert into lethe.request_key (tenant, request_id, content_mac, sealed_at) select '', id, decode(md5(id::text) || md5(id::text), 'hex'), at from made
			)
			insert into lethe.record (sealed_at, request_id, number, tenant, record_id, result, sha256, envelope, archive)
			select at, id, 0, '', id::text, 'complete', decode(md5(id::text) || md5(id::text), 'hex'), 'a short envelope', 'a short archive' from made order by at`, min(portion, left))
		if err != nil {
			return err
		}
	}
	return nil
}
