package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// tx is a transaction. It has the only connection, so what it reads nobody changes.
type tx struct {
	tx    *sql.Tx
	now   time.Time
	err   error // the first one: the transaction is over
	known rowset.Known
	saved *rowset.Set
}

// Tx implements [store.Store]. Transactions run one after the other, so none has to begin again.
func (s *Store) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	sqlTx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return classify("begin", err)
	}
	defer sqlTx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	t := &tx{tx: sqlTx, now: s.tick()}
	if err := do(ctx, t); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	if err := sqlTx.Commit(); err != nil {
		return classify("commit", err)
	}
	if t.saved != nil && len(t.saved.Outbox) > 0 {
		s.notify()
	}
	return nil
}

// tick is the clock: that of the machine, which never goes back while the store is open.
func (s *Store) tick() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if now.Before(s.last) {
		now = s.last
	}
	s.last = now
	return now
}

// Now implements [store.Tx].
func (t *tx) Now() time.Time { return t.now }

// fail keeps the first error.
func (t *tx) fail(err error) error {
	if err != nil && t.err == nil {
		t.err = err
	}
	return err
}

// query calls read for each row of the answer, after scanning it into dest.
func (t *tx) query(ctx context.Context, what string, dest []any, read func() error, query string, args ...any) error {
	if t.err != nil {
		return t.err
	}
	return t.fail(classify(what, forEachRow(ctx, t.tx, dest, read, query, args...)))
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func forEachRow(ctx context.Context, db querier, dest []any, read func() error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// each runs a statement for each of n rows. A context that can end costs a goroutine a row, so the rows are written without one:
// the transaction itself still has it.
func (t *tx) each(ctx context.Context, what string, n int, query string, args func(i int) []any) error {
	if t.err != nil || n == 0 {
		return t.err
	}
	ctx = context.WithoutCancel(ctx)
	stmt, err := t.tx.PrepareContext(ctx, query)
	if err != nil {
		return t.fail(classify(what, err))
	}
	defer stmt.Close() //nolint:errcheck // the transaction closes it too
	for i := range n {
		if _, err := stmt.ExecContext(ctx, args(i)...); err != nil {
			return t.fail(classify(what, err))
		}
	}
	return nil
}

// idList is request ids as the JSON that a statement joins: [[tenant, request id], …].
func idList(ids []lifecycle.ID) (string, error) {
	pairs := make([][2]string, len(ids))
	for i, id := range ids {
		if err := rowset.CheckID(id); err != nil {
			return "", err
		}
		pairs[i] = [2]string{id.Tenant, string(id.RequestID)}
	}
	return list(pairs)
}

// subjectList is subjects as JSON: [[tenant, pseudonym in hexadecimal], …].
func subjectList(subjects []store.Subject) (string, error) {
	pairs := make([][2]string, len(subjects))
	for i, s := range subjects {
		if err := rowset.CheckSubject(s); err != nil {
			return "", err
		}
		pairs[i] = [2]string{s.Tenant, hex.EncodeToString([]byte(s.Ref))}
	}
	return list(pairs)
}

func list(pairs [][2]string) (string, error) {
	doc, err := json.Marshal(pairs)
	if err != nil {
		return "", fmt.Errorf("encode keys: %w", err)
	}
	return string(doc), nil
}

// micros makes the zero time null.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// instant makes null the zero time.
func instant(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}

var errTwice = errors.New("save: called twice")
