package sql_test

import (
	"path/filepath"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect sql.Dialect
		beside  bool
	}{
		{"sqlite_in_transaction", sql.SQLite, false},
		{"sqlite_beside", sql.SQLite, true},
		{"postgres_in_transaction", sql.Postgres, false},
		{"postgres_beside", sql.Postgres, true},
		{"mysql_in_transaction", sql.MySQL, false},
		{"mysql_beside", sql.MySQL, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture { return fixture(t, c.dialect, c.beside) }})
		})
	}
}

// fixture is a shop of its own.
func fixture(t *testing.T, d sql.Dialect, beside bool) respondertest.Fixture {
	p := newPlace(t, d)
	w := p.shop(t)
	m := p.loadMap(t, "shop.yml")
	file := filepath.Join(t.TempDir(), "ledger.db")
	f := shopFixture(w, beside)
	f.Open = func(t *testing.T) (responder.System, responder.Ledger) {
		own := &world{t, p, p.open(t)}
		s := own.system(m)
		if beside {
			return s, besideLedger(t, file)
		}
		return s, s.Ledger()
	}
	return f
}

// shopFixture seeds a customer with an order, a message and an invoice each time.
func shopFixture(shop *world, beside bool) respondertest.Fixture {
	serial := 100
	return respondertest.Fixture{
		Exact:    !beside,
		Capacity: "customer",
		Identifier: func(n int) dsr.Identifier {
			return customer(string(rune('1'+n/10)) + string(rune('0'+n%10)))
		},
		Seed: func(t *testing.T, id dsr.Identifier) {
			w := &world{t, shop.place, shop.db}
			serial++
			if w.count("customers WHERE id = "+id.Value) == 0 {
				w.exec("INSERT INTO customers (id, email, name, phone, loyalty) VALUES ("+id.Value+", ?, 'A name', '+491', 'L1')", "c"+id.Value+"@example.org")
			}
			w.exec("INSERT INTO orders (id, customer_id, total, placed_at) VALUES (?, "+id.Value+", 1, '2026-01-01 00:00:00')", serial)
			w.exec("INSERT INTO order_items (order_id, line, sku) VALUES (?, 1, 'x')", serial)
			w.exec("INSERT INTO messages (customer_id, body) VALUES (" + id.Value + ", 'hello')")
			w.exec("INSERT INTO invoices (id, customer_id, total) VALUES (?, "+id.Value+", 1)", serial)
		},
		Left: func(t *testing.T, id dsr.Identifier) int64 {
			w := &world{t, shop.place, shop.db}
			return w.count("customers WHERE email LIKE '%@%' AND id = "+id.Value) + w.count("orders WHERE customer_id = "+id.Value) +
				w.count("messages WHERE customer_id = "+id.Value)
		},
	}
}
