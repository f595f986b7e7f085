package sql_test

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// Here an application works in the same rows while the runtime erases: whatever goes wrong, everybody ends erased, with exact counts.

// onServers runs a test on the engines that have row locks.
func onServers(t *testing.T, test func(t *testing.T, p place)) {
	for _, d := range []sql.Dialect{sql.Postgres, sql.MySQL} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, d))
		})
	}
}

// noting is a system that notes what its erasures ended with.
type noting struct {
	*sql.System
	mu     sync.Mutex
	errors []error
}

func (n *noting) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	as, err := n.System.Erase(ctx, ds)
	if err != nil {
		n.mu.Lock()
		n.errors = append(n.errors, err)
		n.mu.Unlock()
	}
	return as, err
}

// met demands that an erasure failed so, once at least, and never otherwise.
func (n *noting) met(t *testing.T, says string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.errors) == 0 {
		t.Errorf("no erasure failed: nothing was shown of %s", says)
	}
	for _, err := range n.errors {
		if !strings.Contains(err.Error(), says) || responder.Classify(err) == responder.ClassPermanent {
			t.Errorf("%v (%s), want %s", err, responder.Classify(err), says)
		}
	}
}

// contest is a shop with a responder in front of it.
type contest struct {
	*world
	bench *respondertest.Bench
	sys   *noting
	r     *responder.Responder
	ids   map[string]dsr.RequestID
}

func newContest(t *testing.T, p place, change func(*sql.Config)) *contest {
	w := p.shop(t)
	w.people()
	return w.contest(t, change)
}

func (w *world) contest(t *testing.T, change func(*sql.Config)) *contest {
	c := w.config(w.loadMap(t, "shop.yml"))
	if change != nil {
		change(&c)
	}
	k := &contest{world: w, bench: respondertest.NewBench(t, "shop"), sys: &noting{System: w.newSystem(c)}, ids: map[string]dsr.RequestID{}}
	k.r = k.bench.Responder(t, k.sys, k.sys.Ledger())
	return k
}

func (k *contest) ask(t *testing.T, customers ...string) []kafka.Message {
	var out []kafka.Message
	for _, id := range customers {
		k.ids[id] = dsr.RequestID(uuid.NewString())
		out = append(out, k.bench.Dispatch(t, respondertest.Person{Request: k.ids[id], Identifiers: []dsr.Identifier{customer(id)}, Capacity: "customer"}))
	}
	return out
}

// deliver works messages beside the test and returns what was published once they are settled.
func (k *contest) deliver(t *testing.T, msgs []kafka.Message) <-chan respondertest.Result {
	done := make(chan respondertest.Result, 1)
	go func() {
		defer close(done)
		done <- k.bench.Deliver(t, k.r, msgs...)
	}()
	return done
}

// waiting returns when a statement of ours that contains the words waits for a lock.
func (k *contest) waiting(t *testing.T, words string, done <-chan respondertest.Result) {
	t.Helper()
	query := "pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE ? AND query LIKE ?"
	if k.dialect == sql.MySQL {
		query = "information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.info LIKE ? AND p.db LIKE ?"
	}
	for k.count(query, "%"+words+"%", "%"+k.schema+"%") == 0 {
		select {
		case <-done:
			t.Fatal("it did not wait")
		case <-time.After(120 * time.Millisecond): // InnoDB tells nothing new to those who ask ten times a second
		}
	}
}

// application begins a transaction of the application.
func (k *contest) application(t *testing.T) (*stdsql.Tx, func(query string)) {
	t.Helper()
	tx, err := k.open(t).BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() }) // an open one would keep the schema
	return tx, func(query string) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

// ended demands an answer with exact counts for everybody, and nothing left.
func (k *contest) ended(t *testing.T, results ...respondertest.Result) {
	t.Helper()
	want := map[string][3]int64{"1": {2, 3, 2}, "2": {1, 1, 1}, "3": {1, 0, 1}} // orders, order_items, messages
	got := map[string]string{}
	for _, r := range results {
		if len(r.DeadLetters) > 0 {
			t.Errorf("%d dead letters", len(r.DeadLetters))
		}
		for customer, id := range k.ids {
			ack, ok := r.Of(id)
			if !ok || ack.State != dsr.AckAnswered {
				continue
			}
			counts := map[string]int64{}
			for _, c := range ack.Collections {
				counts[c.Name] = c.Counts.Erased
				if c.Counts.Erased > 0 && c.CountQuality != dsr.CountsExact {
					t.Errorf("%s of %s: the counts are %s", c.Name, customer, c.CountQuality)
				}
			}
			got[customer] = fmt.Sprint([3]int64{counts["orders"], counts["order_items"], counts["messages"]})
		}
	}
	for customer := range k.ids {
		if got[customer] != fmt.Sprint(want[customer]) {
			t.Errorf("customer %s: %s erased, want %v", customer, got[customer], want[customer])
		}
		for _, table := range []string{"orders", "messages"} {
			if n := k.count(table + " WHERE customer_id = " + customer); n != 0 {
				t.Errorf("%d %s of customer %s are left", n, table, customer)
			}
		}
		if n := k.count("customers WHERE email LIKE '%@%' AND id = " + customer); n != 0 {
			t.Errorf("customer %s is not masked", customer)
		}
	}
}

// The application locks the customer and then wants the orders; the erasure deletes the orders and then wants the customer. The database
// chooses the erasure.
func TestADeadlock(t *testing.T) {
	onServers(t, func(t *testing.T, p place) {
		k := newContest(t, p, nil)
		msgs := k.ask(t, "1", "2", "3")
		if p.dialect == sql.MySQL { // the lighter one is chosen
			k.exec("CREATE TABLE ballast (id bigint PRIMARY KEY)")
		}
		tx, app := k.application(t)
		if p.dialect == sql.MySQL {
			app("INSERT INTO ballast SELECT seq FROM seq_1_to_5000")
		} else { // who looks first is chosen
			app("SET LOCAL deadlock_timeout = '1h'")
		}
		app("UPDATE customers SET country = 'IT' WHERE id = 1")
		done := k.deliver(t, msgs)
		k.waiting(t, "customers", done)
		app("UPDATE orders SET margin = 0 WHERE customer_id = 1")
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		k.ended(t, <-done)
		k.sys.met(t, map[sql.Dialect]string{sql.Postgres: "SQLSTATE 40P01", sql.MySQL: "MariaDB error 1213"}[p.dialect])
	})
}

// The application holds one person's order for longer than an erasure waits: the others are erased, and that one later.
func TestALockTimeOut(t *testing.T) {
	onServers(t, func(t *testing.T, p place) {
		k := newContest(t, p, func(c *sql.Config) { c.LockTimeout = 20 * time.Millisecond }) // MariaDB: a second
		tx, app := k.application(t)
		app("SELECT * FROM orders WHERE id = 100 FOR UPDATE")
		first := <-k.deliver(t, k.ask(t, "1", "2", "3"))
		for customer, id := range k.ids {
			if ack, ok := first.Of(id); (ok && ack.State == dsr.AckAnswered) != (customer != "1") {
				t.Errorf("customer %s is answered: %v, %s", customer, ok, ack.State)
			}
		}
		if n := k.count("order_items WHERE order_id IN (100, 101)"); n != 3 {
			t.Errorf("%d items are left of the person whose order is locked, want 3", n)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		k.bench.Forward(time.Hour)
		k.ended(t, first, k.bench.Due(t, k.r))
		k.sys.met(t, map[sql.Dialect]string{sql.Postgres: "SQLSTATE 55P03", sql.MySQL: "MariaDB error 1205"}[p.dialect])
	})
}

// A statement that takes too long is cancelled, and the batch begins again.
func TestAStatementTimeOut(t *testing.T) {
	onServers(t, func(t *testing.T, p place) {
		k := newContest(t, p, func(c *sql.Config) { c.StatementTimeout = 2 * time.Second })
		k.exec("CREATE SEQUENCE tries")
		if p.dialect == sql.Postgres { // a sequence remembers what is undone
			k.exec("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('" + p.schema + ".tries') = 1 THEN PERFORM pg_sleep(60); END IF; RETURN OLD; END $$")
			k.exec("CREATE TRIGGER dawdles BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION dawdle()")
		} else {
			k.exec("CREATE TRIGGER dawdles BEFORE DELETE ON orders FOR EACH ROW SET @x = IF(NEXTVAL(tries) = 1, SLEEP(60), 0)")
		}
		k.ended(t, <-k.deliver(t, k.ask(t, "1", "2", "3")))
		k.sys.met(t, map[sql.Dialect]string{sql.Postgres: "delete from orders: SQLSTATE 57014", sql.MySQL: "delete from orders: MariaDB error 1969"}[p.dialect])
	})
	t.Run("sqlite_has_none", func(t *testing.T) {
		w := newPlace(t, sql.SQLite).shop(t)
		c := w.config(w.loadMap(t, "shop.yml"))
		c.StatementTimeout = time.Second
		if _, err := sql.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "SQLite has no time-out of statements") {
			t.Errorf("it started: %v", err)
		}
	})
}

// Role and database default to SERIALIZABLE, as the application works: its own transactions may fail, an erasure does not, and a failure that
// comes all the same, twice here, is undone and begins again.
func TestSerializationFailures(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	p.dsn += "&default_transaction_isolation=serializable"
	k := newContest(t, p, nil)
	tx, app := k.application(t)
	app("UPDATE orders SET margin = 5 WHERE id = 100")
	done := k.deliver(t, k.ask(t, "1"))
	k.waiting(t, "orders", done)
	if err := tx.Commit(); err != nil { // at SERIALIZABLE the erasure would fail now, for the row changed under it
		t.Fatal(err)
	}
	k.ended(t, <-done)
	if len(k.sys.errors) > 0 {
		t.Errorf("an erasure at READ COMMITTED failed: %v", k.sys.errors)
	}
	k.exec("CREATE SEQUENCE tries")
	k.exec("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('" + p.schema + ".tries') < 3 THEN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END IF; RETURN OLD; END $$")
	k.exec("CREATE TRIGGER fails BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION fail()")
	delete(k.ids, "1")
	k.ended(t, <-k.deliver(t, k.ask(t, "2", "3")))
	k.sys.met(t, "SQLSTATE 40001")
}

// A migration is seen at the end of a batch whatever the default level of isolation is.
func TestAMigrationDuringABatchAtRepeatableRead(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	p.dsn += "&default_transaction_isolation=repeatable%20read"
	k := newContest(t, p, nil)
	tx, app := k.application(t)
	app("SELECT 1 FROM orders WHERE id = 100 FOR UPDATE")
	waits := &mending{System: k.sys.System, mend: func() { k.exec("DROP TABLE visits") }}
	k.r = k.bench.Responder(t, waits, k.sys.Ledger())
	done := k.deliver(t, k.ask(t, "1", "2"))
	k.waiting(t, "DELETE", done)
	k.exec("CREATE TABLE visits (id int PRIMARY KEY, invoice_id bigint REFERENCES invoices (id))")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	k.ended(t, <-done)
	if waits.failed != 3 {
		t.Errorf("Check failed %d times: the migration was not seen", waits.failed)
	}
}

// A right that is revoked while requests come makes them wait; nothing is half done, and they go on when it is granted again.
func TestRevokedRightsMakeRequestsWait(t *testing.T) {
	database := newStrict(t)
	w, least, m := database.granted(t)
	w.people()
	own := &world{t, least, least.open(t)}
	s := own.system(m)
	bench := respondertest.NewBench(t, "shop")
	k := &contest{world: w, bench: bench, sys: &noting{System: s}, ids: map[string]dsr.RequestID{}}
	waits := &mending{System: s, mend: func() {
		if n := w.count("orders"); n != 4 {
			t.Errorf("%d orders are left while a right is missing, want all 4", n)
		}
		w.exec("GRANT DELETE ON messages TO " + database.role)
	}}
	k.r = bench.Responder(t, waits, s.Ledger())
	w.exec("REVOKE DELETE ON messages FROM " + database.role)
	k.ended(t, <-k.deliver(t, k.ask(t, "1", "2", "3")))
	if waits.failed != 3 {
		t.Errorf("Check failed %d times", waits.failed)
	}
}

// After a batch, be it settled or undone, a session is what it was.
func TestASessionIsWhatItWas(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	k := newContest(t, p, func(c *sql.Config) { c.StatementTimeout = time.Minute })
	k.db.SetMaxOpenConns(1)
	state := func() []string {
		return k.texts("SELECT name || '=' || setting FROM pg_settings WHERE name NOT LIKE 'transaction%' AND name NOT LIKE 'plpgsql%' UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relpersistence = 't' " +
			"UNION ALL SELECT 'prepared ' || count(*) FROM pg_prepared_xacts UNION ALL SELECT 'locks ' || count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' ORDER BY 1")
	}
	<-k.deliver(t, k.ask(t, "2"))
	delete(k.ids, "2")
	before := state()
	k.ended(t, <-k.deliver(t, k.ask(t, "1")))
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("after a batch (-before +after):\n%s", diff)
	}
	k.exec("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$")
	k.exec("CREATE TRIGGER no BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION no()")
	refusing(t, k.sys.System, responder.ClassTransient, "P0001", ask(dsr.Act, 1, customer("3")))
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("after a failure (-before +after):\n%s", diff)
	}
}
