package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// outbox is a relay's connection. The session locks on its shards live and die with it, so after an error it is closed: going on
// with a new connection under the old locks would let two relays publish one shard.
type outbox struct {
	conn     *pgx.Conn
	lock     int32 // class of the advisory locks; the shard is the object
	held     map[int]bool
	notified bool // since the last Wait
}

func (s *Store) openOutbox(ctx context.Context) (*outbox, error) {
	o := &outbox{lock: s.lockID("outbox"), held: map[int]bool{}}
	cfg := s.conn.Copy()
	// A deletion that a crash of the server takes back is published again, which every reader is ready for: it need not wait for the
	// disk. Commits reach the disk in order, so a parked message is never behind the deletion of its row.
	cfg.RuntimeParams["synchronous_commit"] = "off"
	// Notifications also come in with the answers to statements; a flag is all that is kept of them.
	cfg.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { o.notified = true }
	var err error
	if o.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return nil, classify("connect the outbox", err)
	}
	if _, err := o.conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.schema + "_outbox"}.Sanitize()); err != nil {
		return nil, o.lost("listen", err)
	}
	return o, nil
}

// lost closes the connection, and with it gives up every shard.
func (o *outbox) lost(what string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = o.conn.Close(ctx)
	clear(o.held)
	return classify(what, err)
}

// Acquire implements [store.Outbox]. Session locks count how often they were taken, so a shard that is held is not asked for.
func (o *outbox) Acquire(ctx context.Context, shards []int) ([]int, error) {
	want := map[int]bool{}
	var ask, give []int32
	for _, shard := range shards {
		if !want[shard] && !o.held[shard] {
			ask = append(ask, int32(shard))
		}
		want[shard] = true
	}
	for shard := range o.held {
		if !want[shard] {
			give = append(give, int32(shard))
		}
	}
	var shard int32
	var done bool
	rows, _ := o.conn.Query(ctx, `
		SELECT s, pg_try_advisory_lock($1, s), true FROM unnest($2::integer[]) s
		UNION ALL SELECT s, false, pg_advisory_unlock($1, s) FROM unnest($3::integer[]) s`, o.lock, ask, give)
	var taken bool
	_, err := pgx.ForEachRow(rows, []any{&shard, &taken, &done}, func() error {
		if taken {
			o.held[int(shard)] = true
		} else {
			delete(o.held, int(shard))
		}
		return nil
	})
	if err != nil {
		return nil, o.lost("acquire shards", err)
	}
	return slices.Sorted(maps.Keys(o.held)), nil
}

// fetchRows is how many rows of one shard a fetch looks at.
const fetchRows = 64

// Fetch implements [store.Outbox]. Each shard is read from its lowest visible id; what is over the limit of bytes stays behind.
func (o *outbox) Fetch(ctx context.Context, shards []int, maxBytes int) ([]store.OutboxRow, error) {
	ask := make([]int16, len(shards))
	for i, shard := range shards {
		ask[i] = int16(shard)
	}
	rows, _ := o.conn.Query(ctx, `
		WITH ids AS MATERIALIZED (
			SELECT o.id, sum(o.size) OVER (ORDER BY o.id) - o.size AS before FROM unnest($1::smallint[]) s
			CROSS JOIN LATERAL (SELECT id, size FROM outbox WHERE shard = s ORDER BY id LIMIT $3) o)
		SELECT o.id, o.shard, o.body FROM ids CROSS JOIN LATERAL (SELECT * FROM outbox WHERE id = ids.id OFFSET 0) o
		WHERE ids.before = 0 OR ids.before < $2 ORDER BY o.id`, ask, maxBytes, fetchRows)
	var out []store.OutboxRow
	var id int64
	var shard int16
	var body []byte
	_, err := pgx.ForEachRow(rows, []any{&id, &shard, &body}, func() error {
		frame, err := unpackFrame(body)
		if err != nil {
			return err
		}
		ms, err := rowset.DecodeFrame(int(shard), frame)
		out = append(out, store.OutboxRow{ID: id, Shard: int(shard), Messages: ms})
		return err
	})
	if err != nil {
		return nil, o.lost("fetch outbox rows", err)
	}
	return out, nil
}

// Delete implements [store.Outbox].
func (o *outbox) Delete(ctx context.Context, ids []int64) error {
	if _, err := o.conn.Exec(ctx, `DELETE FROM outbox WHERE id = ANY ($1)`, ids); err != nil {
		return o.lost("delete outbox rows", err)
	}
	return nil
}

// Park implements [store.Outbox].
func (o *outbox) Park(ctx context.Context, m store.Message, code string) error {
	body := rowset.EncodeFrame([]store.Message{m})
	digest := sha256.Sum256(body)
	_, err := o.conn.Exec(ctx, `INSERT INTO outbox_parked (sha256, code, topic, shard, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		digest[:], code, m.Topic, m.Shard, body)
	if err != nil {
		return o.lost("park a message", err)
	}
	return nil
}

// Wait implements [store.Outbox].
func (o *outbox) Wait(ctx context.Context, d time.Duration) error {
	defer func() { o.notified = false }()
	if o.notified {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := o.conn.PgConn().WaitForNotification(wait)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(wait.Err(), context.DeadlineExceeded) && !o.conn.IsClosed():
		return nil
	}
	return o.lost("wait for outbox rows", err)
}

// Close implements [store.Outbox].
func (o *outbox) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	clear(o.held)
	return o.conn.Close(ctx)
}
