package coordinator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// clockPoll is how soon a wake-up that another instance caused is seen at the latest.
const clockPoll = time.Second

// runClock does what is due by time: limits that passed, settle times that ended, gates that opened. Every instance runs one;
// two that take the same request do the same thing, and the second finds it done.
func (c *Coordinator) runClock(ctx context.Context) error {
	said := "" // what went wrong last: a store that is away for hours is one line
	for {
		again, err := c.tick(ctx)
		switch {
		case err == nil && said != "":
			said = ""
			c.log.InfoContext(ctx, "clock works again")
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && err.Error() != said:
			said = err.Error()
			c.log.WarnContext(ctx, "clock could not work what is due", "error", err)
		}
		if again {
			continue
		}
		wait := clockPoll
		if err == nil { // what failed is still due, and must not be tried without a pause
			if in, ok, err := c.store.NextWake(ctx); err == nil && ok && in < wait {
				wait = max(in, time.Millisecond)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tick works one batch of due requests and reports whether there may be more.
func (c *Coordinator) tick(ctx context.Context) (more bool, err error) {
	ids, err := c.store.Due(ctx, c.cfg.Batch)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	full := len(ids) == c.cfg.Batch
	ids = sortedIDs(ids)
	deaf := c.listen(ctx) // what waits for nobody's answer goes on all the same
	defer func() { err = errors.Join(err, deaf) }()
	failed, err := c.tickAll(context.WithoutCancel(ctx), ids)
	if err == nil {
		crash("ticked")
	}
	return full && failed < len(ids), err // what failed is in the next batch as well
}

// tickAll works due requests in one transaction, and halves them where one of them fails it: one that this build cannot decide about is due
// for ever, and stops the clock of no other. It returns how many were not worked, and why the first was not.
func (c *Coordinator) tickAll(ctx context.Context, ids []lifecycle.ID) (failed int, err error) {
	err = c.transact(ctx, func(ctx context.Context, tx store.Tx, n *tally) error { return c.tickTx(ctx, tx, ids, n) })
	switch {
	case err == nil:
		return 0, nil
	case away(ctx, err):
		return len(ids), err
	case len(ids) == 1:
		return 1, fmt.Errorf("request %s: %w", ids[0].RequestID, err)
	}
	half := len(ids) / 2
	some, first := c.tickAll(ctx, ids[:half])
	more, second := c.tickAll(ctx, ids[half:])
	return some + more, cmp.Or(first, second)
}

func (c *Coordinator) tickTx(ctx context.Context, tx store.Tx, ids []lifecycle.ID, n *tally) error {
	subjects, err := tx.Refs(ctx, ids)
	if err != nil {
		return fmt.Errorf("read pseudonyms: %w", err)
	}
	set := map[store.Subject]bool{}
	for _, s := range persons(subjects) {
		set[s] = true
	}
	locked := sortedSubjects(maps.Keys(set))
	if len(locked) > 0 {
		if err := tx.LockSubjects(ctx, locked); err != nil {
			return fmt.Errorf("lock subjects: %w", err)
		}
	}
	open, err := tx.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("load requests: %w", err)
	}
	var comers []comer
	for _, r := range open {
		if r.State == dsr.Resolving || r.State == dsr.Waiting {
			comers = append(comers, comer{r.Tenant, r.Kind, r.Progress.Kinds})
		}
	}
	turn, err := c.newTurn(ctx, tx, tx.Now(), locked, comers)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if r := open[id]; r != nil {
			if err := turn.Tick(r); err != nil {
				return err
			}
		}
	}
	return c.save(ctx, tx, turn, store.Changes{}, n)
}
