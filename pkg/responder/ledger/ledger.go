package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Dialect names the database.
type Dialect string

// The databases that a ledger can stand in.
const (
	Postgres Dialect = "postgres"
	MySQL    Dialect = "mysql" // MariaDB and MySQL: open them with [OpenMySQL]
	SQLite   Dialect = "sqlite"
)

// Ledger is a [responder.Ledger] in SQL. It is safe for concurrent use.
type Ledger struct {
	db     *sql.DB
	beside bool
	sql    statements

	mu    sync.Mutex
	ready bool
	made  bool // the tables, by this process
}

var (
	_ responder.Ledger = (*Ledger)(nil)
	_ responder.Timed  = (*Ledger)(nil)
)

// InTransaction keeps the ledger in the system's own database, in the transaction in which the system acts: take it with [Tx].
func InTransaction(db *sql.DB, d Dialect) *Ledger { return &Ledger{db: db, sql: statementsFor(d)} }

// Beside keeps the ledger in a database of its own, for a system that has no transactions or may hold no further table.
func Beside(db *sql.DB, d Dialect) *Ledger {
	return &Ledger{db: db, sql: statementsFor(d), beside: true}
}

type txKey struct{}

// Tx returns the transaction of the step that is being worked, nil where the ledger is beside the system. It belongs to the
// ledger: use it, neither commit nor roll it back, and undo with a savepoint what a dispatch that fails alone has done. On MySQL a
// deadlock (1213) has undone all of it, the claim included: return that error, and do nothing more.
func Tx(ctx context.Context) *sql.Tx {
	tx, _ := ctx.Value(txKey{}).(*sql.Tx)
	return tx
}

// Step implements [responder.Ledger].
func (l *Ledger) Step(ctx context.Context, at time.Time, mode responder.Mode, entries []responder.Entry,
	do func(context.Context, []responder.Entry) ([]responder.Entry, error),
) ([]responder.Entry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	// Rows are locked in the order of their keys, so that two batches that share some wait for each other only one way.
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b responder.Entry) int { return compare(a.Key, b.Key) })
	for i := range sorted[1:] {
		if sorted[i].Key == sorted[i+1].Key {
			return nil, responder.Permanent(errors.New("claim steps: the same step twice in one batch"))
		}
	}
	var stand map[dsr.Key]responder.Entry
	var err error
	if l.beside {
		stand, err = l.stepBeside(ctx, at, mode, entries, sorted, do)
	} else {
		stand, err = l.stepInside(ctx, at, mode, entries, sorted, do)
	}
	if err != nil {
		return nil, err
	}
	out := make([]responder.Entry, len(entries))
	for i, e := range entries {
		out[i] = stand[e.Key]
	}
	return out, nil
}

type doFunc = func(context.Context, []responder.Entry) ([]responder.Entry, error)

// stepInside claims as the transaction's first statement: a rival blocks there until this one has committed. Had it read
// first, it would find the rows gone, and acknowledge 0 for what the ledger holds as 5.
func (l *Ledger) stepInside(ctx context.Context, at time.Time, mode responder.Mode, entries, sorted []responder.Entry, do doFunc) (map[dsr.Key]responder.Entry, error) {
	var stand map[dsr.Key]responder.Entry
	err := l.tx(ctx, func(tx *sql.Tx) error {
		rows, err := l.sql.claim(ctx, tx, sorted, at, mode)
		if err != nil {
			return Classified(fmt.Errorf("claim %d steps: %w", len(sorted), err))
		}
		stand, err = l.work(context.WithValue(ctx, txKey{}, tx), tx, at, mode, entries, rows, do)
		return err
	})
	return stand, err
}

// stepBeside makes the claim durable, then locks the rows for as long as the effect takes. The lock is what a rival waits
// for; it goes with the connection, so that the steps of a process that died are free at once.
func (l *Ledger) stepBeside(ctx context.Context, at time.Time, mode responder.Mode, entries, sorted []responder.Entry, do doFunc) (map[dsr.Key]responder.Entry, error) {
	lock := l.sql.lock
	if mode == responder.Poll { // it begins nothing that would have to be known after a death
		lock = func(ctx context.Context, tx *sql.Tx, sorted []responder.Entry) ([]row, error) {
			return l.sql.claim(ctx, tx, sorted, at, mode)
		}
	} else if err := l.tx(ctx, func(tx *sql.Tx) error {
		if _, err := l.sql.claim(ctx, tx, sorted, at, mode); err != nil {
			return Classified(fmt.Errorf("claim %d steps: %w", len(sorted), err))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var stand map[dsr.Key]responder.Entry
	err := l.tx(ctx, func(tx *sql.Tx) error {
		rows, err := lock(ctx, tx, sorted)
		if err != nil {
			return Classified(fmt.Errorf("lock %d steps: %w", len(sorted), err))
		}
		stand, err = l.work(ctx, tx, at, mode, entries, rows, do)
		return err
	})
	return stand, err
}

// work gives do what is open among the rows and settles what it returns.
func (l *Ledger) work(ctx context.Context, tx *sql.Tx, at time.Time, mode responder.Mode, entries []responder.Entry, rows []row, do doFunc) (map[dsr.Key]responder.Entry, error) {
	stand := make(map[dsr.Key]responder.Entry, len(rows))
	tries := make(map[dsr.Key]int64, len(rows))
	for _, r := range rows {
		stand[r.Key] = r.Entry
		tries[r.Key] = r.tries - r.settled
	}
	var open []responder.Entry
	for _, e := range entries {
		r, ok := stand[e.Key]
		if !ok {
			return nil, responder.Transient(errors.New("claim steps: a row that was just claimed is gone"))
		}
		if mode == responder.Poll && r.State == responder.Claimed {
			return nil, responder.ErrNoStep // and the claim that was just made is undone
		}
		if !r.Open(e.Attempt, mode) {
			continue
		}
		// An unsettled try besides this one may have acted. A poll begins nothing and is not counted among the tries.
		others := tries[e.Key]
		if mode != responder.Poll {
			others--
		}
		r.Resumed = r.Resumed || others > 0
		r.Attempt = max(r.Attempt, e.Attempt)
		open = append(open, r)
	}
	if len(open) == 0 {
		return stand, nil
	}
	tickets := make([]string, len(open))
	for i, e := range open {
		tickets[i] = e.Ticket
	}
	done, err := do(ctx, open)
	if err != nil {
		return nil, err
	}
	if len(done) != len(open) {
		return nil, responder.Permanent(fmt.Errorf("settle steps: %d of %d were worked", len(done), len(open)))
	}
	if !l.beside { // what a try leaves unsettled here is undone with it; only an order given to others is not
		for i := range done {
			done[i].Resumed = done[i].Resumed && tickets[i] != ""
		}
	}
	settled := slices.SortedFunc(slices.Values(done), func(a, b responder.Entry) int { return compare(a.Key, b.Key) })
	if err := l.sql.settle(ctx, tx, settled, at); err != nil {
		if aborted(err) { // an error of the system's that it kept to itself; waiting for the database would not help
			return nil, responder.Permanent(fmt.Errorf("settle %d steps: the system left its transaction broken, it must undo to a savepoint: %w", len(settled), err))
		}
		return nil, Classified(fmt.Errorf("settle %d steps: %w", len(settled), err))
	}
	for i, e := range done {
		if e.Key != open[i].Key {
			return nil, responder.Permanent(errors.New("settle steps: not those that were claimed, or in another order"))
		}
		e.DoneAt = at
		stand[e.Key] = e
	}
	return stand, nil
}

// Due implements [responder.Ledger].
func (l *Ledger) Due(ctx context.Context, system string, at time.Time, lease time.Duration, limit int) ([]responder.Entry, error) {
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	var rows []row
	err := l.tx(ctx, func(tx *sql.Tx) error {
		var err error
		if rows, err = l.sql.due(ctx, tx, system, at, at.Add(lease), limit); err != nil {
			return Classified(fmt.Errorf("take due steps of %s: %w", system, err))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.FirstAt.Compare(b.FirstAt), compare(a.Key, b.Key)) })
	entries := make([]responder.Entry, len(rows))
	for i, r := range rows {
		entries[i] = r.Entry
	}
	return entries, nil
}

// Published implements [responder.Ledger].
func (l *Ledger) Published(ctx context.Context, keys []dsr.Key) error {
	if len(keys) == 0 {
		return nil
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	return l.tx(ctx, func(tx *sql.Tx) error {
		if err := l.sql.published(ctx, tx, slices.SortedFunc(slices.Values(keys), compare)); err != nil {
			return Classified(fmt.Errorf("mark %d steps as published: %w", len(keys), err))
		}
		return nil
	})
}

// Now implements [responder.Timed].
func (l *Ledger) Now(ctx context.Context) (time.Time, error) {
	if l.sql.clock == "" {
		return time.Now(), nil
	}
	var micros int64
	if err := l.db.QueryRowContext(ctx, l.sql.clock).Scan(&micros); err != nil {
		return time.Time{}, Classified(fmt.Errorf("ask the ledger for the time: %w", err))
	}
	return time.UnixMicro(micros), nil
}

// trimChunk bounds how many rows one statement of Trim deletes, and with it how long it holds them.
const trimChunk = 5000

// Trim implements [responder.Ledger].
func (l *Ledger) Trim(ctx context.Context, system string, before time.Time) (int64, error) {
	if err := l.prepare(ctx); err != nil {
		return 0, err
	}
	var total int64
	for {
		var n int64
		err := l.tx(ctx, func(tx *sql.Tx) error {
			var err error
			if n, err = l.sql.trim(ctx, tx, system, before, trimChunk); err != nil {
				return Classified(fmt.Errorf("trim the ledger of %s: %w", system, err))
			}
			return nil
		})
		total += n
		if err != nil || n < trimChunk {
			return total, err
		}
	}
}

// tx runs do in one transaction. The rollback also runs when do panics.
func (l *Ledger) tx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, l.sql.begin)
	if err != nil {
		return Classified(fmt.Errorf("begin: %w", err))
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do; after an error that one is returned
	if l.sql.begun != "" {
		if _, err := tx.ExecContext(ctx, l.sql.begun); err != nil {
			return Classified(fmt.Errorf("begin: %w", err))
		}
	}
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return Classified(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// compare orders keys byte by byte, as the databases are told to.
func compare(a, b dsr.Key) int {
	return cmp.Or(
		cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.System, b.System),
		cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Round, b.Round),
	)
}

// Ping reports whether the ledger's database answers.
func (l *Ledger) Ping(ctx context.Context) error {
	return Classified(l.db.PingContext(ctx))
}
