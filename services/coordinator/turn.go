package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// comer is a request that may come to the gate in a transaction.
type comer struct {
	tenant string
	kind   dsr.Kind
	kinds  []string // of identifier, as far as known
}

// newTurn begins the in-memory part of a transaction. subjects are locked, so what the gate sees of them cannot change under it.
// The marks of requests in resolution are read without a lock, because every admission would have to take the same few: one that
// is admitted in the same instant may be missed, and a later request pass the gate before it. They never act at the same time all
// the same: the one that was missed has to lock what it learns before it comes to the gate, so it sees that the other has passed,
// and waits for it.
func (c *Coordinator) newTurn(ctx context.Context, tx store.Tx, now time.Time, subjects []store.Subject, comers []comer) (*lifecycle.Turn, error) {
	var ns []lifecycle.Neighbour
	marks := map[store.Subject]bool{}
	for _, m := range comers {
		for _, ref := range c.view.unknown(m.kind, m.kinds) {
			marks[store.Subject{Tenant: m.tenant, Ref: ref}] = true
		}
	}
	subjects = slices.AppendSeq(slices.Clip(subjects), maps.Keys(marks))
	if len(subjects) > 0 {
		var err error
		if ns, err = tx.Neighbours(ctx, subjects); err != nil {
			return nil, fmt.Errorf("neighbours: %w", err)
		}
	}
	return c.machine.NewTurn(now, c.hearing.upTo(), ns), nil
}

// save writes what the turn decided, with one statement a table.
func (c *Coordinator) save(ctx context.Context, tx store.Tx, turn *lifecycle.Turn, ch store.Changes, n *tally) error {
	ch.Requests = append(ch.Requests, turn.Finish()...)
	n.seals(turn.Now, ch.Requests)
	ch.Wake = slices.DeleteFunc(turn.Wake, func(s store.Subject) bool { return !s.Ref.Person() })
	for _, s := range turn.Sealed {
		ch.Records = append(ch.Records, store.Record{
			ID: s.ID, RecordID: s.RecordID, Number: s.Number, Result: s.Result, SealedAt: s.SealedAt,
			Envelope: s.Envelope, SHA256: s.SHA256, PreviousSHA256: s.PreviousSHA256,
		})
	}
	for i := range turn.Out {
		m, err := c.encode(&turn.Out[i])
		if err != nil {
			return err
		}
		ch.Outbox = append(ch.Outbox, m)
	}
	if err := tx.Save(ctx, ch); err != nil {
		return err
	}
	crash("saved")
	if len(turn.Sealed) > 0 {
		crash("sealed")
	}
	c.noteWakes(turn, ch.Requests)
	return nil
}

// noteWakes tells the clock of this instance about wake-ups that are near; other instances see them at their next poll.
func (c *Coordinator) noteWakes(turn *lifecycle.Turn, rs []*lifecycle.Request) {
	near := len(turn.Wake) > 0
	for _, r := range rs {
		if !r.WakeAt.IsZero() && r.WakeAt.Sub(turn.Now) < clockPoll {
			near = true
		}
	}
	if near {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// away reports whether the store, or the time for it, is at fault for an error, and no request.
func away(ctx context.Context, err error) bool {
	var gone *store.UnavailableError
	return ctx.Err() != nil || errors.As(err, &gone)
}

// badRow reports whether a row of the batch, not the database, is at fault.
func badRow(err error) bool {
	var bad *store.BadRowError
	return errors.As(err, &bad)
}

// persons leaves out marks, which are nobody's and are not locked.
func persons(ss []store.Subject) []store.Subject {
	return slices.DeleteFunc(ss, func(s store.Subject) bool { return !s.Ref.Person() })
}
