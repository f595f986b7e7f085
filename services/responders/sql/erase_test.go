package sql_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// people fills the shop: Anna (1) shares an address with Bob (2); Carl (3) lives alone. 10 works there and manages 11.
func (w *world) people() {
	for _, q := range []string{
		"INSERT INTO employees VALUES (10, 'boss@shop.example', NULL), (11, 'clerk@shop.example', 10)",
		"INSERT INTO addresses VALUES (1, 'Shared Street'), (2, 'Lonely Street'), (3, 'Nobody''s Street')",
		"INSERT INTO customers VALUES (1, 'Anna@Example.org', 'Anna', '+49 30 123', 'L-1', '1970-01-02', 'DE', 1, 10), " +
			"(2, 'bob@example.org', 'Bob', NULL, NULL, NULL, 'FR', 1, 11), (3, 'carl@example.org', 'Carl', '030/444', 'L-3', '1980-01-01', NULL, 2, 10)",
		"INSERT INTO orders (id, customer_id, total, placed_at, note, margin) VALUES (100, 1, 12.3400000001, '2026-01-02 03:04:05.000006+00', '{\"internal\": 1, \"text\": \"ring < twice\"}', 1), " +
			"(101, 1, 5, '2026-01-02 03:04:05+00', NULL, NULL), (200, 2, 7, '2026-01-02 03:04:05+00', NULL, 3), (300, 3, 1, '2026-01-02 03:04:05+00', NULL, NULL)",
		"INSERT INTO order_items VALUES (100, 1, 'a'), (100, 2, 'b'), (101, 1, 'c'), (200, 1, 'd')",
		"INSERT INTO messages VALUES (1, 'hello'), (1, 'hello'), (2, 'hi'), (3, 'hey')",
		"INSERT INTO invoices VALUES (1000, 1, 12.34), (2000, 2, 7)",
		"INSERT INTO invoice_lines VALUES (1, 1000, 'a'), (2, 1000, 'b'), (3, 2000, 'd')",
		"INSERT INTO newsletter VALUES ('ANNA@example.org', 'news'), ('bob@example.org', 'news')",
	} {
		w.exec(q)
	}
}

// dump is everything in the shop, by table.
func (w *world) dump() map[string][]string {
	out := map[string][]string{}
	for table, cols := range map[string]string{
		"employees": "id, email, manager_id", "addresses": "id, street", "customers": "id, email, name, phone, loyalty, born, country, address_id, account_manager_id",
		"orders": "id, customer_id, margin", "order_items": "order_id, line, sku", "messages": "customer_id, body",
		"invoices": "id, customer_id", "invoice_lines": "id, invoice_id, sku", "newsletter": "email, topic",
	} {
		parts := []string{}
		for c := range strings.SplitSeq(cols, ", ") {
			if w.dialect == sql.MySQL {
				parts = append(parts, "coalesce(CAST("+c+" AS char), '-')")
				continue
			}
			parts = append(parts, "coalesce(CAST("+c+" AS text), '-')")
		}
		text := strings.Join(parts, " || ' ' || ")
		if w.dialect == sql.MySQL {
			text = "concat_ws(' ', " + strings.Join(parts, ", ") + ") COLLATE utf8mb4_bin"
		}
		out[table] = w.texts("SELECT " + text + " AS v FROM " + table + " ORDER BY v")
	}
	return out
}

func TestErase(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		before := w.dump()

		as := erase(t, s, ask(dsr.Act, 1, email("anna@example.org")), ask(dsr.Act, 1, email("nobody@example.org")))

		after := w.dump()
		masked := regexp.MustCompile(`^1 erased-[0-9a-f]{23} erased - (hmac-[0-9a-f]{35}) 1900-01-01 DE - 10$`)
		if got := after["customers"][0]; !masked.MatchString(got) {
			t.Errorf("Anna's row is %q, want %s", got, masked)
		}
		before["customers"][0] = after["customers"][0]
		before["orders"] = []string{"200 2 " + w.texts("SELECT margin FROM orders WHERE id = 200")[0], "300 3 -"}
		before["order_items"] = []string{"200 1 d"}
		before["messages"] = []string{"2 hi", "3 hey"}
		before["newsletter"] = []string{"bob@example.org news"}
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("the shop after the erasure (-want +got):\n%s", d)
		}
		want := map[string]line{
			"customers":     {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
			"addresses":     {dsr.Retained, dsr.Counts{Found: 1, Retained: 1}, "rows of other people refer to it"},
			"orders":        {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
			"order_items":   {dsr.Erased, dsr.Counts{Found: 3, Erased: 3}, ""},
			"messages":      {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
			"invoices":      {dsr.Retained, dsr.Counts{Found: 1, Retained: 1}, ""},
			"invoice_lines": {dsr.Retained, dsr.Counts{Found: 2, Retained: 2}, ""},
			"newsletter":    {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""},
		}
		if d := cmp.Diff(want, lines(as[0])); d != "" {
			t.Errorf("Anna's answer (-want +got):\n%s", d)
		}
		for name, l := range lines(as[1]) {
			if (l != line{Outcome: dsr.NotFound}) {
				t.Errorf("nobody's %s: %+v", name, l)
			}
		}
		if len(as[1].Keys) != 0 {
			t.Errorf("nobody has keys: %v", as[1].Keys)
		}
	})
}

func TestLinesOfAnErasure(t *testing.T) {
	w := newPlace(t, "sqlite").shop(t)
	w.people()
	s := w.system(w.loadMap(t, "shop.yml"))
	a := erase(t, s, ask(dsr.Act, 1, email("anna@example.org"), dsr.Identifier{Kind: "device_id", Value: "d"}))[0]
	until, gone := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC), now.AddDate(0, 0, 7)
	want := dsr.Collection{
		Name: "customers", Outcome: dsr.Pseudonymised, Counts: dsr.Counts{Found: 1, Pseudonymised: 1}, CountQuality: dsr.CountsExact, Method: "mask", MethodVersion: "sql/2",
		Ground: &dsr.Ground{Article: "GDPR 17(3)(b)", Law: "tax law", Note: "invoices refer to this row"}, Until: &until, Restricted: "finance only",
		Categories: []string{
			"system.operations", "user.contact.address.country", "user.contact.email", "user.contact.phone_number", "user.demographic.date_of_birth", "user.name",
			"user.unique_id", "user.unique_id.pseudonymous",
		},
	}
	for _, c := range a.Collections {
		switch c.Name {
		case "customers":
			if d := cmp.Diff(want, c); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		case "orders":
			if c.PhysicalBy == nil || !c.PhysicalBy.Equal(gone) || c.Ground != nil || c.Until != nil {
				t.Errorf("orders: %+v, want physical by %v and no ground", c, gone)
			}
		}
	}
	if a.PhysicalBy == nil || !a.PhysicalBy.Equal(gone) {
		t.Errorf("physical by %v, want %v", a.PhysicalBy, gone)
	}
	if d := cmp.Diff([]string{"email"}, a.IdentifierKinds); d != "" {
		t.Errorf("searched with (-want +got):\n%s", d)
	}
}

func TestSecondErasureFindsWhatStays(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		erase(t, s, ask(dsr.Act, 1, customer("1")))
		before := w.dump()
		as := erase(t, s, ask(dsr.Act, 1, email("anna@example.org")), ask(dsr.Act, 1, customer("1")))
		if d := cmp.Diff(before, w.dump()); d != "" {
			t.Errorf("the second erasure changed something (-before +after):\n%s", d)
		}
		for name, l := range lines(as[0]) {
			if (l != line{Outcome: dsr.NotFound}) {
				t.Errorf("by the address that is masked, %s is %+v", name, l)
			}
		}
		want := map[string]line{
			"customers": {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
			"addresses": {Outcome: dsr.NotFound}, "orders": {Outcome: dsr.NotFound}, "order_items": {Outcome: dsr.NotFound}, "messages": {Outcome: dsr.NotFound},
			"invoices":      {dsr.Retained, dsr.Counts{Found: 1, Retained: 1}, ""},
			"invoice_lines": {dsr.Retained, dsr.Counts{Found: 2, Retained: 2}, ""},
			"newsletter":    {Outcome: dsr.NotFound},
		}
		if d := cmp.Diff(want, lines(as[1])); d != "" {
			t.Errorf("by the customer number (-want +got):\n%s", d)
		}
	})
}

func TestTwoRequestsOfOnePersonInABatch(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		as := erase(t, s, ask(dsr.Act, 1, customer("3")), ask(dsr.Act, 1, email("anna@example.org")), ask(dsr.Act, 1, customer("1"), email("anna@example.org")))
		first, second := lines(as[1]), lines(as[2])
		if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""}, first["messages"]); d != "" {
			t.Errorf("the first request's messages (-want +got):\n%s", d)
		}
		if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 2}, "2 of these are counted with another request of the same batch"}, second["messages"]); d != "" {
			t.Errorf("the second request's messages (-want +got):\n%s", d)
		}
		if d := cmp.Diff(line{dsr.Pseudonymised, dsr.Counts{Found: 1}, "1 of these are counted with another request of the same batch"}, second["customers"]); d != "" {
			t.Errorf("the second request's customers (-want +got):\n%s", d)
		}
		if d := cmp.Diff(as[1].Keys, as[2].Keys); d != "" || len(as[1].Keys) == 0 {
			t.Errorf("both remember the same keys (-first +second):\n%s", d)
		}
		if got := lines(as[0])["messages"]; got.Counts.Erased != 1 {
			t.Errorf("somebody else's messages: %+v", got)
		}
	})
}

func TestSharedRows(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		a := lines(erase(t, s, ask(dsr.Act, 1, customer("3")))[0])
		if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}, a["addresses"]); d != "" {
			t.Errorf("an address of one person (-want +got):\n%s", d)
		}
		both := erase(t, s, ask(dsr.Act, 1, customer("1")), ask(dsr.Act, 1, customer("2")))
		if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}, lines(both[0])["addresses"]); d != "" {
			t.Errorf("an address of two people who are erased together (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"3"}, w.texts("SELECT id FROM addresses")); d != "" {
			t.Errorf("addresses left (-want +got):\n%s", d)
		}
	})
}

func TestSharedRowsThatAreMasked(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml", "lethe.shared: {addresses: keep}", "lethe.shared: {addresses: anonymise}",
			"- name: street\n      data_categories: [user.contact.address.street]",
			"- name: street\n      data_categories: [user.contact.address.street]\n      fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: erased}}}"))
		as := erase(t, s, ask(dsr.Act, 1, customer("1")), ask(dsr.Act, 1, customer("3")))
		if d := cmp.Diff(line{dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""}, lines(as[0])["addresses"]); d != "" {
			t.Errorf("shared (-want +got):\n%s", d)
		}
		if d := cmp.Diff(line{dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""}, lines(as[1])["addresses"]); d != "" {
			t.Errorf("not shared (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"erased", "Nobody's Street"}, w.texts("SELECT street FROM addresses ORDER BY id")); d != "" {
			t.Errorf("streets (-want +got):\n%s", d)
		}
	})
}

func TestDetach(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		d := ask(dsr.Act, 1, email("BOSS@shop.example"))
		d.Identifiers[0] = email("boss@shop.example")
		d.Capacity = "employee"
		a := erase(t, s, d)[0]
		want := map[string]line{
			"employees": {dsr.Detached, dsr.Counts{Found: 2, Erased: 1, Detached: 1}, ""},
			"customers": {dsr.Detached, dsr.Counts{Found: 2, Detached: 2}, ""},
		}
		if d := cmp.Diff(want, lines(a)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"11 clerk@shop.example -"}, w.dump()["employees"]); d != "" {
			t.Errorf("employees (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"NULL", "11", "NULL"}, w.texts("SELECT account_manager_id FROM customers ORDER BY id")); d != "" {
			t.Errorf("account managers (-want +got):\n%s", d)
		}
	})
}

func TestEveryKindOfSubjectWithoutACapacity(t *testing.T) {
	w := newPlace(t, "sqlite").shop(t)
	w.people()
	w.exec("UPDATE employees SET email = 'anna@example.org' WHERE id = 10")
	s := w.system(w.loadMap(t, "shop.yml"))
	d := ask(dsr.Act, 1, email("anna@example.org"))
	d.Capacity = ""
	a := lines(erase(t, s, d)[0])
	want := line{dsr.Pseudonymised, dsr.Counts{Found: 3, Pseudonymised: 1, Detached: 2}, ""}
	if d := cmp.Diff(want, a["customers"]); d != "" {
		t.Errorf("customers, masked as a customer and detached from the employee (-want +got):\n%s", d)
	}
	if a["employees"].Counts.Erased != 1 {
		t.Errorf("employees: %+v", a["employees"])
	}
	d.Capacity = "patient"
	if a := erase(t, s, d)[0]; a.Err == nil {
		t.Error("a kind of subject that the map does not know was served")
	}
}

func TestIdentifiersThatDoNotReachEverything(t *testing.T) {
	w := newPlace(t, "sqlite").shop(t)
	w.people()
	s := w.system(w.loadMap(t, "shop.yml"))
	a := erase(t, s, ask(dsr.Act, 1, dsr.Identifier{Kind: "device_id", Value: "d-1"}))[0]
	for name, l := range lines(a) {
		if l.Outcome != dsr.NotSearched {
			t.Errorf("%s is %s, want not_searched", name, l.Outcome)
		}
	}
	if len(a.IdentifierKinds) != 0 {
		t.Errorf("searched with %v", a.IdentifierKinds)
	}
}

func TestIdentifiersAreComparedInTheirNormalForm(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		for _, c := range []struct{ kind, stored, asked string }{
			{dsr.Email, "Anna@Example.ORG", "anna@example.org"},
			{dsr.Email, "FRANTIŠEK@example.org", "FrantiŠek@example.org"},
			{dsr.Email, "Zoe\u0308@example.org", "zoë@example.org"},
			{dsr.Phone, "+49 (0)30 / 123-456", "0049 30 123456"},
			{dsr.Phone, "(030) 123.456", "030 123456"},
		} {
			t.Run(c.kind+"_"+c.asked, func(t *testing.T) {
				w := newPlace(t, p.dialect).shop(t)
				w.exec("INSERT INTO customers (id, email, name) VALUES (1, 'a@example.org', 'A'), (2, 'ö@example.org', 'B')")
				w.exec("UPDATE customers SET phone = '+49 99'")
				col := "email"
				if c.kind == dsr.Phone {
					col = "phone"
				}
				w.exec("UPDATE customers SET "+col+" = ? WHERE id = 1", c.stored)
				id, err := dsr.Identifier{Kind: c.kind, Value: c.asked}.Normalise()
				if err != nil {
					t.Fatal(err)
				}
				a := lines(erase(t, w.system(w.loadMap(t, "shop.yml")), ask(dsr.Act, 1, id))[0])
				if a["customers"].Counts.Found != 1 {
					t.Errorf("%q is not found by %q: %+v", c.stored, id.Value, a["customers"])
				}
				if left := w.texts("SELECT name FROM customers WHERE id = 2"); left[0] != "B" {
					t.Error("somebody else was found")
				}
			})
		}
	})
}

func TestIdentifiersThatNoColumnHolds(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.system(p.loadMap(t, "shop.yml"))
		for _, v := range []string{"C-1", "1.0.0", "99999999999999999999", "1; DROP TABLE customers", "' OR 1=1 --", "0x1", "\\"} {
			for name, l := range lines(erase(t, s, ask(dsr.Act, 1, customer(v), email("o'neil\"\\%_@example.org")))[0]) {
				if l.Outcome != dsr.NotFound {
					t.Errorf("%q: %s is %+v", v, name, l)
				}
			}
		}
	})
}

func TestHashesAreKeyedAndTheSameForTheSameValue(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		var ds []responder.Dispatch
		for i := 1; i <= 2500; i++ { // more than one chunk
			ds = append(ds, ask(dsr.Act, 1, customer(fmt.Sprint(i))))
		}
		values := []string{}
		for i := range ds {
			values = append(values, fmt.Sprintf("(%d, 'c%d@example.org', 'C', 'L-%d')", i+1, i+1, i%2))
		}
		w.exec("INSERT INTO customers (id, email, name, loyalty) VALUES " + strings.Join(values, ", "))
		erase(t, w.system(p.loadMap(t, "shop.yml")), ds...)
		got := w.texts("SELECT DISTINCT loyalty FROM customers")
		if len(got) != 2 || !strings.HasPrefix(got[0], "hmac-") || !strings.HasPrefix(got[1], "hmac-") {
			t.Errorf("hashes of two values: %v", got)
		}
	})
}

func TestKeysAreBounded(t *testing.T) {
	w := newPlace(t, "sqlite").shop(t)
	w.exec("INSERT INTO customers (id, email, name) VALUES (1, 'a@example.org', 'A')")
	for i := range 10 {
		w.exec("INSERT INTO orders (id, customer_id, total, placed_at) VALUES (?, 1, 1, '2026-01-01')", i)
	}
	c := w.config(w.loadMap(t, "shop.yml"))
	c.MaxKeys = 4
	s := w.newSystem(c)
	a := erase(t, s, ask(dsr.Act, 1, customer("1")))[0]
	var kinds []string
	for _, k := range a.Keys {
		kinds = append(kinds, k.Collection)
		if !json.Valid([]byte(k.Value)) {
			t.Errorf("the key %s is no JSON", k.Value)
		}
	}
	if d := cmp.Diff([]string{"customers", "orders", "orders", "orders"}, kinds); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	want := "the keys of 7 are not remembered: what is written later and refers to these alone is not found"
	if d := cmp.Diff(want, lines(a)["orders"].Note); d != "" {
		t.Errorf("note (-want +got):\n%s", d)
	}
}
