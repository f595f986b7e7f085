package sql_test

import (
	"context"
	stdsql "database/sql"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// refusing erases and demands an error of a class that says what happened and no value of a row.
func refusing(t *testing.T, s *sql.System, class responder.Class, says string, d responder.Dispatch) {
	t.Helper()
	_, err := s.Erase(t.Context(), []responder.Dispatch{d})
	if got := responder.Classify(err); got != class {
		t.Errorf("the class is %q, want %q: %v", got, class, err)
	}
	if err == nil {
		return
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%v\nwant: %s", err, says)
	}
	for _, value := range []string{"anna", "Anna", "secret", "hello", "L-1"} {
		if strings.Contains(err.Error(), value) {
			t.Errorf("the error holds a value: %v", err)
		}
	}
}

func TestErrorsOfPostgres(t *testing.T) {
	for _, c := range []struct {
		name  string
		ddl   []string
		class responder.Class
		says  string
	}{
		{
			"a_trigger_that_raises_a_value", []string{
				"CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret %', OLD.body; END $$",
				"CREATE TRIGGER t BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION shout()",
			}, responder.ClassTransient, "delete from messages: SQLSTATE P0001",
		},
		{
			"a_trigger_that_keeps_the_row", []string{
				"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
				"CREATE TRIGGER t BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION keep()",
			}, responder.ClassTransient, "delete from messages: 0 rows were changed and 2 counted",
		},
		{
			"a_rule_that_keeps_the_row",
			[]string{"CREATE RULE r AS ON DELETE TO messages DO INSTEAD NOTHING"},
			responder.ClassTransient, "delete from messages: 0 rows were changed and 2 counted",
		},
		{
			"a_check_that_refuses_the_mask",
			[]string{"ALTER TABLE customers ADD CONSTRAINT customers_name_check CHECK (id > 100 OR name IN ('Anna', 'Bob'))"},
			responder.ClassPermanent, "mask customers: SQLSTATE 23514, table customers, constraint customers_name_check",
		},
		{
			"a_row_that_came_to_refer_to_the_person", []string{
				"CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO order_items VALUES (100, 9, 'x'); RETURN NULL; END $$",
				"CREATE TRIGGER t AFTER DELETE ON order_items EXECUTE FUNCTION again()",
			}, responder.ClassTransient, "delete from orders: SQLSTATE 23503, table order_items, constraint order_items_order_id_fkey",
		},
		{"a_table_that_went_away", []string{"ALTER TABLE messages RENAME TO letters"}, responder.ClassUnavailable, "messages does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newPlace(t, sql.Postgres).shop(t)
			w.people()
			s := w.system(w.loadMap(t, "shop.yml"))
			if c.name == "a_check_that_refuses_the_mask" {
				w.exec("DELETE FROM messages WHERE customer_id = 3")
				w.exec("DELETE FROM orders WHERE customer_id = 3")
				w.exec("DELETE FROM customers WHERE id = 3")
			}
			for _, q := range c.ddl {
				w.exec(q)
			}
			if strings.HasPrefix(c.name, "a_trigger") || strings.HasPrefix(c.name, "a_rule") {
				s = w.system(w.loadMap(t, "shop.yml")) // it reads at the start which tables have some
			}
			before := w.count("orders")
			refusing(t, s, c.class, c.says, ask(dsr.Act, 1, customer("1"), email("anna@example.org")))
			if n := w.count("orders"); n != before {
				t.Errorf("%d of %d orders are left after a failure", n, before)
			}
		})
	}
}

func TestRowsThatTheRoleMayNotSee(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	w := p.shop(t)
	w.people()
	role := "role_" + p.schema
	for _, q := range []string{
		"CREATE ROLE " + role + " LOGIN", "GRANT USAGE ON SCHEMA " + p.schema + " TO " + role, "GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + p.schema + " TO " + role,
		"ALTER TABLE messages ENABLE ROW LEVEL SECURITY", "CREATE POLICY part ON messages USING (body <> 'hello')",
	} {
		w.exec(q)
	}
	t.Cleanup(func() {
		for _, q := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := w.db.ExecContext(context.Background(), q); err != nil {
				t.Error(err)
			}
		}
	})
	db, err := stdsql.Open("pgx", strings.Replace(p.dsn, "postgres://postgres@", "postgres://"+role+"@", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	least := &world{t, p, db}
	const says = "row-level security of table"
	if _, err := sql.New(t.Context(), least.config(p.loadMap(t, "shop.yml"))); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("it started: %v", err)
	}
	w.exec("ALTER TABLE messages DISABLE ROW LEVEL SECURITY")
	s := least.system(p.loadMap(t, "shop.yml"))
	erase(t, s, ask(dsr.Act, 1, customer("1")))
	w.exec("ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
	refusing(t, s, responder.ClassUnavailable, says, ask(dsr.Act, 1, customer("3")))
	w.exec("ALTER ROLE " + role + " BYPASSRLS")
	erase(t, s, ask(dsr.Act, 1, customer("3")))
}

func TestALockedRowIsWaitedForAWhile(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	w := p.shop(t)
	w.people()
	c := w.config(p.loadMap(t, "shop.yml"))
	c.LockTimeout = 50 * time.Millisecond
	s := w.newSystem(c)
	tx, err := p.open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT * FROM orders WHERE id = 100 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	refusing(t, s, responder.ClassTransient, "delete from orders: SQLSTATE 55P03", ask(dsr.Act, 1, customer("1")))
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	erase(t, s, ask(dsr.Act, 1, customer("1")))
}

func TestADatabaseThatIsAway(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	m := w.loadMap(t, "shop.yml")
	s := w.system(m)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	away, err := stdsql.Open("pgx", "postgres://nobody@127.0.0.1:1/none?connect_timeout=2")
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close() // it never opened
	c := w.config(m)
	c.DB, c.Dialect = away, sql.Postgres
	if _, err := sql.New(t.Context(), c); responder.Classify(err) != responder.ClassUnavailable {
		t.Errorf("the class is %q: %v", responder.Classify(err), err)
	}
}

func TestErrorsOfSQLite(t *testing.T) {
	w := newPlace(t, sql.SQLite).shop(t)
	w.people()
	s := w.system(w.loadMap(t, "shop.yml"))
	w.exec("CREATE TRIGGER t BEFORE DELETE ON messages BEGIN SELECT RAISE(ABORT, 'secret hello'); END")
	refusing(t, s, responder.ClassPermanent, "raised by a trigger", ask(dsr.Act, 1, customer("1")))
	w.exec("DROP TRIGGER t")
	w.exec("CREATE TRIGGER t BEFORE DELETE ON messages BEGIN SELECT RAISE(IGNORE); END")
	refusing(t, s, responder.ClassTransient, "0 rows were changed and 2 counted", ask(dsr.Act, 1, customer("1")))
	if n := w.count("orders WHERE customer_id = 1"); n != 2 {
		t.Errorf("%d orders are left after a failure", n)
	}
}
