package sql

import (
	"context"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// values tries what the masks would write: whether it is a value of the column's type only the database can say. What it refuses must
// not end the transaction that asks.
func (b *planner) values(ctx context.Context, q runner, p *plan) error {
	const doing = "try the values that masks write"
	for _, r := range p.sets {
		for i := range r.masks {
			m := &r.masks[i]
			sample, what, any := m.sample()
			if !any || m.in != nil {
				continue
			}
			if m.col.class == text && !m.col.domain {
				if err := b.spelled(ctx, q, m); err != nil {
					return err
				}
				continue
			}
			fits, judged := b.d.takes(m.col, sample)
			if !judged {
				refused, err := b.probe(ctx, q, doing, func(scanner) error { return nil }, "SELECT "+b.d.trial(sample, m.col))
				if err == nil && responder.Classify(refused) == responder.ClassUnavailable {
					err = refused
				}
				if err != nil {
					return err
				}
				fits = refused == nil
			}
			if !fits {
				b.at(m.pos, "%s has type %s, which %s is not", m.label, m.col.named(), what)
			}
		}
	}
	return nil
}

// spelled demands that the column's character set has every character of a constant.
func (b *planner) spelled(ctx context.Context, q runner, m *mask) error {
	query := b.d.lacks(m.value, m.col)
	if query == "" || m.strategy != datamap.StringRewrite {
		return nil
	}
	lacks := false
	_, err := b.probe(ctx, q, "try the characters that masks write", func(s scanner) error { return s.Scan(&lacks) }, "SELECT "+query)
	if lacks {
		b.at(m.pos, "%s has the character set %s, which cannot spell the value of its string_rewrite", m.label, m.col.charset)
	}
	return err
}

// probe runs a query whose failure must not end the transaction that asks, and which leaves nothing behind. refused is what the database has against it.
func (b *planner) probe(ctx context.Context, q runner, doing string, scan func(scanner) error, query string) (refused, err error) {
	if _, err := q.exec(ctx, "SAVEPOINT lethe_value"); err != nil {
		return nil, failed(doing, err)
	}
	refused = failed(doing, q.read(ctx, scan, query))
	if _, err := q.exec(ctx, "ROLLBACK TO SAVEPOINT lethe_value"); err != nil {
		return nil, failed(doing, err)
	}
	_, err = q.exec(ctx, "RELEASE SAVEPOINT lethe_value")
	return refused, failed(doing, err)
}

// sample is a value that the mask writes, if it writes any; what names it.
func (m *mask) sample() (value, what string, any bool) {
	switch m.strategy {
	case datamap.StringRewrite:
		return m.value, "the value of its string_rewrite", true
	case datamap.RandomStringRewrite, datamap.HMAC:
		return m.prefix + strings.Repeat("0", m.digits), "a value of its " + m.strategy, true
	}
	return "", "", false
}

// bits reports whether the type is one of PostgreSQL's bit strings.
func (c *column) bits() bool { return c.typ == `"bit"` || c.typ == "bit varying" }

// named is the column's type as people know it.
func (c *column) named() string {
	if c.domain || c.bits() {
		return c.declared
	}
	return c.typ
}
