package sql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

const freeTextMap = `dataset:
- fides_key: shop
  fides_meta: {namespace: {schema: SCHEMA}}
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: people, key: id, identities: {customer_id: id, email: email}}}
    lethe.erase: {customer: {people: anonymise, tickets: anonymise, notes: keep, drafts: delete}}
    lethe.ground:
      customer:
        people: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}
        notes: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}
    lethe.assessment: {customer: {tickets: "DPIA 7"}}
    lethe.free_text: {customer: [tickets.body, tickets.subject, notes.body, drafts.body, journal.line]}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {masking_strategy_override: {strategy: null_rewrite}}}
    - {name: name, data_categories: [user.name], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: erased}}}}
    - {name: nick, data_categories: [user.account.username], fides_meta: {masking_strategy_override: {strategy: null_rewrite}}}
    - {name: city, data_categories: [user.contact.address.city], fides_meta: {masking_strategy_override: {strategy: null_rewrite}}}
    - {name: motto, data_categories: [user.content], fides_meta: {masking_strategy_override: {strategy: null_rewrite}}}
    - {name: title, data_categories: [user.name]}
FIELDS
  - name: journal
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: line, data_categories: [user.content]}
`

func freeText() string {
	fields := ""
	for _, name := range []string{"tickets", "notes", "drafts"} {
		fields += strings.ReplaceAll(`  - name: NAME
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}
    - {name: subject, data_categories: [user.content], fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: erased}}}}
    - {name: body, data_categories: [user.content]}
`, "NAME", name)
	}
	return strings.Replace(freeTextMap, "FIELDS\n", fields, 1)
}

func texts(t *testing.T, p place) *world {
	ddl := "CREATE TABLE people (id int PRIMARY KEY, email varchar(60), name varchar(60), nick varchar(60), city varchar(60), motto varchar(60), title varchar(60))"
	for _, name := range []string{"tickets", "notes", "drafts"} {
		ddl += fmt.Sprintf(";\nCREATE TABLE %s (id int PRIMARY KEY, person int, subject varchar(90), body text)", name)
	}
	w := p.world(t, ddl+";\nCREATE TABLE journal (id int PRIMARY KEY, line text)")
	w.exec("INSERT INTO people VALUES (1, 'anna@example.org', 'Anna Ümlaut', 'ann', 'Berlin', 'carpe diem', 'Countess'), (2, 'ben@example.org', 'Ben Other', 'benny', 'Berlin', 'x', 'Count')")
	w.exec(`INSERT INTO tickets VALUES (1, 1, 'ANNA ümlaut again', 'call anna@Example.org or Anna Ümlaut'), (2, 1, NULL, 'ANNA ümlaut, Berlin, carpe diem, Countess'), (3, 1, 'x', NULL), (4, 2, 'about Anna Ümlaut', 'Anna Ümlaut')`)
	w.exec(`INSERT INTO notes VALUES (1, 1, 'x', 'write to anna@example.org'), (2, 1, 'x', '100% of _nothing'), (3, 2, 'x', 'see anna@example.org')`)
	w.exec(`INSERT INTO drafts VALUES (1, 1, 'x', 'Anna Ümlaut'), (2, 2, 'x', 'Anna Ümlaut, and anna@example.org')`)
	w.exec(`INSERT INTO journal VALUES (1, 'Anna Ümlaut was here'), (2, 'anna umlaut was not'), (3, NULL)`)
	return w
}

const (
	takeOut = "; a person has to read these rows and take it out where it means this person"
	tooFew  = "free text was not searched for values with fewer than 4 characters, 6 digits alone or more than 200 characters: customer_id, user.account.username"
)

func TestFreeText(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("chunked_%t", chunked), func(t *testing.T) {
				p := newPlace(t, p.dialect)
				w := texts(t, p)
				cfg := w.config(p.parse(t, freeText()))
				if chunked {
					cfg.ChunkRows = 1
				}
				s := w.newSystem(cfg)
				d := ask(dsr.Act, 1, email("anna@example.org"), customer("1"))
				as := eraseChunks(t, s, d)
				stays := "free text of rows that stay still holds what is known of the person: "
				want := map[string]line{
					"people":  {dsr.Pseudonymised, dsr.Counts{Found: 1, Pseudonymised: 1}, ""},
					"drafts":  {dsr.Erased, dsr.Counts{Found: 1, Erased: 1}, ""},
					"tickets": {dsr.Pseudonymised, dsr.Counts{Found: 3, Pseudonymised: 3}, stays + "email in body (rows: 1), user.contact.email in body (rows: 1), user.name in body (rows: 2)" + takeOut + "; " + tooFew},
					"notes":   {dsr.Retained, dsr.Counts{Found: 2, Retained: 2}, stays + "email in body (rows: 1), user.contact.email in body (rows: 1)" + takeOut + "; " + tooFew},
				}
				if diff := cmp.Diff(want, lines(as)); diff != "" {
					t.Errorf("the act (-want +got):\n%s", diff)
				}
				d.Keys = as.Keys
				for _, k := range d.Keys {
					if strings.Contains(k.Value, "Berlin") || strings.Contains(k.Value, "carpe") || strings.Contains(k.Value, "Countess") {
						t.Errorf("it remembers %s", k.Value)
					}
				}
				d.Phase = dsr.Verify
				any := "free text of any row still holds what is known of the person: "
				got := lines(look(t, s, d)[0])
				for name, note := range map[string]string{
					"people":  "",
					"drafts":  any + "email in body (rows: 1), user.contact.email in body (rows: 1), user.name in body (rows: 1)" + takeOut + "; " + tooFew,
					"notes":   any + "email in body (rows: 2), user.contact.email in body (rows: 2)" + takeOut + "; " + tooFew,
					"journal": any + "user.name in line (rows: 1)" + takeOut + "; " + tooFew,
				} {
					if diff := cmp.Diff(line{dsr.NotFound, dsr.Counts{}, note}, got[name]); diff != "" {
						t.Errorf("a look at %s (-want +got):\n%s", name, diff)
					}
				}
				if !strings.Contains(got["tickets"].Note, "user.name in subject (rows: 1)") {
					t.Errorf("a look at tickets: %+v", got["tickets"])
				}
				// An examined anonymisation is one only where nothing is found.
				ben := lines(eraseChunks(t, s, ask(dsr.Act, 1, email("ben@example.org"))))["tickets"]
				if ben.Outcome != dsr.Anonymised || strings.Contains(ben.Note, "still holds") {
					t.Errorf("tickets without a find: %+v", ben)
				}
			})
		}
	})
}

func TestFreeTextThatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		name, change, to, problem string
		only                      sql.Dialect
	}{
		{"a_number", "tickets.body, ", "tickets.person, ", "tickets.person has type", ""},
		{"a_column_that_is_not_there", "{name: line,", "{name: lines,", "column lines of table SCHEMA.journal does not exist", ""},
		{"a_table_without_a_key", "x", "x", "table SCHEMA.journal has no primary key: its rows cannot be told apart", sql.MySQL},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				if c.only != "" && c.only != p.dialect || c.name == "a_number" && p.dialect == sql.SQLite {
					return // a column of SQLite holds anything
				}
				w := texts(t, p)
				if c.only != "" {
					w.exec("ALTER TABLE journal DROP PRIMARY KEY")
				}
				change := strings.Replace(freeText(), c.change, c.to, 1)
				if c.name == "a_column_that_is_not_there" {
					change = strings.Replace(change, "journal.line", "journal.lines", 1)
				}
				_, err := sql.New(t.Context(), w.config(p.parse(t, change)))
				var misfit *sql.MisfitError
				if want := strings.ReplaceAll(c.problem, "SCHEMA", p.schema); !errors.As(err, &misfit) || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant: %s", err, want)
				}
			})
		})
	}
}

// eraseChunks erases one person, in as many chunks as it takes.
func eraseChunks(t *testing.T, s *sql.System, d responder.Dispatch) responder.Answer {
	t.Helper()
	as, _, err := inChunks(t.Context(), s, []responder.Dispatch{d})
	if err != nil {
		t.Fatal(err)
	}
	return as[0]
}
