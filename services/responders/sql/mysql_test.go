package sql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// small is a map of people (id, code, email), who are deleted, and of what hangs on them: FIELDS and COLLECTIONS.
const small = `dataset:
- fides_key: shop
  fides_meta: {namespace: {schema: SCHEMA}}
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: people, key: id, identities: {email: email, customer_id: id, code: code}}}
    lethe.erase: {customer: {people: delete, ERASE}}
  collections:
  - name: people
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
    - {name: code, data_categories: [user.unique_id]}
    - {name: email, data_categories: [user.contact.email]}
COLLECTIONS`

func (p place) small(t testing.TB, erase, collections string) string {
	t.Helper()
	return strings.NewReplacer("ERASE", erase, "COLLECTIONS", collections).Replace(small)
}

const letters = `  - name: letters
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: who, data_categories: [user.contact.email], fides_meta: {identity: email}}
`

func TestACollationMakesNobodySomebodyElse(t *testing.T) {
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_bin", "utf8mb4_nopad_bin", "utf8mb4_turkish_ci", "utf8mb4_czech_ci", "latin1_swedish_ci", "utf8mb3_general_ci"} {
		t.Run(collation, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sql.MySQL)
			charset, _, _ := strings.Cut(collation, "_")
			w := p.world(t, strings.ReplaceAll("CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20) TEXT, email varchar(60) TEXT, KEY (email), KEY (code));\n"+
				"CREATE TABLE letters (id bigint PRIMARY KEY, who varchar(60) TEXT, KEY (who))", "TEXT", "CHARACTER SET "+charset+" COLLATE "+collation))
			if collation == "utf8mb4_uca1400_ai_ci" && w.count("information_schema.collations WHERE collation_name LIKE '%uca1400_ai_ci'") == 0 {
				t.Fatal("this MariaDB does not know the collation")
			}
			same := []string{"anni.ch@x.org", "ANNI.CH@x.org", "anni.cH@X.ORG"}
			others := []string{"ànni.ch@x.org", "anni.ch@x.org ", "anni.ch@x.örg", "anni.c@x.org", "anni.ch@x.org\t"}
			if charset != "latin1" {
				others = append(others, "annı.ch@x.org")
			}
			id := 0
			for _, table := range []string{"people", "letters"} {
				for _, address := range append(append([]string{}, same...), others...) {
					id++
					if table == "people" {
						w.exec("INSERT INTO people VALUES (?, ?, ?)", id, address, address)
					} else {
						w.exec("INSERT INTO letters VALUES (?, ?)", id, address)
					}
				}
			}
			s := w.system(p.parse(t, p.small(t, "letters: delete", letters)))
			byCode := lines(erase(t, s, ask(dsr.Act, 1, dsr.Identifier{Kind: "code", Value: "anni.ch@x.org"}))[0])
			if got := byCode["people"].Counts.Erased; got != 1 {
				t.Errorf("%d people are found by a code that one has, in this spelling", got)
			}
			if got := byCode["letters"].Counts.Erased; got != 3 {
				t.Errorf("%d letters are found by the address of the person with the code, want 3", got)
			}
			byMail := lines(erase(t, s, ask(dsr.Act, 1, email("anni.ch@x.org")))[0])
			if got := byMail["people"].Counts.Erased; got != 2 {
				t.Errorf("%d people are found by the address, want the 2 that are left", got)
			}
			for table, column := range map[string]string{"people": "email", "letters": "who"} {
				if d := cmp.Diff(others, w.texts("SELECT "+column+" FROM "+table+" ORDER BY id")); d != "" {
					t.Errorf("%s of other people (-want +got):\n%s", table, d)
				}
			}
		})
	}
}

func TestSelfReferencesGoRowByRow(t *testing.T) {
	for _, c := range []struct {
		name, column string
		who          string
		left         int64
		fails        string
	}{
		{name: "restricted", column: "bigint REFERENCES people (id)", who: "1", left: 2},
		{name: "cascading", column: "bigint REFERENCES people (id) ON DELETE CASCADE", who: "1", left: 2},
		{name: "set_to_null", column: "bigint REFERENCES people (id) ON DELETE SET NULL", left: 3},
		{name: "never_null", column: "bigint NOT NULL REFERENCES people (id)", left: 3},
		{name: "never_null_and_cascading", column: "bigint NOT NULL REFERENCES people (id) ON DELETE CASCADE", who: "1", left: 2},
		{
			name: "never_null_and_itself", column: "bigint NOT NULL REFERENCES people (id)", who: "1", left: 7,
			fails: "1 of 5 rows are referred to by others of the same table over a reference that takes no null",
		},
		{
			name: "never_null_in_a_circle", column: "bigint NOT NULL REFERENCES people (id)", left: 7,
			fails: "2 of 5 rows are referred to by others of the same table over a reference that takes no null",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sql.MySQL)
			w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60), boss "+c.column+")")
			conn, err := w.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			first := "1"
			if strings.HasSuffix(c.name, "circle") {
				first = "2"
			}
			for _, q := range []string{"SET foreign_key_checks = 0", "INSERT INTO people VALUES (1, 'a', '', " + first + "), (2, 'b', '', 1), (3, 'c', '', 2), (4, 'd', '', 2), (5, 'e', '', 4), (6, 'x', '', 6), (7, 'y', '', 6)", "SET foreign_key_checks = 1"} {
				if _, err := conn.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			_ = conn.Close()
			m := p.parse(t, strings.Replace(p.small(t, "", "    - {name: boss, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}\n"), "email}\n", "email}\n", 1))
			s := w.system(m)
			who := "2"
			if c.who != "" {
				who = c.who
			}
			as, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer(who))})
			switch {
			case c.fails != "":
				if responder.Classify(err) != responder.ClassTransient || !strings.Contains(fmt.Sprint(err), c.fails) {
					t.Errorf("%v, want: %s", err, c.fails)
				}
			case err != nil:
				t.Fatal(err)
			default:
				if got := lines(as[0])["people"].Counts; got != (dsr.Counts{Found: 7 - c.left, Erased: 7 - c.left}) {
					t.Errorf("people: %+v", got)
				}
			}
			if n := w.count("people"); n != c.left {
				t.Errorf("%d rows are left, want %d", n, c.left)
			}
		})
	}
}

func TestALongChainOfReferencesIsFollowedToItsEnd(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60), boss bigint REFERENCES people (id))")
	const n = 1500 // a recursive query of MariaDB ends after 1,000 steps unless told otherwise
	w.exec("INSERT INTO people SELECT seq, '', '', nullif(seq - 1, 0) FROM seq_1_to_1500")
	s := w.system(p.parse(t, p.small(t, "", "    - {name: boss, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}\n")))
	d := ask(dsr.Verify, 1, customer("1"))
	if diff := cmp.Diff(map[string][2]int64{"people": {n, n}}, seen(t, s, d)); diff != "" {
		t.Errorf("a look (-want +got):\n%s", diff)
	}
	if got := lines(erase(t, s, ask(dsr.Act, 1, customer("1")))[0])["people"].Counts; got != (dsr.Counts{Found: n, Erased: n}) {
		t.Errorf("an erasure: %+v", got)
	}
}

func TestForeignKeysOfOtherDatabases(t *testing.T) {
	p, other := newPlace(t, sql.MySQL), newPlace(t, sql.MySQL)
	w := p.shop(t)
	x := other.world(t, "CREATE TABLE visits (id int PRIMARY KEY, customer bigint, FOREIGN KEY (customer) REFERENCES "+p.schema+".customers (id))")
	t.Cleanup(func() { // whichever database goes first
		if _, err := x.db.ExecContext(context.Background(), "DROP TABLE visits"); err != nil {
			t.Error(err)
		}
	})
	_, err := sql.New(t.Context(), w.config(p.loadMap(t, "shop.yml")))
	var misfit *sql.MisfitError
	if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "the data map does not know the foreign key visits (customer) → customers (id)") {
		t.Errorf("%v, want a misfit that names the foreign key", err)
	}
}
