package sql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

const datedMap = `dataset:
- fides_key: shop
  fides_meta: {namespace: {schema: SCHEMA}}
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: people, key: id, identities: {customer_id: id}}}
    lethe.erase: {customer: {people: delete, invoices: POLICY}}
    lethe.ground: {customer: {invoices: {article: "GDPR 17(3)(b)", law: a law, FROMfrom_field: day, period: P10Y, restriction: nobody}}}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
  - name: invoices
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {masking_strategy_override: {strategy: null_rewrite}, references: [{dataset: shop, field: people.id, direction: from}]}}
    - {name: day, data_categories: [user.behavior.purchase_history]}
    - {name: total, data_categories: [user.behavior.purchase_history]}
`

func TestRetentionFromTheRowsOwnDay(t *testing.T) {
	types := map[sql.Dialect][]string{sql.SQLite: {"TEXT", "DATE", "TIMESTAMP"}, sql.Postgres: {"date", "timestamp", "timestamptz"}, sql.MySQL: {"date", "datetime", "timestamp NULL"}}
	everywhere(t, func(t *testing.T, p place) {
		for _, typ := range types[p.dialect] {
			for _, chunked := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s_%t", typ, chunked), func(t *testing.T) {
					p := newPlace(t, p.dialect)
					w := p.world(t, "CREATE TABLE people (id int PRIMARY KEY);\nCREATE TABLE invoices (id int PRIMARY KEY, person int, day "+typ+", total int)")
					w.exec("INSERT INTO people VALUES (1), (2), (3), (4), (5)")
					w.exec("INSERT INTO invoices VALUES (1, 1, '2019-03-04', 1), (2, 1, '2021-05-06', 1), (3, 1, '2020-12-31', 1), (4, 2, '2019-02-03', 1), (5, 2, NULL, 1), (6, 4, '2010-01-01', 1), (7, 5, '2030-02-28', 1)")
					for from, want := range map[string][]string{"": {"2031-05-06", "2036-11-24", "", "2020-01-01", "2040-02-28"}, "from: end_of_year, ": {"2031-12-31", "2036-12-31", "", "2020-12-31", "2040-12-31"}} {
						cfg := w.config(p.parse(t, strings.NewReplacer("FROM", from, "POLICY", "anonymise").Replace(datedMap)))
						if chunked {
							cfg.ChunkRows = 1
						}
						s := w.newSystem(cfg)
						var got []string
						for n := range 5 {
							c := invoices(t, eraseChunks(t, s, ask(dsr.Act, 1, customer(fmt.Sprint(n+1)))))
							until := ""
							if c.Until != nil {
								until = c.Until.Format("2006-01-02")
							}
							got = append(got, until)
							if ended := strings.Contains(c.Note, "the period of these rows has ended"); ended != (n == 3) {
								t.Errorf("person %d: %q", n+1, c.Note)
							}
							if undated := strings.Contains(c.Note, "rows without a day in day: 1"); undated != (n == 1) {
								t.Errorf("person %d: %q", n+1, c.Note)
							}
						}
						if fmt.Sprint(got) != fmt.Sprint(want) {
							t.Errorf("%q until %q, want %q", from, got, want)
						}
						w.exec("DELETE FROM people")
						w.exec("INSERT INTO people VALUES (1), (2), (3), (4), (5)")
						w.exec("UPDATE invoices SET person = CASE WHEN id <= 3 THEN 1 WHEN id <= 5 THEN 2 ELSE id - 2 END")
					}
				})
			}
		}
	})
}

func invoices(t *testing.T, a responder.Answer) dsr.Collection {
	t.Helper()
	for _, c := range a.Collections {
		if c.Name == "invoices" {
			return c
		}
	}
	t.Fatal("no line for invoices")
	return dsr.Collection{}
}

func TestRetentionOfRowsThatAreKept(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.world(t, "CREATE TABLE people (id int PRIMARY KEY);\nCREATE TABLE invoices (id int PRIMARY KEY, person int, day date, total int)")
		w.exec("INSERT INTO people VALUES (1), (2)")
		w.exec("INSERT INTO invoices VALUES (1, 1, '2019-03-04', 1), (2, 2, '2021-05-06', 1)")
		m := strings.NewReplacer("FROM", "", "POLICY", "keep", "{masking_strategy_override: {strategy: null_rewrite}, references", "{references").Replace(datedMap)
		m = strings.Replace(m, "people: delete", "people: keep", 1)
		m = strings.Replace(m, "{customer: {invoices:", `{customer: {people: {article: a, law: b, period: P1Y, restriction: c}, invoices:`, 1)
		as := erase(t, w.system(p.parse(t, m)), ask(dsr.Act, 1, customer("1")), ask(dsr.Act, 1, customer("2")))
		for i, want := range []string{"2029-03-04", "2031-05-06"} {
			if c := invoices(t, as[i]); c.Until == nil || c.Until.Format("2006-01-02") != want || c.Outcome != dsr.Retained {
				t.Errorf("%+v, want until %s", c, want)
			}
		}
	})
}

func TestRetentionThatDoesNotFit(t *testing.T) {
	for _, c := range []struct{ name, from, to, problem string }{
		{"a_number", "from_field: day", "from_field: total", "the ground for invoices counts from invoices.total, which has type"},
		{"a_masked_day", "{name: day, data_categories: [user.behavior.purchase_history]}", "{name: day, data_categories: [user.behavior.purchase_history], fides_meta: {masking_strategy_override: {strategy: null_rewrite}}}", "the ground for invoices counts from day, which is masked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				if c.name == "a_number" && p.dialect == sql.SQLite {
					return // a column of SQLite holds anything
				}
				w := p.world(t, "CREATE TABLE people (id int PRIMARY KEY);\nCREATE TABLE invoices (id int PRIMARY KEY, person int, day date, total int)")
				_, err := sql.New(t.Context(), w.config(p.parse(t, strings.NewReplacer("FROM", "", "POLICY", "anonymise", c.from, c.to).Replace(datedMap))))
				var misfit *sql.MisfitError
				if !errors.As(err, &misfit) || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("%v\nwant: %s", err, c.problem)
				}
			})
		})
	}
}
