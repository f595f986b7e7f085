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
			if !any || m.in != nil || m.col.class == text && !m.col.domain {
				continue
			}
			refuse := func() { b.at(m.pos, "%s has type %s, which %s is not", m.label, m.col.named(), what) }
			if fits, judged := b.d.takes(m.col, sample); judged {
				if !fits {
					refuse()
				}
				continue
			}
			if _, err := q.exec(ctx, "SAVEPOINT lethe_value"); err != nil {
				return failed(doing, err)
			}
			err := failed(doing, q.read(ctx, func(scanner) error { return nil }, "SELECT "+b.d.trial(sample, m.col)))
			if responder.Classify(err) == responder.ClassUnavailable {
				return err
			}
			if err != nil {
				refuse()
				if _, err := q.exec(ctx, "ROLLBACK TO SAVEPOINT lethe_value"); err != nil {
					return failed(doing, err)
				}
			}
			if _, err := q.exec(ctx, "RELEASE SAVEPOINT lethe_value"); err != nil {
				return failed(doing, err)
			}
		}
	}
	return nil
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

// named is the column's type as people know it.
func (c *column) named() string {
	if c.domain {
		return c.declared
	}
	return c.typ
}
