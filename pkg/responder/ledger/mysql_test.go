package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

func TestAddressesOfMySQLThatAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://u:secret@h/db":              "not of the form",
		"mysql://u:secret@h:3306":               "not of the form",
		"mysql://u:secret@h:x/db":               "not of the form",
		"mysql://u:secret@h/db?parseTime=true":  `"parseTime" is no parameter`,
		"mysql://u:secret@h/db?tls=no-such-one": "the driver refuses it",
	} {
		_, err := ledger.OpenMySQL(address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestWhatOpenMySQLPromises(t *testing.T) {
	db := opener(t, ledger.MySQL)(t)
	exec(t, db, "CREATE TABLE probe (id int PRIMARY KEY, short varchar(3), day date)")
	exec(t, db, "INSERT INTO probe VALUES (1, 'abc', '0000-00-00')")
	res, err := db.ExecContext(t.Context(), "UPDATE probe SET short = 'abc'")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Errorf("an update that changes nothing counts %d rows (%v), want the one that it matched", n, err)
	}
	var day, zone string
	if err := db.QueryRowContext(t.Context(), "SELECT day, @@time_zone FROM probe WHERE id = ?", 1).Scan(&day, &zone); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"0000-00-00", "+00:00"}, []string{day, zone}); d != "" {
		t.Errorf("a zero date and the time zone (-want +got):\n%s", d)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE probe SET short = ?", "abcd")
	if responder.Classify(ledger.Classified(err)) != responder.ClassPermanent {
		t.Errorf("a value that does not fit: %v, want a permanent error", err)
	}
}

// A statement that waits too long is undone alone; the step must undo the rest.
func TestALockTimeOutUndoesTheWholeStep(t *testing.T) {
	open := opener(t, ledger.MySQL)
	db := open(t)
	exec(t, db, "CREATE TABLE effect (n int PRIMARY KEY, v int)")
	exec(t, db, "INSERT INTO effect VALUES (1, 0)")
	holder, err := open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback() //nolint:errcheck // it only holds a lock
	if _, err := holder.ExecContext(t.Context(), "UPDATE effect SET v = 2 WHERE n = 1"); err != nil {
		t.Fatal(err)
	}
	_, err = ledger.InTransaction(db, ledger.MySQL).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
		for _, q := range []string{"INSERT INTO effect VALUES (10, 0)", "SET innodb_lock_wait_timeout = 1", "DELETE FROM effect WHERE n = 1"} {
			if _, err := ledger.Tx(ctx).ExecContext(ctx, q); err != nil {
				return nil, ledger.Classified(err)
			}
		}
		return es, nil
	})
	if responder.Classify(err) != responder.ClassTransient || mysqlNumber(err) != 1205 {
		t.Errorf("error %v of class %q, want a lock time-out, transient", err, responder.Classify(err))
	}
	if n := count(t, db, "effect WHERE n = 10"); n != 0 {
		t.Error("what the step had done before is still there")
	}
	if n := count(t, db, "lethe_ledger"); n != 0 {
		t.Error("the claim is still there")
	}
}

func TestADeadlockIsTransientAndUndoesTheWholeStep(t *testing.T) {
	open := opener(t, ledger.MySQL)
	db := open(t)
	exec(t, db, "CREATE TABLE effect (n int PRIMARY KEY, v int)")
	exec(t, db, "INSERT INTO effect VALUES (1, 0), (2, 0)")
	other, err := open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback() //nolint:errcheck // after the commit it has nothing to do
	update := func(tx *sql.Tx, n int) error {
		_, err := tx.ExecContext(t.Context(), "UPDATE effect SET v = v + 1 WHERE n = ?", n)
		return err
	}
	// InnoDB gives up the transaction that changed less: the other one gets weight.
	exec(t, db, "CREATE TABLE weight (n int)")
	if _, err := other.ExecContext(t.Context(), "INSERT INTO weight SELECT seq FROM seq_1_to_1000"); err != nil {
		t.Fatal(err)
	}
	if err := update(other, 2); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	_, err = ledger.InTransaction(db, ledger.MySQL).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
		if err := update(ledger.Tx(ctx), 1); err != nil {
			return nil, err
		}
		go func() { waits <- update(other, 1) }()
		if err := update(ledger.Tx(ctx), 2); err != nil {
			return nil, ledger.Classified(err)
		}
		return es, nil
	})
	if responder.Classify(err) != responder.ClassTransient || mysqlNumber(err) != 1213 {
		t.Errorf("error %v of class %q, want a deadlock, transient", err, responder.Classify(err))
	}
	if err := errors.Join(<-waits, other.Commit()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "effect WHERE v = 1"); n != 2 {
		t.Errorf("%d rows were counted up once, want both by the other transaction", n)
	}
	if n := count(t, db, "lethe_ledger"); n != 0 {
		t.Error("the claim is still there")
	}
}

func mysqlNumber(err error) uint16 {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return 0
	}
	return my.Number
}
