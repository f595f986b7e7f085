package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	responders "github.com/lethe-dsr/lethe/services/responders/sql"
)

// sqlEraseCase erases 2,000 of 20,000 customers in one batch and compares with the script by hand, in turns on the same data: once as it is and
// once with counts for each subject and table, which an acknowledgement must have. What is left over is the price of planning, of remembered
// keys and of answers. The script leaves order items alone; so does the map.
func sqlEraseCase(ctx context.Context, l *lab) ([]figure, error) {
	var out []figure
	for _, d := range []responders.Dialect{responders.Postgres, responders.MySQL} {
		fs, err := sqlErase(ctx, l, d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		out = append(out, fs...)
	}
	return out, nil
}

const erasedAtOnce = 2_000

func sqlErase(ctx context.Context, l *lab, d responders.Dialect) ([]figure, error) {
	const never = time.Hour // the least of several runs counts: whatever else the machine does only adds to it
	ours, hand, counting := never, never, never
	for range l.size(4, 1) {
		s, next, err := l.filledShop(ctx, d)
		if err != nil {
			return nil, err
		}
		if err := s.byHand(ctx, next(), false); err != nil { // connections and caches are warm from here on
			return nil, err
		}
		for range l.size(3, 2) {
			for _, m := range []struct {
				least *time.Duration
				run   func(emails []string) error
			}{
				{&hand, func(emails []string) error { return s.byHand(ctx, emails, false) }},
				{&counting, func(emails []string) error { return s.byHand(ctx, emails, true) }},
				{&ours, func(emails []string) error { return s.erase(ctx, emails) }},
			} {
				emails := next()
				began := time.Now()
				if err := m.run(emails); err != nil {
					return nil, err
				}
				*m.least = min(*m.least, time.Since(began))
			}
		}
		if err := s.db.Close(); err != nil {
			return nil, err
		}
	}
	engine := map[responders.Dialect]string{responders.Postgres: "PostgreSQL", responders.MySQL: "MariaDB"}[d]
	bare := figure{What: engine + ", script by hand", Value: ms(ours), Unit: "ms", Bound: boundErase}.beside(ms(hand))
	return []figure{bare, figure{What: engine + ", script that counts by subject", Value: ms(ours), Unit: "ms"}.beside(ms(counting))}, nil
}

// filledShop makes a shop and a source of its customers, 2,000 at a time.
func (l *lab) filledShop(ctx context.Context, d responders.Dialect) (*shop, func() []string, error) {
	s, schema, err := l.openShop(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	script, err := shopFiles.ReadFile("shop/" + string(d) + ".sql")
	if err != nil {
		return nil, nil, err
	}
	if err := s.fill(ctx, string(script)); err != nil {
		return nil, nil, err
	}
	err = s.plan(ctx, l, schema, "order_items: keep, ", "", "        order_items: {", "        #", "    lethe.ground:", "    lethe.not_followed: [order_items.order_id]\n    lethe.ground:")
	n := 0
	return s, func() []string {
		emails := make([]string, erasedAtOnce)
		for i := range emails {
			n++
			emails[i] = fmt.Sprintf("c%d@shop.example", n)
		}
		return emails
	}, err
}

func (s *shop) erase(ctx context.Context, emails []string) error {
	ds := make([]responder.Dispatch, len(emails))
	for i, e := range emails {
		ds[i] = asks(dsr.Erasure, e)
	}
	as, err := s.system.Erase(ctx, ds)
	if err != nil {
		return err
	}
	for _, a := range as {
		if a.Err != nil {
			return a.Err
		}
		for _, c := range a.Collections {
			if c.Name == "shop.customers" && c.Counts.Pseudonymised != 1 {
				return errors.New("a customer was not masked")
			}
		}
	}
	return nil
}

// The set-based script that one would write by hand, as a few statements for the whole batch. Before each change of a table it may count how
// many rows are whose: a query of its own is faster than a change that gives its rows back.
var handScript = map[responders.Dialect][]struct{ counts, run string }{
	responders.MySQL: {
		{"", "CREATE OR REPLACE TEMPORARY TABLE s (id bigint PRIMARY KEY) AS SELECT c.id FROM JSON_TABLE(?, '$[*]' COLUMNS (email varchar(100) PATH '$')) AS e STRAIGHT_JOIN customers AS c ON c.email = e.email"},
		{"support_messages", "DELETE m FROM s JOIN support_messages AS m ON m.customer_id = s.id"},
		{"payment_cards", "DELETE c FROM s JOIN payment_cards AS c ON c.customer_id = s.id"},
		{"orders", "UPDATE s JOIN orders AS o ON o.customer_id = s.id SET o.shipping_address = NULL"},
		{"", "UPDATE s JOIN customers AS c ON c.id = s.id SET c.email = concat('erased-', c.id, '@masked.invalid'), c.name = NULL, c.phone = NULL, c.address = NULL"},
	},
	responders.Postgres: {
		{"", "CREATE TEMPORARY TABLE s ON COMMIT DROP AS SELECT id FROM customers WHERE email = any ($1)"},
		{"", "ANALYZE s"},
		{"support_messages", "DELETE FROM support_messages WHERE customer_id IN (SELECT id FROM s)"},
		{"payment_cards", "DELETE FROM payment_cards WHERE customer_id IN (SELECT id FROM s)"},
		{"orders", "UPDATE orders SET shipping_address = NULL WHERE customer_id IN (SELECT id FROM s)"},
		{"", "UPDATE customers SET email = 'erased-' || id || '@masked.invalid', name = NULL, phone = NULL, address = NULL WHERE id IN (SELECT id FROM s)"},
	},
}

func (s *shop) byHand(ctx context.Context, emails []string, counts bool) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do
	for i, q := range handScript[s.dialect] {
		if counts && q.counts != "" {
			if err := countByHand(ctx, tx, q.counts); err != nil {
				return err
			}
		}
		var args []any
		if i == 0 {
			args = []any{emails}
			if s.dialect == responders.MySQL {
				list, err := json.Marshal(emails)
				if err != nil {
					return err
				}
				args = []any{string(list)}
			}
		}
		if _, err := tx.ExecContext(ctx, q.run, args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func countByHand(ctx context.Context, tx *sql.Tx, table string) error {
	rows, err := tx.QueryContext(ctx, "SELECT s.id, count(*) FROM s JOIN "+table+" AS t ON t.customer_id = s.id GROUP BY s.id")
	if err != nil {
		return err
	}
	defer rows.Close()
	of := map[int64]int64{}
	for rows.Next() {
		var id, n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		of[id] = n
	}
	if len(of) != erasedAtOnce {
		return errors.Join(rows.Err(), fmt.Errorf("%d people have rows in %s", len(of), table))
	}
	return rows.Err()
}
