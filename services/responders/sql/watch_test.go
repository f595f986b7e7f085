package sql_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// watched is a system that tells what it logs.
type watched struct {
	*sql.System
	log *bytes.Buffer
}

func (w *world) watched(m string) watched {
	w.Helper()
	c := w.config(w.loadMap(w, m))
	log := &bytes.Buffer{}
	c.Logger = slog.New(slog.NewJSONHandler(log, nil))
	s := w.newSystem(c)
	log.Reset() // hints
	return watched{s, log}
}

// said takes what was logged since the last time: level and the attributes that matter.
func (s watched) said(t *testing.T) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(s.log.String()) {
		var v struct{ Level, Msg, Changes, Problems, Left string }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(line, "neither_erased_nor_exported", "left")), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Trim(strings.Join([]string{v.Level, v.Changes, v.Left}, ": "), ": "))
	}
	s.log.Reset()
	return strings.Join(out, "\n")
}

// inMariaDB says in its words what the other two say alike.
var inMariaDB = strings.NewReplacer("ANALYZE", "ANALYZE TABLE customers, messages", "DROP COLUMN reply_to", "DROP FOREIGN KEY messages_ibfk_2, DROP COLUMN reply_to",
	"DROP INDEX one_name", "ALTER TABLE customers DROP INDEX one_name")

// TestAMigrationInTheMiddle changes the catalogue under a running responder.
func TestAMigrationInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name   string
		ddl    []string
		log    string   // once; empty: nothing that a plan depends on
		says   string   // why it stops; empty: it goes on
		mended []string // what makes it fit again
		only   sql.Dialect
	}{
		{name: "a_harmless_index", ddl: []string{"CREATE INDEX messages_by_customer ON messages (customer_id)"}},
		{name: "a_table_that_nobody_reaches", ddl: []string{"CREATE TABLE weather (day text, rain int)"}},
		{name: "statistics", ddl: []string{"ANALYZE"}},
		{
			name: "a_child_table", ddl: []string{"CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint REFERENCES customers (id))"},
			log: "ERROR: foreign key visits (customer_id) → customers (id) is new", says: "does not know the foreign key visits (customer_id) → customers (id)",
			mended: []string{"DROP TABLE visits"},
		},
		{
			name: "a_child_table_of_a_child", ddl: []string{"CREATE TABLE parcels (id int PRIMARY KEY, order_id bigint REFERENCES orders (id))"},
			log: "ERROR: foreign key parcels (order_id) → orders (id) is new", says: "does not know the foreign key parcels (order_id) → orders (id)",
			mended: []string{"DROP TABLE parcels"},
		},
		{
			name: "a_foreign_key_to_a_person_in_a_column_of_its_own", ddl: []string{"ALTER TABLE messages ADD COLUMN reply_to bigint REFERENCES customers (id)"},
			log: "ERROR: column messages.reply_to is new; foreign key messages (reply_to) → customers (id) is new: messages.reply_to", says: "does not know column reply_to of table messages",
			mended: []string{"ALTER TABLE messages DROP COLUMN reply_to"},
		},
		{name: "a_column_that_the_map_leaves_out", ddl: []string{"ALTER TABLE messages ADD COLUMN mood text"}, log: "WARN: column messages.mood is new: messages.mood"},
		{
			name: "a_column_dropped", ddl: []string{"ALTER TABLE messages DROP COLUMN body"},
			log: "ERROR: column messages.body is gone", says: "column body of table SCHEMA.messages does not exist", mended: []string{"ALTER TABLE messages ADD COLUMN body text"},
		},
		{
			name: "a_column_renamed", ddl: []string{"ALTER TABLE messages RENAME COLUMN body TO content"},
			log: "ERROR: column messages.body is gone; column messages.content is new: messages.content", says: "column body of table SCHEMA.messages does not exist",
			mended: []string{"ALTER TABLE messages RENAME COLUMN content TO body"},
		},
		{
			name: "a_table_renamed", ddl: []string{"ALTER TABLE messages RENAME TO letters"},
			log:  "ERROR: table messages is gone; foreign key messages (customer_id) → customers (id) is gone; foreign key letters (customer_id) → customers (id) is new",
			says: "table SCHEMA.messages does not exist", mended: []string{"ALTER TABLE letters RENAME TO messages"},
		},
		{
			name: "a_trigger", ddl: []string{"CREATE TRIGGER t AFTER DELETE ON messages BEGIN SELECT 1; END"},
			log: "INFO: trigger t of messages is new", only: sql.SQLite,
		},
		{
			name: "a_trigger", ddl: []string{"CREATE TRIGGER t AFTER DELETE ON messages FOR EACH ROW SET @gone = 1"},
			log: "INFO: trigger t of messages is new", only: sql.MySQL,
		},
		{
			name: "a_type", ddl: []string{"UPDATE customers SET name = 'x'", "ALTER TABLE customers MODIFY name varchar(4) NOT NULL"}, only: sql.MySQL,
			log: "ERROR: column customers.name is varchar of 4 characters not null, compared by utf8mb4_general_ci, was text not null, compared by utf8mb4_general_ci", says: "customers.name takes 4 characters, the value of its string_rewrite has 6",
			mended: []string{"ALTER TABLE customers MODIFY name text NOT NULL"},
		},
		{
			name: "a_collation", ddl: []string{"ALTER TABLE newsletter MODIFY email varchar(200) COLLATE utf8mb4_bin"}, only: sql.MySQL,
			log: "INFO: column newsletter.email is varchar of 200 characters not null, compared by utf8mb4_bin, was varchar of 200 characters not null, compared by utf8mb4_general_ci",
		},
		{
			name: "a_table_without_transactions", ddl: []string{"ALTER TABLE newsletter ENGINE = Aria"}, only: sql.MySQL,
			log: "ERROR: table newsletter has the engine Aria, which knows no transactions: an erasure could be half done there, and its counts be wrong", says: "table SCHEMA.newsletter has the engine Aria, which knows no transactions", mended: []string{"ALTER TABLE newsletter ENGINE = InnoDB"},
		},
		{
			name: "not_null", ddl: []string{"UPDATE customers SET phone = '1'", "ALTER TABLE customers MODIFY phone text NOT NULL"}, only: sql.MySQL,
			log: "ERROR: column customers.phone is text not null, compared by utf8mb4_general_ci, was text, compared by utf8mb4_general_ci", says: "customers.phone is NOT NULL: null_rewrite cannot be carried out",
			mended: []string{"ALTER TABLE customers MODIFY phone text"},
		},
		{
			name: "what_a_deletion_does", only: sql.MySQL,
			ddl: []string{"ALTER TABLE messages DROP FOREIGN KEY messages_ibfk_1", "ALTER TABLE messages ADD FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE"},
			log: "INFO: foreign key messages (customer_id) → customers (id) is another one",
		},
		{
			name: "a_check", ddl: []string{"ALTER TABLE customers ADD CONSTRAINT plain CHECK (name <> 'a value')"}, only: sql.MySQL,
			log: "INFO: check plain of customers is new",
		},
		{
			name: "a_trigger_that_keeps_rows", ddl: []string{
				"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
				"CREATE TRIGGER t BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION keep()",
			}, log: "INFO: trigger t of messages is new", only: sql.Postgres,
		},
		{
			name: "a_type", ddl: []string{"ALTER TABLE customers ALTER COLUMN name TYPE varchar(3) USING left(name, 3)"}, only: sql.Postgres,
			log: "ERROR: column customers.name is character varying of 3 characters not null, was text not null", says: "customers.name takes 3 characters, the value of its string_rewrite has 6",
			mended: []string{"ALTER TABLE customers ALTER COLUMN name TYPE text"},
		},
		{
			name: "a_constant_of_another_type", ddl: []string{"ALTER TABLE customers DROP COLUMN born", "ALTER TABLE customers ADD COLUMN born inet"}, only: sql.Postgres,
			log: "ERROR: column customers.born is inet, was date", says: "customers.born has type inet, which the value of its string_rewrite is not",
			mended: []string{"ALTER TABLE customers DROP COLUMN born", "ALTER TABLE customers ADD COLUMN born date"},
		},
		{
			name: "not_null", ddl: []string{"UPDATE customers SET phone = '1'", "ALTER TABLE customers ALTER COLUMN phone SET NOT NULL"}, only: sql.Postgres,
			log: "ERROR: column customers.phone is text not null, was text", says: "customers.phone is NOT NULL: null_rewrite cannot be carried out",
			mended: []string{"ALTER TABLE customers ALTER COLUMN phone DROP NOT NULL"},
		},
		{
			name: "unique", ddl: []string{"ALTER TABLE customers ADD CONSTRAINT one_name UNIQUE (name)"}, only: sql.Postgres,
			log: "ERROR: unique in customers is (email), (name), was (email)", says: "customers.name is UNIQUE: string_rewrite would give two rows the same value",
			mended: []string{"ALTER TABLE customers DROP CONSTRAINT one_name"},
		},
		{
			name: "a_unique_index", ddl: []string{"CREATE UNIQUE INDEX one_name ON customers (name)"},
			log: "ERROR: unique in customers is (email), (name), was (email)", says: "customers.name is UNIQUE: string_rewrite would give two rows the same value",
			mended: []string{"DROP INDEX one_name"},
		},
		{
			name: "what_a_deletion_does", only: sql.Postgres,
			ddl:    []string{"ALTER TABLE messages DROP CONSTRAINT messages_customer_id_fkey", "ALTER TABLE messages ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE"},
			log:    "INFO: foreign key messages (customer_id) → customers (id) is another one",
			mended: []string{},
		},
		{
			name: "a_check", ddl: []string{"ALTER TABLE customers ADD CONSTRAINT plain CHECK (name <> 'a value')"}, only: sql.Postgres,
			log: "INFO: check plain of customers is new",
		},
		{
			name: "a_check_that_refuses_a_mask", ddl: []string{"ALTER TABLE customers ADD CONSTRAINT plain CHECK (name <> 'erased') NOT VALID"}, only: sql.Postgres,
			log: "ERROR: check plain of customers is new", says: "customers.name: the check constraint plain refuses the value of its string_rewrite",
			mended: []string{"ALTER TABLE customers DROP CONSTRAINT plain"},
		},
		{
			name: "a_check_that_refuses_a_mask", ddl: []string{"UPDATE customers SET name = 'Carol' WHERE name = 'erased'", "ALTER TABLE customers ADD CONSTRAINT plain CHECK (name <> 'erased')"}, only: sql.MySQL,
			log: "ERROR: check plain of customers is new", says: "customers.name: the check constraint plain refuses the value of its string_rewrite",
			mended: []string{"ALTER TABLE customers DROP CONSTRAINT plain"},
		},
		{
			name: "a_generated_column", only: sql.Postgres,
			ddl: []string{"ALTER TABLE customers DROP COLUMN phone", "ALTER TABLE customers ADD COLUMN phone text GENERATED ALWAYS AS ('+49') STORED"},
			log: "ERROR: column customers.phone is text, generated, was text", says: "customers.phone is a generated column",
			mended: []string{"ALTER TABLE customers DROP COLUMN phone", "ALTER TABLE customers ADD COLUMN phone text"},
		},
		{
			name: "a_table_moved_to_another_schema", only: sql.Postgres, ddl: []string{"CREATE schema SCHEMA_old", "ALTER TABLE messages SET schema SCHEMA_old"},
			log:  "ERROR: table messages is gone; foreign key messages (customer_id) → customers (id) is gone; foreign key SCHEMA_old.messages (customer_id) → customers (id) is new",
			says: "table SCHEMA.messages does not exist", mended: []string{"ALTER TABLE SCHEMA_old.messages SET schema SCHEMA", "DROP schema SCHEMA_old"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				if c.only != "" && c.only != p.dialect {
					return
				}
				named := func(s string) string { return strings.ReplaceAll(s, "SCHEMA", p.schema) }
				w := p.shop(t)
				w.people()
				s := w.watched("shop.yml")
				run := func(ddl []string) {
					for _, q := range ddl {
						if p.dialect == sql.MySQL {
							q = inMariaDB.Replace(q)
						}
						w.exec(named(q))
					}
				}
				erase(t, s.System, ask(dsr.Act, 1, customer("2")))
				if said := s.said(t); said != "" {
					t.Fatalf("before any change: %s", said)
				}
				run(c.ddl)
				before := w.count("orders")
				_, err := s.Erase(t.Context(), []responder.Dispatch{ask(dsr.Act, 1, customer("3"))})
				if said := s.said(t); said != named(c.log) {
					t.Errorf("logged %q\nwant   %q", said, named(c.log))
				}
				if c.says == "" {
					if err != nil || s.Check(t.Context()) != nil {
						t.Fatalf("it does not go on: %v, check: %v", err, s.Check(t.Context()))
					}
					if n := w.count("orders WHERE customer_id = 3"); n != 0 {
						t.Errorf("%d orders are left", n)
					}
					return
				}
				everything := map[string]error{"check": s.Check(t.Context()), "erase": err}
				_, everything["verify"] = s.Verify(t.Context(), []responder.Dispatch{ask(dsr.Verify, 1, customer("3"))})
				_, everything["resolve"] = s.Resolve(t.Context(), []responder.Dispatch{ask(dsr.Resolve, 1, customer("3"))})
				access := ask(dsr.Act, 1, customer("3"))
				access.Kind = dsr.Access
				_, everything["export"] = s.Export(t.Context(), access, nil)
				for what, err := range everything {
					if responder.Classify(err) != responder.ClassUnavailable || !strings.Contains(err.Error(), named(c.says)) {
						t.Errorf("%s: %q: %v\nwant: %s", what, responder.Classify(err), err, named(c.says))
					}
				}
				if said := s.said(t); said != "" {
					t.Errorf("it says so again: %s", said)
				}
				if n := w.count("orders"); n != before {
					t.Errorf("%d of %d orders are left after a refusal", n, before)
				}
				run(c.mended)
				if err := s.Check(t.Context()); err != nil {
					t.Fatalf("it fits again: %v", err)
				}
				if said := s.said(t); !strings.HasPrefix(said, "INFO: ") || strings.Contains(said, "\n") {
					t.Errorf("logged %q", said)
				}
				erase(t, s.System, ask(dsr.Act, 1, customer("3")))
				if n := w.count("orders WHERE customer_id = 3"); n != 0 {
					t.Errorf("%d orders are left", n)
				}
			})
		})
	}
}

// TestTheMapIsPlannedAnew demands more than that work goes on: the new plan is another one.
func TestTheMapIsPlannedAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		w := p.shop(t)
		w.people()
		s := w.watched("shop.yml")
		w.exec("ALTER TABLE customers DROP COLUMN loyalty")
		w.exec("ALTER TABLE customers ADD COLUMN loyalty varchar(25)") // shorter: the hash has other digits, the statements another text
		w.exec("UPDATE customers SET loyalty = 'L-1'")
		erase(t, s.System, ask(dsr.Act, 1, customer("1")))
		if got := w.texts("SELECT loyalty FROM customers WHERE id = 1"); len(got) != 1 || len(got[0]) != 25 || !strings.HasPrefix(got[0], "hmac-") {
			t.Errorf("loyalty is %q", got)
		}
	})
}
