package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

const (
	relayBytes   = 4 << 20         // of messages published at a time
	relayIdle    = time.Second     // how long it sleeps when nothing tells it of new rows
	relayGrace   = 5 * time.Second // how long what is in hand may take when the instance is told to stop
	relayAcquire = 5 * time.Second // how often it tries for shards that another instance holds
)

// runRelay publishes the outbox. Each shard is published by one instance at a time, which holds it by a session lock, in the
// order of the rows' ids among those that are visible; rows go once everything in them was acknowledged by the broker. Dying
// between the two publishes again: every reader is idempotent, and statuses carry a version.
func (c *Coordinator) runRelay(ctx context.Context) error {
	return (&relay{Coordinator: c, inDoubt: map[lifecycle.ID]bool{}}).run(ctx)
}

// relay is the publishing side of one instance.
type relay struct {
	*Coordinator
	// inDoubt are the requests whose statuses were in hand when a session was lost. Others may have taken the shards over and
	// published newer statuses before these were written; compaction would keep what was written last.
	inDoubt map[lifecycle.ID]bool
}

func (c *relay) run(ctx context.Context) error {
	b := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond), backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
	lost := false // and said so: a store that is away for hours is one line
	works := func() {
		b.Reset()
		if lost {
			lost = false
			c.log.InfoContext(ctx, "relay publishes again")
		}
	}
	for ctx.Err() == nil {
		err := c.session(ctx, works)
		if ctx.Err() != nil {
			break
		}
		if !lost {
			lost = true
			c.log.WarnContext(ctx, "relay lost its connection and begins again", "error", err)
		}
		timer := time.NewTimer(b.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	if len(c.inDoubt) > 0 {
		c.log.WarnContext(ctx, "relay stopped before it could publish statuses once more that may stand out of turn", "requests", len(c.inDoubt))
	}
	return nil
}

// session publishes until the connection, and with it the shards, are lost.
func (c *relay) session(ctx context.Context, published func()) error {
	out, err := c.store.Outbox(ctx)
	if err != nil {
		return fmt.Errorf("open outbox: %w", err)
	}
	defer func() { _ = out.Close() }() // the session is over, its locks go with it
	all := make([]int, c.cfg.Shards)
	for i := range all {
		all[i] = i
	}
	var held []int
	var tried, restated time.Time
	for ctx.Err() == nil {
		if len(held) < len(all) && time.Since(tried) >= relayAcquire {
			if held, err = out.Acquire(ctx, all); err != nil {
				return fmt.Errorf("acquire shards: %w", err)
			}
			tried = time.Now()
		}
		n := 0
		if len(held) > 0 {
			if n, err = c.publish(ctx, out, held); err != nil {
				return err
			}
			published()
		}
		// Nothing is added before something was published, or nothing is there: what cannot be would only become more.
		if len(c.inDoubt) > 0 && time.Since(restated) >= relayAcquire {
			c.restate(ctx)
			restated = time.Now()
			continue
		}
		if n == 0 {
			if err := out.Wait(ctx, relayIdle); err != nil {
				return fmt.Errorf("wait for rows: %w", err)
			}
		}
	}
	return ctx.Err()
}

// publish sends the oldest rows and removes them. A message that the broker will never take is parked; its shard goes on. What
// is in hand when ctx ends is finished, or whoever takes over the shards would be overtaken by it.
func (c *relay) publish(ctx context.Context, out store.Outbox, shards []int) (rows int, err error) {
	batch, err := out.Fetch(ctx, shards, relayBytes)
	if err != nil {
		return 0, fmt.Errorf("fetch outbox: %w", err)
	}
	if len(batch) == 0 {
		return 0, nil
	}
	ctx, cancel := outlive(ctx, relayGrace)
	defer cancel()
	var from []store.Message
	ids := make([]int64, len(batch))
	for i, row := range batch {
		ids[i] = row.ID
		from = append(from, row.Messages...)
	}
	msgs := make([]kafka.Message, len(from))
	for i, m := range from {
		msgs[i] = kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: toKafka(m.Headers)}
	}
	defer func() {
		if err != nil {
			c.doubt(ctx, from)
		}
	}()
	crash("relay.fetched")
	parked := 0
	end := c.trace.send(ctx, msgs)
	err = c.cfg.Producer.Send(ctx, msgs)
	end(err)
	if err != nil {
		var failed *kafka.SendError
		if !errors.As(err, &failed) {
			return 0, fmt.Errorf("publish outbox: %w", err)
		}
		parked = len(failed.Failed)
		for _, f := range failed.Failed {
			var large *kafka.TooLargeError
			if !errors.As(f.Err, &large) {
				return 0, fmt.Errorf("publish outbox: %w", err)
			}
			c.log.ErrorContext(ctx, "message is over the broker's limit and was parked", "topic", f.Topic, "size_bytes", large.Size, "limit_bytes", large.Limit)
			if err := out.Park(ctx, from[f.Index], causeOversize); err != nil {
				return 0, fmt.Errorf("park message: %w", err)
			}
		}
	}
	crash("relay.published")
	if err := out.Delete(ctx, ids); err != nil {
		return 0, fmt.Errorf("delete from outbox: %w", err)
	}
	crash("relay.deleted")
	for range parked { // now that they cannot be parked again
		c.metrics.deadLetter(ctx, causeOversize)
	}
	return len(batch), nil
}

// doubt remembers whose statuses are among messages that were in hand when something went wrong.
func (c *relay) doubt(ctx context.Context, ms []store.Message) {
	for _, m := range ms {
		if m.Topic != c.cfg.TopicPrefix+dsr.TopicStatus {
			continue
		}
		s, err := c.cfg.Codec.DecodeStatus(m.Value)
		if err != nil { // a newer build wrote it, and will write the next one
			c.log.WarnContext(ctx, "a status may stand out of turn and cannot be read", "error", err)
			continue
		}
		c.inDoubt[lifecycle.ID{Tenant: s.Tenant, RequestID: s.RequestID}] = true
	}
}

// restate has the present status of each request in doubt published once more. What this instance had in hand has been written or
// given up by now ([kafka.Producer.Send] returns no sooner), and the new row comes after every other of its request, whose lock is
// held while it is added: so the newest status is the last one again, whoever publishes it.
// Where that fails it is tried again later, and holds up nothing.
func (c *relay) restate(ctx context.Context) {
	said := ""
	again := func(ids []lifecycle.ID) error {
		err := c.transact(ctx, func(ctx context.Context, tx store.Tx, n *tally) error { return c.restateTx(ctx, tx, ids, nil, n) })
		if err == nil {
			for _, id := range ids {
				delete(c.inDoubt, id)
			}
		}
		return err
	}
	for chunk := range slices.Chunk(sortedIDs(slices.Collect(maps.Keys(c.inDoubt))), c.cfg.Batch) {
		var away *store.UnavailableError
		switch err := again(chunk); {
		case errors.As(err, &away):
			return // the session will notice
		case err == nil:
			continue
		}
		for _, id := range chunk { // one that cannot be loaded keeps no other from it
			if err := again([]lifecycle.ID{id}); err != nil && ctx.Err() == nil && err.Error() != said {
				said = err.Error()
				c.log.WarnContext(ctx, "a status may stand out of turn and could not be published once more yet", "request_id", id.RequestID, "error", said)
			}
		}
	}
}

// restateTx publishes the present status of requests once more, behind other messages.
func (c *Coordinator) restateTx(ctx context.Context, tx store.Tx, ids []lifecycle.ID, before []store.Message, n *tally) error {
	open, err := tx.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("load requests: %w", err)
	}
	archived, err := c.archived(ctx, tx, ids, open)
	if err != nil {
		return err
	}
	turn := c.machine.NewTurn(tx.Now(), c.hearing.upTo(), nil)
	for _, id := range ids {
		if r := open[id]; r != nil {
			turn.Restate(r)
		} else if a := archived[id]; a != nil {
			turn.RestateSealed(a)
		}
	}
	return c.save(ctx, tx, turn, store.Changes{Outbox: before}, n)
}

// outlive returns a context that ends a while after ctx has ended, so that what was begun can be finished.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() {
		stop()
		cancel()
	}
}

func toKafka(hs []store.Header) []kafka.Header {
	out := make([]kafka.Header, len(hs))
	for i, h := range hs {
		out[i] = kafka.Header{Key: h.Key, Value: h.Value}
	}
	return out
}
