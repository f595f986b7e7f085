package sql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// erased erases Anna and returns what later dispatches of her request carry.
func erased(t *testing.T, s *sql.System) responder.Dispatch {
	t.Helper()
	d := ask(dsr.Act, 1, email("anna@example.org"), customer("1"))
	d.Keys = erase(t, s, d)[0].Keys
	return d
}

// seen looks, and returns what is found and what remains by collection, without what is clean.
func seen(t *testing.T, s *sql.System, d responder.Dispatch) map[string][2]int64 {
	t.Helper()
	d.Phase = dsr.Verify
	out := map[string][2]int64{}
	for _, c := range look(t, s, d)[0].Collections {
		if c.Outcome != dsr.NotFound {
			t.Errorf("a look at %s is %s", c.Name, c.Outcome)
		}
		if c.Counts.Found != 0 || c.Counts.Remaining != 0 {
			out[c.Name] = [2]int64{c.Counts.Found, c.Counts.Remaining}
		}
	}
	return out
}

func TestLook(t *testing.T) {
	type found = map[string][2]int64
	for _, c := range []struct {
		name  string
		late  []string // what the application writes after the erasure
		found found
		again map[string]line // what the second act answers, without what it does not find
	}{
		{name: "nothing_is_left_after_an_erasure"},
		{
			name:  "a_late_row_that_refers_to_the_masked_row",
			late:  []string{"INSERT INTO messages VALUES (1, 'late')", "INSERT INTO orders (id, customer_id, total, placed_at) VALUES (900, 1, 1, '2026-01-01')", "INSERT INTO order_items VALUES (900, 1, 'x')"},
			found: found{"messages": {1, 1}, "orders": {1, 1}, "order_items": {1, 1}},
			again: map[string]line{
				"messages": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}, "orders": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""},
				"order_items": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""},
			},
		},
		{
			name:  "a_late_row_that_refers_to_a_row_which_is_gone",
			late:  []string{"INSERT INTO order_items VALUES (100, 7, 'x')"},
			found: found{"order_items": {1, 1}},
			again: map[string]line{"order_items": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name:  "a_masked_row_that_the_application_filled_again",
			late:  []string{"UPDATE customers SET phone = '030 7' WHERE id = 1"},
			found: found{"customers": {1, 1}},
			again: map[string]line{"customers": {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""}},
		},
		{
			name:  "a_row_that_was_restored",
			late:  []string{"INSERT INTO orders (id, customer_id, total, placed_at) VALUES (100, 2, 1, '2026-01-01')"},
			found: found{"orders": {1, 1}},
			again: map[string]line{"orders": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name:  "a_late_row_that_only_the_address_leads_to",
			late:  []string{"INSERT INTO newsletter VALUES ('Anna@example.org', 'late')"},
			found: found{"newsletter": {1, 1}},
			again: map[string]line{"newsletter": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "who_signs_up_anew_is_reported_and_left",
			late: []string{
				"INSERT INTO customers (id, email, name) VALUES (77, 'anna@EXAMPLE.org', 'Anna')", "INSERT INTO messages VALUES (77, 'I am back')",
				"INSERT INTO newsletter VALUES ('anna@example.org', 'late')",
			},
			found: found{"customers": {1, 0}},
		},
		{
			name:  "an_address_that_nobody_shares_any_more",
			late:  []string{"UPDATE customers SET address_id = NULL WHERE id = 2"},
			found: found{"addresses": {1, 1}},
			again: map[string]line{"addresses": {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}},
		},
		{
			name: "rows_that_stay_are_no_find",
			late: []string{"INSERT INTO invoices VALUES (9000, 1, 1)", "INSERT INTO invoice_lines VALUES (900, 9000, 'x')"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				w := p.shop(t)
				switch p.dialect { // some of what is late here a foreign key would refuse
				case sql.SQLite:
					w.db.SetMaxOpenConns(1)
					w.exec("PRAGMA foreign_keys = 0")
				case sql.MySQL:
					w.exec("ALTER TABLE order_items DROP FOREIGN KEY order_items_ibfk_1")
				default:
					w.exec("ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey")
				}
				w.people()
				s := w.system(p.loadMap(t, "shop.yml"))
				d := erased(t, s)
				for _, q := range c.late {
					w.exec(q)
				}
				before := w.dump()
				if diff := cmp.Diff(c.found, nilIfEmpty(seen(t, s, d))); diff != "" {
					t.Errorf("the look (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before, w.dump()); diff != "" {
					t.Errorf("the look changed something (-before +after):\n%s", diff)
				}
				d.Round = 2
				got := map[string]line{}
				for name, l := range lines(erase(t, s, d)[0]) {
					if l.Counts.Found > 0 {
						got[name] = l
					}
				}
				if diff := cmp.Diff(c.again, nilIfEmpty(got)); diff != "" {
					t.Errorf("the second act (-want +got):\n%s", diff)
				}
				for name, l := range seen(t, s, d) {
					if l[1] != 0 {
						t.Errorf("%d rows remain in %s after the second act", l[1], name)
					}
				}
				if n := w.count("customers WHERE id = 77"); n == 1 && w.count("messages WHERE customer_id = 77") != 1 {
					t.Error("who signed up anew lost rows")
				}
			})
		})
	}
}

func nilIfEmpty[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}

func TestLookFindsWhatAnErasureMissed(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		d := ask(dsr.Verify, 1, customer("3"))
		want := map[string][2]int64{"customers": {1, 1}, "addresses": {1, 1}, "orders": {1, 1}, "messages": {1, 1}}
		if diff := cmp.Diff(want, seen(t, s, d)); diff != "" {
			t.Errorf("a look without an erasure (-want +got):\n%s", diff)
		}
		boss := ask(dsr.Verify, 1, dsr.Identifier{Kind: "employee_id", Value: "10"})
		boss.Capacity = "employee"
		want = map[string][2]int64{"customers": {2, 2}, "employees": {2, 2}}
		if diff := cmp.Diff(want, seen(t, s, boss)); diff != "" {
			t.Errorf("a look at references that should be detached (-want +got):\n%s", diff)
		}
	})
}

func TestLooksOfManyAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		ds := []responder.Dispatch{ask(dsr.Act, 1, email("anna@example.org")), ask(dsr.Act, 1, customer("3")), ask(dsr.Act, 1, email("nobody@example.org"))}
		for i, a := range erase(t, s, ds...) {
			ds[i].Keys, ds[i].Phase = a.Keys, dsr.Verify
		}
		w.exec("INSERT INTO messages VALUES (3, 'late'), (3, 'later')")
		var remaining []int64
		for _, a := range look(t, s, ds...) {
			var n int64
			for _, c := range a.Collections {
				n += c.Counts.Remaining
			}
			remaining = append(remaining, n)
		}
		if d := cmp.Diff([]int64{0, 2, 0}, remaining); d != "" {
			t.Errorf("remaining (-want +got):\n%s", d)
		}
	})
}

func TestKeysThatAreNotOurs(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	s := w.system(w.loadMap(t, "shop.yml"))
	d := ask(dsr.Verify, 1, customer("1"))
	d.Keys = []responder.RowKey{{Collection: "customers", Value: "17"}}
	if _, err := s.Verify(t.Context(), []responder.Dispatch{d}); responder.Classify(err) != responder.ClassPermanent {
		t.Errorf("a key of another make: %v, want a permanent error", err)
	}
	d.Keys = []responder.RowKey{{Collection: "gone", Value: `{"id":"i1"}`}, {Collection: "customers", Value: `{"former":"i1"}`}}
	if _, err := s.Verify(t.Context(), []responder.Dispatch{d}); err != nil {
		t.Errorf("keys of an earlier map: %v", err)
	}
}
