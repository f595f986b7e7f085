package ledger_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

func TestErrorsAreClassified(t *testing.T) {
	t.Run("a_NUL_that_PostgreSQL_refuses_is_permanent", func(t *testing.T) {
		p := place{dialect: ledger.Postgres, open: opener(t, ledger.Postgres)}
		l, _ := p.ledger(t)
		es := claims(1, 1)
		es[0].Key.Tenant = "a\x00b"
		_, err := l.Step(t.Context(), epoch, responder.Deliver, es, answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("error %v of class %q, want permanent", err, responder.Classify(err))
		}
	})
	t.Run("a_transaction_that_the_system_broke_and_kept_is_permanent", func(t *testing.T) {
		p := place{dialect: ledger.Postgres, open: opener(t, ledger.Postgres)}
		l, _ := p.ledger(t)
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
			_, _ = ledger.Tx(ctx).ExecContext(ctx, "SELECT 1/0")
			return answer("x", new([]responder.Entry))(ctx, es)
		})
		if responder.Classify(err) != responder.ClassPermanent || !strings.Contains(err.Error(), "savepoint") {
			t.Errorf("error %v of class %q, want a permanent one that names the savepoint", err, responder.Classify(err))
		}
	})
	t.Run("a_tenant_that_is_too_long_for_MySQL_is_permanent", func(t *testing.T) {
		l, _ := place{dialect: ledger.MySQL, open: opener(t, ledger.MySQL)}.ledger(t)
		es := claims(1, 1)
		es[0].Key.Tenant = strings.Repeat("a", 256)
		_, err := l.Step(t.Context(), epoch, responder.Deliver, es, answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("error %v of class %q, want permanent", err, responder.Classify(err))
		}
	})
	t.Run("a_MySQL_that_is_away_is_unavailable", func(t *testing.T) {
		db, err := ledger.OpenMySQL("mysql://nobody@127.0.0.1:1/none")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = ledger.Beside(db, ledger.MySQL).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassUnavailable {
			t.Errorf("error %v of class %q, want unavailable", err, responder.Classify(err))
		}
	})
	t.Run("a_database_that_is_away_is_unavailable", func(t *testing.T) {
		for dialect, dsn := range map[ledger.Dialect][2]string{
			ledger.Postgres: {"pgx", "postgres://nobody@127.0.0.1:1/none?sslmode=disable"},
			ledger.SQLite:   {"sqlite", "file:" + filepath.Join(t.TempDir(), "missing", "ledger.db")},
		} {
			db, err := sql.Open(dsn[0], dsn[1])
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			_, err = ledger.Beside(db, dialect).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
			if responder.Classify(err) != responder.ClassUnavailable {
				t.Errorf("%s: error %v of class %q, want unavailable", dialect, err, responder.Classify(err))
			}
		}
	})
}
