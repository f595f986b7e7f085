package sql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

const arraysMap = `dataset:
- fides_key: shop
  fides_meta: {namespace: {schema: SCHEMA}}
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: people, key: id, identities: {customer_id: id, email: email, phone: phones}}}
    lethe.erase: {customer: {people: anonymise, mails: delete, rooms: delete}}
    lethe.ground: {customer: {people: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}}}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {masking_strategy_override: {strategy: hmac}}}
    - {name: phones, data_categories: [user.contact.phone_number], fides_meta: {data_type: "string[]", masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: "{}"}}}}
    - {name: scores, data_categories: [user.behavior], fides_meta: {data_type: "integer[]", masking_strategy_override: {strategy: null_rewrite}}}
  - name: mails
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: recipients, data_categories: [user.contact.email], fides_meta: {data_type: "string[]", identity: email}}
  - name: rooms
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: members, data_categories: [user.unique_id], fides_meta: {data_type: "integer[]", identity: customer_id}}
`

func TestArrays(t *testing.T) {
	for _, typ := range []string{"text", "varchar(40)", "citext"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sql.Postgres)
			if typ == "citext" {
				p.world(t, "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public")
				p.dsn = strings.Replace(p.dsn, "search_path="+p.schema, "search_path="+p.schema+"%2Cpublic", 1) // where the type is
			}
			w := p.world(t, strings.ReplaceAll(`CREATE TABLE people (id int PRIMARY KEY, email text, phones TYP[], scores numeric[]);
CREATE TABLE mails (id int PRIMARY KEY, recipients TYP[]);
CREATE TABLE rooms (id int PRIMARY KEY, members bigint[]);
INSERT INTO people VALUES (1, 'anna@example.org', '{030 7,NULL}', '{1,2.5}'), (2, 'ben@example.org', '{+49 30 8}', NULL), (3, NULL, NULL, '{3}');
INSERT INTO mails VALUES (1, '{x@example.org,Anna@Example.org}'), (2, '{{x@example.org,y@example.org},{anna@example.org,NULL}}'), (3, '{anna@example.org.x}'), (4, NULL), (5, '{}'), (6, '{Ü@example.org}');
INSERT INTO rooms VALUES (1, '{1,2}'), (2, '{2,11}'), (3, '{1}')`, "TYP", typ))
			s := w.system(p.parse(t, arraysMap))
			got := lines(erase(t, s, ask(dsr.Act, 1, customer("1")))[0]) // the address leads from the row to the mails
			want := map[string]line{
				"people": {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
				"mails":  {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
				"rooms":  {dsr.Erased, dsr.Counts{Found: 2, Erased: 2}, ""},
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff([]string{"{} ", `{"+49 30 8"} `, " {3}"}, w.texts("SELECT coalesce(phones::text, '') || ' ' || coalesce(scores::text, '') FROM people ORDER BY id")); d != "" {
				t.Errorf("arrays of people (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]string{"3", "4", "5", "6"}, w.texts("SELECT id FROM mails ORDER BY id")); d != "" {
				t.Errorf("mails that stay (-want +got):\n%s", d)
			}
			got = lines(erase(t, s, ask(dsr.Act, 1, email("ü@example.org")), ask(dsr.Act, 1, email("x@example")))[0])
			if got["mails"].Counts != (dsr.Counts{Found: 1, Erased: 1}) {
				t.Errorf("an address that is not ASCII: %+v", got["mails"])
			}
			d := ask(dsr.Resolve, 1, dsr.Identifier{Kind: dsr.Phone, Value: "+49308"})
			d.Want = []string{"customer_id"}
			as, err := s.Resolve(t.Context(), []responder.Dispatch{d})
			if err != nil || len(as[0].Resolved) != 1 || as[0].Resolved[0] != customer("2") {
				t.Errorf("resolved from an element: %v, %v", as, err)
			}
			d = ask(dsr.Act, 1, customer("2"))
			d.Kind = dsr.Access
			if parts, _ := export(t, s, d); !strings.Contains(parts["rooms"], `"members":[2,11]`) {
				t.Errorf("an export has %s", parts["rooms"])
			}
		})
	}
}

func TestArraysThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ name, change, to, problem string }{
		{"random", "{strategy: null_rewrite}", "{strategy: random_string_rewrite}", "people.scores has type numeric[]: random_string_rewrite is for text"},
		{"hashed", `{strategy: string_rewrite, configuration: {rewrite_value: "{}"}}`, "{strategy: hmac}", "people.phones has type text[]: hmac is for text"},
		{"no_array", `rewrite_value: "{}"`, "rewrite_value: x", "people.phones has type text[], which the value of its string_rewrite is not"},
		{"a_way_from_elements", "email: email, phone", "email: phones, other", "people.phones: rows of mails cannot be found from an identifier inside a document or an array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t, sql.Postgres)
			w := p.world(t, "CREATE TABLE people (id int PRIMARY KEY, email text, phones text[], scores numeric[]);\nCREATE TABLE mails (id int PRIMARY KEY, recipients text[]);\nCREATE TABLE rooms (id int PRIMARY KEY, members bigint[])")
			_, err := sql.New(t.Context(), w.config(p.parse(t, strings.Replace(arraysMap, c.change, c.to, 1))))
			var misfit *sql.MisfitError
			if !errors.As(err, &misfit) || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%v\nwant: %s", err, c.problem)
			}
		})
	}
}
