package sql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

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
