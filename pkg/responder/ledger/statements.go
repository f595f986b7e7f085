package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// statements is what the databases say differently. Each query takes a whole batch as one argument list of fixed length, so
// that it is prepared once whatever the batch's size.
type statements struct {
	dialect   Dialect
	begin     *sql.TxOptions
	begun     string // the first statement of every transaction, where there is one
	clock     string // microseconds since 1970 by the database's clock; empty: it has none but its machine's
	exists    string // a boolean: is there a version table?
	serialise string // makes a rival's migration wait; on SQLite also makes the version table, as its write lock
	release   string // where DDL commits: ends what serialise began in the session
	claimSQL  string
	claimed   string // reads the rows of a claim; empty: the claim returns them
	lockSQL   string
	settleSQL string
	dueSQL    string
	leaseSQL  string // leases the rows of dueSQL; empty: that does so itself
	pubSQL    string
	trimSQL   string

	keys    func([]dsr.Key) []any
	claims  func([]responder.Entry, time.Time, responder.Mode) []any
	settles func([]responder.Entry, time.Time) []any
	dues    func(system string, at, until time.Time, limit int) []any
	trims   func(system string, before int64, limit int) []any
}

// numberedDues and numberedTrims are the arguments of queries whose parameters have numbers.
func numberedDues(system string, at, until time.Time, limit int) []any {
	return []any{system, at.UnixMicro(), until.UnixMicro(), limit}
}

func numberedTrims(system string, before int64, limit int) []any { return []any{system, before, limit} }

func statementsFor(d Dialect) statements {
	switch d {
	case Postgres:
		return postgresStatements
	case MySQL:
		return mysqlStatements
	case SQLite:
		return sqliteStatements
	}
	panic(fmt.Sprintf("ledger: no dialect %q", d)) // a programmer's error: there are three constants
}

// row is an entry as it stands in the table.
type row struct {
	responder.Entry
	tries, settled int64
}

// columns are what scan reads.
const columns = `l.tenant, l.request_id, l.system, l.phase, l.round, l.attempt, l.state, l.tries, l.settled, l.resumed,
	l.first_at, l.done_at, l.due_at, l.deferred_at, l.deadline, l.ticket, l.progress, l.source, l.ack, l.evidence`

// found is 1 where a claim of the mode begins a try, and 0 where not: Entry.Open in SQL, save that a poll begins nothing.
const found = `CASE
	WHEN l.state = 'claimed' THEN 1
	WHEN l.state = 'failed' AND %[1]s = 1 AND excluded.attempt > l.attempt THEN 1
	WHEN l.state = 'delayed' AND (%[1]s = 2 OR excluded.attempt > l.attempt) THEN 1
	ELSE 0 END`

func (s statements) claim(ctx context.Context, tx *sql.Tx, sorted []responder.Entry, at time.Time, mode responder.Mode) ([]row, error) {
	if s.claimed == "" {
		return s.query(ctx, tx, s.claimSQL, s.claims(sorted, at, mode))
	}
	if _, err := tx.ExecContext(ctx, s.claimSQL, s.claims(sorted, at, mode)...); err != nil {
		return nil, err
	}
	return s.query(ctx, tx, s.claimed, s.keys(entryKeys(sorted)))
}

func (s statements) lock(ctx context.Context, tx *sql.Tx, sorted []responder.Entry) ([]row, error) {
	return s.query(ctx, tx, s.lockSQL, s.keys(entryKeys(sorted)))
}

func (s statements) settle(ctx context.Context, tx *sql.Tx, sorted []responder.Entry, at time.Time) error {
	res, err := tx.ExecContext(ctx, s.settleSQL, s.settles(sorted, at)...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && int(n) != len(sorted) {
		err = fmt.Errorf("only %d of them are there", n)
	}
	return err
}

func (s statements) due(ctx context.Context, tx *sql.Tx, system string, at, until time.Time, limit int) ([]row, error) {
	rows, err := s.query(ctx, tx, s.dueSQL, s.dues(system, at, until, limit))
	if err != nil || s.leaseSQL == "" || len(rows) == 0 {
		return rows, err
	}
	keys := make([]dsr.Key, len(rows))
	for i := range rows {
		rows[i].DueAt, keys[i] = instant(until.UnixMicro()), rows[i].Key
	}
	_, err = tx.ExecContext(ctx, s.leaseSQL, append(s.keys(keys), until.UnixMicro())...)
	return rows, err
}

func (s statements) published(ctx context.Context, tx *sql.Tx, sorted []dsr.Key) error {
	_, err := tx.ExecContext(ctx, s.pubSQL, s.keys(sorted)...)
	return err
}

func (s statements) trim(ctx context.Context, tx *sql.Tx, system string, before time.Time, limit int) (int64, error) {
	res, err := tx.ExecContext(ctx, s.trimSQL, s.trims(system, before.UnixMicro(), limit)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s statements) query(ctx context.Context, tx *sql.Tx, query string, args []any) ([]row, error) {
	rs, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var rows []row
	for rs.Next() {
		var r row
		var first, done, due, deferred, deadline int64
		err := rs.Scan(&r.Key.Tenant, &r.Key.RequestID, &r.Key.System, &r.Key.Phase, &r.Key.Round, &r.Attempt, &r.State, &r.tries, &r.settled, &r.Resumed,
			&first, &done, &due, &deferred, &deadline, &r.Ticket, &r.Progress, &r.Source, &r.Ack, &r.Evidence)
		if err != nil {
			return nil, err
		}
		r.FirstAt, r.DoneAt, r.DueAt, r.DeferredAt, r.Deadline = instant(first), instant(done), instant(due), instant(deferred), instant(deadline)
		rows = append(rows, r)
	}
	return rows, rs.Err()
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
