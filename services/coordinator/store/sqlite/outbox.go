package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// outbox is a relay's side. The file belongs to one process, so who holds a shard is known in memory.
type outbox struct {
	s      *Store
	held   map[int]bool // guarded by s.mu
	seen   uint64       // commits up to the last Wait
	closed bool
}

var errClosed = &store.UnavailableError{Err: errors.New("the outbox was closed")}

// Outbox implements [store.Store].
func (s *Store) Outbox(ctx context.Context) (store.Outbox, error) {
	if err := s.db.PingContext(ctx); err != nil {
		return nil, classify("open the outbox", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &outbox{s: s, held: map[int]bool{}, seen: s.commit}, nil
}

// notify wakes everybody who waits for rows.
func (s *Store) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commit++
	close(s.added)
	s.added = make(chan struct{})
}

// Acquire implements [store.Outbox].
func (o *outbox) Acquire(_ context.Context, shards []int) ([]int, error) {
	if o.closed {
		return nil, errClosed
	}
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	for shard := range o.held {
		if !slices.Contains(shards, shard) {
			delete(o.held, shard)
			delete(o.s.shards, shard)
		}
	}
	for _, shard := range shards {
		if o.s.shards[shard] == nil {
			o.s.shards[shard], o.held[shard] = o, true
		}
	}
	return slices.Sorted(maps.Keys(o.held)), nil
}

// fetchRows is how many rows a fetch looks at.
const fetchRows = 1024

// Fetch implements [store.Outbox].
func (o *outbox) Fetch(ctx context.Context, shards []int, maxBytes int) (out []store.OutboxRow, err error) {
	if o.closed {
		return nil, errClosed
	}
	ask, err := json.Marshal(shards)
	if err != nil {
		return nil, fmt.Errorf("encode shards: %w", err)
	}
	var id int64
	var shard int
	var body []byte
	err = forEachRow(ctx, o.s.db, []any{&id, &shard, &body}, func() error {
		ms, err := rowset.DecodeFrame(shard, body)
		out = append(out, store.OutboxRow{ID: id, Shard: shard, Messages: ms})
		return err
	}, `
		SELECT id, shard, body FROM outbox WHERE id IN (
			SELECT id FROM (SELECT id, sum(length(body)) OVER (ORDER BY id) - length(body) AS before FROM (
				SELECT id, body FROM outbox WHERE shard IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?))
			WHERE before = 0 OR before < ?)
		ORDER BY id`, string(ask), fetchRows, maxBytes)
	return out, classify("fetch outbox rows", err)
}

// Delete implements [store.Outbox].
func (o *outbox) Delete(ctx context.Context, ids []int64) error {
	if o.closed {
		return errClosed
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("encode ids: %w", err)
	}
	_, err = o.s.db.ExecContext(ctx, `DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))`, string(list))
	return classify("delete outbox rows", err)
}

// Park implements [store.Outbox].
func (o *outbox) Park(ctx context.Context, m store.Message, code string) error {
	if o.closed {
		return errClosed
	}
	body := rowset.EncodeFrame([]store.Message{m})
	digest := sha256.Sum256(body)
	_, err := o.s.db.ExecContext(ctx, `
		INSERT INTO outbox_parked (sha256, parked_at, code, topic, shard, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		digest[:], nowMicros(), code, m.Topic, m.Shard, body)
	return classify("park a message", err)
}

// Wait implements [store.Outbox].
func (o *outbox) Wait(ctx context.Context, d time.Duration) error {
	if o.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o.s.mu.Lock()
	commit, added := o.s.commit, o.s.added
	o.s.mu.Unlock()
	if commit != o.seen {
		o.seen = commit
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-added:
		o.seen = commit + 1
	}
	return nil
}

// Close implements [store.Outbox].
func (o *outbox) Close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	for shard := range o.held {
		delete(o.s.shards, shard)
	}
	clear(o.held)
	return nil
}
