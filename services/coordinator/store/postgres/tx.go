package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// tries is how often a transaction is run that meets others at the wrong time.
const tries = 10

// Tx implements [store.Store].
func (s *Store) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	wait := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(2*time.Millisecond), backoff.WithMaxInterval(500*time.Millisecond), backoff.WithMaxElapsedTime(0))
	made := false
	run := func() error {
		if err := ctx.Err(); err != nil { // Retry runs once on a context that is done already
			return backoff.Permanent(err)
		}
		err := s.once(ctx, do)
		if noPartition(err) && !made { // nobody did the upkeep for months: the month begins without its partition
			made = true
			if perr := s.makePartitions(ctx); perr != nil {
				return backoff.Permanent(classify("make partitions", perr))
			}
			return err
		}
		if err != nil && !again(err) {
			return backoff.Permanent(err)
		}
		return err
	}
	err := backoff.Retry(run, backoff.WithContext(backoff.WithMaxRetries(wait, tries-1), ctx))
	if again(err) {
		return fmt.Errorf("transaction given up after %d tries: %w", tries, err)
	}
	return err
}

// tx is one try of one transaction. It begins with the first statement.
type tx struct {
	conn  *pgxpool.Conn
	queue pipeline // statements that travel with the next ones
	begun bool
	now   time.Time
	err   error // the first one: the transaction is over
	begin func() error

	known  rowset.Known
	asked  map[lifecycle.ID]bool   // by Requests, and not found
	loaded map[lifecycle.ID]*image // by Requests
	block  int64                   // of admission numbers; 0: none was fetched

	cache *cache
	rev   int64       // of what this transaction writes
	set   *rowset.Set // handed over by Save
	saved []*lifecycle.Request

	forward bool // every step that was saved stands: none met one that is higher
}

func (s *Store) once(ctx context.Context, do func(context.Context, store.Tx) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return classify("take a connection", err)
	}
	t := &tx{conn: conn, cache: s.cache, rev: rand.Int64(), forward: true}
	t.begin = func() error { return t.flush(ctx) }
	defer t.release(ctx)
	if err := do(ctx, t); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	return t.commit(ctx)
}

// release rolls back what was not committed and gives the connection back; one that cannot be rolled back is closed by the pool.
func (t *tx) release(ctx context.Context) {
	if pg := t.conn.Conn().PgConn(); !pg.IsClosed() && pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = t.conn.Exec(ctx, "ROLLBACK")
	}
	t.conn.Release()
}

// Now implements [store.Tx].
func (t *tx) Now() time.Time {
	if !t.begun && t.err == nil {
		_ = t.begin() // kept in err, and returned by the next call or by Tx
	}
	return t.now
}

// flush sends what is queued, behind the begin where the transaction has none yet.
func (t *tx) flush(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if !t.begun {
		var p pipeline
		p.exec("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
		p.query("read the clock", []any{&t.now}, func() error {
			t.now = t.now.UTC().Truncate(time.Microsecond)
			return nil
		}, "SELECT transaction_timestamp()")
		for _, q := range t.queue.batch.QueuedQueries {
			p.batch.Queue(q.SQL, q.Arguments...)
		}
		p.reads = append(p.reads, t.queue.reads...)
		t.queue, t.begun = p, true
	}
	if t.queue.empty() {
		return nil
	}
	t.err = t.queue.send(ctx, t.conn)
	return t.err
}

// Save implements [store.Tx].
func (t *tx) Save(_ context.Context, c store.Changes) error {
	if t.err != nil {
		return t.err
	}
	if t.set != nil {
		return errors.New("save: called twice")
	}
	set, err := rowset.Of(c, t.known)
	if err != nil {
		t.err = err
		return err
	}
	t.set, t.saved = set, c.Requests
	return nil
}

// commit writes what Save was given and commits, in one round trip. The relays are told after the commit and not in it: a commit
// that carries a notification waits for all others of its kind, the write to disk included.
func (t *tx) commit(ctx context.Context) error {
	if !t.begun && t.queue.empty() && (t.set == nil || t.set.Empty()) {
		return nil
	}
	if t.set != nil {
		t.write(t.set)
	}
	committed := false
	t.queue.tagged("commit", func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return fmt.Errorf("the server answered %s", tag)
		}
		committed = true
		return nil
	}, "COMMIT")
	if t.set != nil && len(t.set.Outbox) > 0 {
		t.queue.exec("notify", "SELECT pg_notify(current_schema() || '_outbox', '')")
	}
	err := t.flush(ctx)
	if committed {
		t.remember()
		return nil // whatever became of the notification: relays also look by themselves
	}
	return err
}
