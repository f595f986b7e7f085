package sql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
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

// A look follows what refers to a row that is gone by the key that was remembered, of any type.
func TestKeysOfEveryTypeAreRemembered(t *testing.T) {
	for typ, value := range map[string]string{
		"bigint unsigned": "18446744073709551615", "int": "-7", "decimal(30,10)": "12345678901234567890.0123456789", "varchar(20) CHARACTER SET latin1": "'Zoë'",
		"char(5)": "'a\\\\b'", "varbinary(20)": "x'00ff27'", "binary(16)": "x'00112233445566778899aabbccddeeff'", "date": "'2026-02-28'", "datetime(6)": "'2026-02-28 01:02:03.000004'",
		"timestamp(3)": "'2026-02-28 01:02:03.004'", "time": "'-12:34:56'", "year": "2026", "uuid": "'123e4567-e89b-12d3-a456-426614174000'", "inet6": "'::1'",
		"enum('small','large')": "'large'", "bit(10)": "b'1000000001'", "double": "0.1", "tinyint": "1",
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sql.MySQL)
			w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60));\n"+
				"CREATE TABLE things (id "+typ+" PRIMARY KEY, person bigint REFERENCES people (id));\n"+
				"CREATE TABLE parts (id bigint PRIMARY KEY, thing "+typ+")")
			w.exec("INSERT INTO people VALUES (1, 'a', 'a@x.org')")
			w.exec("INSERT INTO things VALUES (" + value + ", 1)")
			s := w.system(p.parse(t, p.small(t, "things: delete, parts: delete", `  - name: things
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}
  - name: parts
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: thing, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: things.id, direction: from}]}}
`)))
			d := ask(dsr.Act, 1, customer("1"))
			a := erase(t, s, d)[0]
			if n := w.count("things"); n != 0 {
				t.Fatalf("%d things are left", n)
			}
			w.exec("INSERT INTO parts VALUES (10, " + value + ")")
			d.Keys = a.Keys
			if diff := cmp.Diff(map[string][2]int64{"parts": {1, 1}}, seen(t, s, d)); diff != "" {
				t.Errorf("the look (-want +got):\n%s", diff)
			}
			d.Round = 2
			if got := lines(erase(t, s, d)[0])["parts"].Counts.Erased; got != 1 || w.count("parts") != 0 {
				t.Errorf("the second act erased %d parts", got)
			}
		})
	}
}

func TestExportOfEveryType(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	types := []struct{ name, typ, value, want string }{
		{"t01", "bigint unsigned", "18446744073709551615", "18446744073709551615"},
		{"t02", "int(6) zerofill", "42", "42"},
		{"t03", "tinyint(1)", "1", "1"},
		{"t04", "decimal(38,20)", "-0.10000000000000000001", "-0.10000000000000000001"},
		{"t05", "float", "0.1", "0.1"},
		{"t06", "double", "1e300", "1e+300"},
		{"t07", "bit(9)", "b'100000001'", "257"},
		{"t08", "year", "2026", "2026"},
		{"t09", "date", "'0000-00-00'", `"0000-00-00"`},
		{"t10", "datetime(3)", "'2026-02-28 01:02:03.400'", `"2026-02-28T01:02:03.4"`},
		{"t11", "timestamp", "'2026-02-28 01:02:03'", `"2026-02-28T01:02:03+00:00"`},
		{"t12", "time(2)", "'-100:00:00.50'", `"-100:00:00.50"`},
		{"t13", "enum('a','b')", "'b'", `"b"`},
		{"t14", "set('x','y','z')", "'x,z'", `"x,z"`},
		{"t15", "varbinary(9)", "x'00ff10'", `"AP8Q"`},
		{"t16", "json", `'{"a": [1, 2.50]}'`, `{"a":[1,2.50]}`},
		{"t17", "varchar(9) CHARACTER SET latin1", "'Zoë'", `"Zoë"`},
		{"t18", "uuid", "'123e4567-e89b-12d3-a456-426614174000'", `"123e4567-e89b-12d3-a456-426614174000"`},
		{"t19", "point", "POINT(1, 2)", `"POINT(1 2)"`},
		{"t20", "longtext", "'line\\none \"two\"'", `"line\none \"two\""`},
		{"t21", "int", "NULL", "null"},
		{"t22", "int(3) zerofill", "0", "0"},
	}
	defs, values, want, fields := []string{"id bigint PRIMARY KEY", "person bigint"}, []string{"1", "1"}, []string{`"id":1`}, ""
	for _, c := range types {
		defs = append(defs, c.name+" "+c.typ)
		values = append(values, c.value)
		want = append(want, fmt.Sprintf("%q:%s", c.name, c.want))
		fields += "    - {name: " + c.name + ", data_categories: [user.content.private]}\n"
	}
	w := p.world(t, "CREATE TABLE people (id bigint PRIMARY KEY, code varchar(20), email varchar(60))")
	w.exec("CREATE TABLE things (" + strings.Join(defs, ", ") + ")")
	w.exec("INSERT INTO people VALUES (1, 'a', 'a@x.org')")
	w.exec("INSERT INTO things VALUES (" + strings.Join(values, ", ") + ")")
	s := w.system(p.parse(t, p.small(t, "things: delete", `  - name: things
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: person, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: people.id, direction: from}]}}
`+fields)))
	d := ask(dsr.Act, 1, customer("1"))
	d.Kind = dsr.Access
	parts, _ := export(t, s, d)
	if diff := cmp.Diff("{"+strings.Join(append([]string{want[0], `"person":1`}, want[1:]...), ",")+"}\n", parts["things"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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

// role makes a user and returns the place as that user sees it.
func (p place) role(t *testing.T, w *world, grants ...string) place {
	t.Helper()
	name := "role_" + p.schema[len(p.schema)-20:]
	w.exec("CREATE USER " + name + "@'127.0.0.1'")
	t.Cleanup(func() {
		if _, err := w.db.ExecContext(context.Background(), "DROP USER "+name+"@'127.0.0.1'"); err != nil {
			t.Error(err)
		}
	})
	for _, g := range grants {
		w.exec("GRANT " + strings.ReplaceAll(g, "DB", p.schema) + " TO " + name + "@'127.0.0.1'")
	}
	p.dsn = strings.Replace(p.dsn, "mysql://root@", "mysql://"+name+"@", 1)
	return p
}

// leastRights are the grants that the package's documentation lists.
var leastRights = []string{
	"SELECT, CREATE TEMPORARY TABLES ON DB.*", "DELETE, UPDATE ON DB.employees", "DELETE, UPDATE ON DB.addresses", "UPDATE ON DB.customers", "DELETE ON DB.orders", "DELETE ON DB.order_items",
	"DELETE ON DB.messages", "DELETE ON DB.newsletter", "INSERT, UPDATE, DELETE ON DB.lethe_ledger",
}

func TestTheLeastRights(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	w := p.shop(t)
	w.people()
	w.exec("CREATE TRIGGER audited AFTER UPDATE ON customers FOR EACH ROW SET @audited = 1") // whose text the role may not see
	w.ledgerTables()
	least := p.role(t, w)
	role := "role_" + p.schema[len(p.schema)-20:] + "@127.0.0.1"
	quoted := w.system(p.loadMap(t, "shop.yml")).Account(role)
	for _, g := range append(w.grants(p.loadMap(t, "shop.yml"), role), ledger.Grants(quoted)...) {
		w.exec(g)
	}
	own := &world{t, least, least.open(t)}
	s := own.system(p.loadMap(t, "shop.yml"))
	d := ask(dsr.Act, 1, email("anna@example.org"))
	_, err := s.Ledger().Step(t.Context(), now, responder.Deliver, []responder.Entry{{Key: d.Key, Attempt: 1}}, func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
		as, err := s.Erase(ctx, []responder.Dispatch{d})
		if err != nil {
			return nil, err
		}
		d.Keys = as[0].Keys
		es[0].State, es[0].Ack = dsr.AckAnswered, []byte("a")
		return es, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := seen(t, s, d); len(got) != 0 {
		t.Errorf("a look finds %v", got)
	}
	d.Kind = dsr.Access
	d.Identifiers = []dsr.Identifier{customer("2")}
	if parts, _ := export(t, s, d); !strings.Contains(parts["customers"], "bob@example.org") {
		t.Errorf("an export: %v", parts)
	}
	boss := ask(dsr.Act, 1, email("boss@shop.example"))
	boss.Capacity = "employee"
	erase(t, s, boss)
}

func TestRightsThatAreMissing(t *testing.T) {
	t.Run("to_see_every_table", func(t *testing.T) {
		p := newPlace(t, sql.MySQL)
		w := p.shop(t)
		var grants []string
		for _, table := range w.texts("SHOW TABLES") {
			grants = append(grants, "SELECT, UPDATE, DELETE ON DB."+table)
		}
		least := p.role(t, w, append(grants, "CREATE TEMPORARY TABLES ON DB.*")...)
		own := &world{t, least, least.open(t)}
		_, err := sql.New(t.Context(), own.config(p.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "the role sees only some tables of database "+p.schema) {
			t.Errorf("%v, want a misfit", err)
		}
	})
	// without returns a world whose role lacks a right.
	without := func(t *testing.T, right string) (w, own *world) {
		p := newPlace(t, sql.MySQL)
		w = p.shop(t)
		w.people()
		var grants []string
		for _, g := range leastRights {
			if !strings.Contains(g, "ledger") && g != right {
				if right != "" {
					g = strings.ReplaceAll(g, ", "+right, "")
				}
				grants = append(grants, g)
			}
		}
		least := p.role(t, w, grants...)
		return w, &world{t, least, least.open(t)}
	}
	t.Run("to_make_temporary_tables", func(t *testing.T) {
		_, own := without(t, "CREATE TEMPORARY TABLES")
		_, err := sql.New(t.Context(), own.config(own.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "this role lacks the right TEMPORARY on the database") {
			t.Errorf("%v, want an error that names the missing right", err)
		}
	})
	t.Run("to_delete", func(t *testing.T) {
		_, own := without(t, "DELETE ON DB.messages")
		_, err := sql.New(t.Context(), own.config(own.loadMap(t, "shop.yml")))
		var misfit *sql.MisfitError
		if !errors.As(err, &misfit) || !strings.Contains(err.Error(), "this role lacks the right DELETE on table "+own.schema+".messages") {
			t.Errorf("%v, want an error that names the missing right", err)
		}
	})
	t.Run("revoked_while_it_runs", func(t *testing.T) {
		w, own := without(t, "")
		s := own.system(own.loadMap(t, "shop.yml"))
		w.exec("REVOKE DELETE ON " + w.schema + ".messages FROM role_" + w.schema[len(w.schema)-20:] + "@'127.0.0.1'")
		refusing(t, s, responder.ClassUnavailable, "this role lacks the right DELETE on table", ask(dsr.Act, 1, customer("1")))
		if n := w.count("orders WHERE customer_id = 1"); n != 2 {
			t.Errorf("%d orders are left after a failure", n)
		}
	})
}

func TestErrorsOfMariaDB(t *testing.T) {
	for _, c := range []struct {
		name  string
		ddl   []string
		class responder.Class
		says  string
	}{
		{
			"a_trigger_that_raises_a_value",
			[]string{"CREATE TRIGGER t BEFORE DELETE ON messages FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'secret hello'"},
			responder.ClassTransient, "delete from messages: MariaDB error 1644",
		},
		{
			"a_check_that_refuses_the_mask",
			[]string{"DELETE FROM messages WHERE customer_id = 3", "DELETE FROM orders WHERE customer_id = 3", "DELETE FROM customers WHERE id = 3", "ALTER TABLE customers ADD CONSTRAINT known CHECK (id > 100 OR name IN ('Anna', 'Bob'))"},
			responder.ClassPermanent, "mask customers: MariaDB error 4025, CONSTRAINT `known` failed",
		},
		{"a_table_that_went_away", []string{"RENAME TABLE messages TO letters"}, responder.ClassUnavailable, "messages does not exist"},
		{
			"a_mask_that_meets_its_own_kind",
			[]string{"CREATE TRIGGER t BEFORE UPDATE ON customers FOR EACH ROW SET NEW.email = 'bob@example.org'"},
			responder.ClassTransient, "customers: MariaDB error 1062",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newPlace(t, sql.MySQL).shop(t)
			w.people()
			w.db.SetMaxOpenConns(1) // what a failure leaves in a session, the next batch meets
			s := w.system(w.loadMap(t, "shop.yml"))
			for _, q := range c.ddl {
				w.exec(q)
			}
			before := w.count("orders")
			refusing(t, s, c.class, c.says, ask(dsr.Act, 1, customer("1"), email("anna@example.org")))
			if n := w.count("orders"); n != before {
				t.Errorf("%d of %d orders are left after a failure", n, before)
			}
			if _, err := w.db.ExecContext(t.Context(), "SELECT * FROM lethe_0_0"); err == nil {
				t.Error("a temporary table is left after a failure")
			}
			refusing(t, s, c.class, c.says, ask(dsr.Act, 1, customer("1")))
		})
	}
}

func TestALockedRowOfMariaDBIsWaitedForAWhile(t *testing.T) {
	p := newPlace(t, sql.MySQL)
	w := p.shop(t)
	w.people()
	c := w.config(p.loadMap(t, "shop.yml"))
	c.LockTimeout = time.Millisecond // a second, the least there is
	s := w.newSystem(c)
	tx, err := p.open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT * FROM orders WHERE id = 100 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	refusing(t, s, responder.ClassTransient, "delete from orders: MariaDB error 1205", ask(dsr.Act, 1, customer("1")))
	if n := w.count("order_items WHERE order_id IN (100, 101)"); n != 3 {
		t.Errorf("%d order items are left after a time-out, want 3", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	erase(t, s, ask(dsr.Act, 1, customer("1")))
}

func TestABatchThatIsTooLargeForAPacket(t *testing.T) {
	w := newPlace(t, sql.MySQL).shop(t)
	s := w.system(w.loadMap(t, "shop.yml"))
	var ds []responder.Dispatch
	for i := range 20 {
		ds = append(ds, ask(dsr.Act, 1, email(fmt.Sprintf("%d%s@example.org", i, strings.Repeat("a", 1<<20)))))
	}
	if _, err := s.Erase(t.Context(), ds); responder.Classify(err) != responder.ClassTransient {
		t.Errorf("class %q, want transient, so that the batch is halved", responder.Classify(err))
	}
	erase(t, s, ds[:2]...)
}

func TestAMariaDBThatIsAway(t *testing.T) {
	w := newPlace(t, sql.MySQL).shop(t)
	m := w.loadMap(t, "shop.yml")
	db, err := ledger.OpenMySQL("mysql://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // it never opened
	c := w.config(m)
	c.DB = db
	if _, err := sql.New(t.Context(), c); responder.Classify(err) != responder.ClassUnavailable {
		t.Errorf("the class is %q: %v", responder.Classify(err), err)
	}
}
