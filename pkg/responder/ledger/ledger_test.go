package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

var epoch = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// place is a fresh database and a way to open the ledger in it once more, as another instance would.
type place struct {
	dialect ledger.Dialect
	beside  bool
	open    func(t *testing.T) *sql.DB
}

func (p place) ledger(t *testing.T) (*ledger.Ledger, *sql.DB) {
	db := p.open(t)
	if p.beside {
		return ledger.Beside(db, p.dialect), db
	}
	return ledger.InTransaction(db, p.dialect), db
}

// everywhere runs a test on every database, with the ledger in the transaction and beside it.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	for _, d := range []ledger.Dialect{ledger.SQLite, ledger.Postgres, ledger.MySQL} {
		for _, beside := range []bool{false, true} {
			name := string(d) + "_in_transaction"
			if beside {
				name = string(d) + "_beside"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, place{dialect: d, beside: beside, open: opener(t, d)})
			})
		}
	}
}

func opener(t *testing.T, d ledger.Dialect) func(t *testing.T) *sql.DB {
	if d == ledger.MySQL {
		address := freshDatabase(t)
		return func(t *testing.T) *sql.DB {
			t.Helper()
			db, err := ledger.OpenMySQL(address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return db
		}
	}
	driver, dsn := "sqlite", ""
	if d == ledger.Postgres {
		driver, dsn = "pgx", freshSchema(t)
	} else {
		dsn = "file:" + filepath.Join(t.TempDir(), "ledger.db") + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	}
	return func(t *testing.T) *sql.DB {
		t.Helper()
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

// freshDatabase makes a database in the MariaDB of the tests.
func freshDatabase(t *testing.T) string {
	t.Helper()
	base := os.Getenv("LETHE_TEST_MARIADB")
	if base == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	admin, err := ledger.OpenMySQL(base + "mysql")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("ledger_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name)
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	return base + name
}

func freshSchema(t *testing.T) string {
	t.Helper()
	base := os.Getenv("LETHE_TEST_POSTGRES")
	if base == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("ledger_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func key(n int) dsr.Key {
	return dsr.Key{RequestID: dsr.RequestID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)), System: "shop", Phase: dsr.Act, Round: 1}
}

func claims(attempt int32, ns ...int) []responder.Entry {
	es := make([]responder.Entry, len(ns))
	for i, n := range ns {
		es[i] = responder.Entry{Key: key(n), Attempt: attempt}
	}
	return es
}

// answer settles whatever is open with bytes that name the step and the worker.
func answer(worker string, saw *[]responder.Entry) func(context.Context, []responder.Entry) ([]responder.Entry, error) {
	return func(_ context.Context, open []responder.Entry) ([]responder.Entry, error) {
		*saw = append(*saw, slices.Clone(open)...)
		for i := range open {
			open[i].State = dsr.AckAnswered
			open[i].Ack = fmt.Appendf(nil, "%s by %s", open[i].Key.RequestID[30:], worker)
		}
		return open, nil
	}
}

func step(t *testing.T, l *ledger.Ledger, at time.Time, mode responder.Mode, es []responder.Entry, do func(context.Context, []responder.Entry) ([]responder.Entry, error)) []responder.Entry {
	t.Helper()
	out, err := l.Step(t.Context(), at, mode, es, do)
	if err != nil {
		t.Fatalf("step: %v", err)
	}
	return out
}

func acks(es []responder.Entry) []string {
	var out []string
	for _, e := range es {
		out = append(out, string(e.Ack))
	}
	return out
}

func settleAs(f func(*responder.Entry)) func(context.Context, []responder.Entry) ([]responder.Entry, error) {
	return func(_ context.Context, es []responder.Entry) ([]responder.Entry, error) {
		for i := range es {
			f(&es[i])
		}
		return es, nil
	}
}

// schema runs the statements one by one, as every driver can.
func schema(t *testing.T, db *sql.DB, d ledger.Dialect) {
	t.Helper()
	for statement := range strings.SplitSeq(strings.TrimSuffix(ledger.Schema(d), ";\n"), ";\n") {
		exec(t, db, statement)
	}
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSeveralInstancesStartAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		var g errgroup.Group
		for i := range 6 {
			l, _ := p.ledger(t)
			g.Go(func() error {
				for {
					_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, i), answer("x", new([]responder.Entry)))
					busy := err != nil && p.dialect == ledger.SQLite && strings.Contains(err.Error(), "SQLITE_BUSY")
					if !busy && responder.Classify(err) != responder.ClassUnavailable || t.Context().Err() != nil {
						return err // a file that is busy or away: the runtime tries again, and so does this
					}
				}
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTheClockIsTheDatabases, whatever time zone a session has.
func TestTheClockIsTheDatabases(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		if p.dialect != ledger.SQLite {
			db.SetMaxOpenConns(1)
			if _, err := db.ExecContext(t.Context(), map[ledger.Dialect]string{ledger.Postgres: "SET TimeZone = 'Asia/Kolkata'", ledger.MySQL: "SET time_zone = '+05:30'"}[p.dialect]); err != nil {
				t.Fatal(err)
			}
		}
		before := time.Now()
		got, err := l.Now(t.Context())
		if after := time.Now(); err != nil || got.Before(before.Add(-time.Second)) || got.After(after.Add(time.Second)) { // on one machine it is the same one
			t.Errorf("it is %s (%v), asked between %s and %s", got, err, before, after)
		}
	})
}

func TestTablesMadeBeforehandAreUsed(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		schema(t, db, p.dialect)
		schema(t, db, p.dialect) // twice changes nothing
		step(t, l, epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
	})
}

func TestTablesOfALaterBuildAreRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		schema(t, db, p.dialect)
		exec(t, db, "INSERT INTO lethe_ledger_version VALUES (99)")
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
		if err == nil || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("error %v, want one that names version 99", err)
		}
	})
}

func TestOneConnectionIsEnough(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		db.SetMaxOpenConns(1)
		step(t, l, epoch, responder.Deliver, claims(1, 1, 2), answer("x", new([]responder.Entry)))
	})
}

func TestALedgerSaysOnceThatItsTablesAreNew(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		made := func(l *ledger.Ledger, want bool) {
			t.Helper()
			if got, err := l.Made(t.Context()); err != nil || got != want {
				t.Errorf("made %v (%v), want %v", got, err, want)
			}
		}
		l, _ := p.ledger(t)
		made(l, true)
		made(l, false)
		other, _ := p.ledger(t)
		made(other, false)
	})
}
