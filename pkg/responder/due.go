package responder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

const (
	dueAtOnce  = 64               // deferred steps taken by one turn
	dueLease   = 2 * time.Minute  // for as long they are nobody else's
	dueWorkers = 4                // turns at once: one long export does not hold up every other step
	trimEvery  = time.Hour        // of the ledger
	trimAfter  = 10 * time.Second // the start, at the earliest
)

// runDue turns to what is deferred until ctx ends.
func (r *Responder) runDue(ctx context.Context) error {
	for ctx.Err() == nil {
		n, more, err := r.workDue(ctx)
		if err == nil && (more || n == dueAtOnce) {
			continue
		}
		switch {
		case err == nil && r.dueFails.Swap(false):
			r.log.InfoContext(ctx, "deferred steps are worked again")
		case err != nil && ctx.Err() == nil && !r.dueFails.Swap(true): // one line, however long it lasts
			r.log.WarnContext(ctx, "deferred steps could not be worked", "error", err)
		}
		_ = sleep(ctx, r.config.PollEvery)
	}
	return nil
}

// WorkDue takes deferred steps that are due, works or polls them, and publishes what they give; it returns how many it took.
// [Responder.Run] calls it all the time; it is exported for tests and for those who run without it.
func (r *Responder) WorkDue(ctx context.Context) (int, error) {
	n, _, err := r.workDue(ctx)
	return n, err
}

// workDue is WorkDue; more says that a step it worked is due again at once.
func (r *Responder) workDue(ctx context.Context) (n int, more bool, err error) {
	entries, err := r.ledger.Due(ctx, r.config.System, r.now(), lease(dueLease), dueAtOnce)
	if err != nil {
		return 0, false, fmt.Errorf("take due steps: %w", err)
	}
	leased := r.now().Add(lease(dueLease))
	var settled, again, poll []*item
	defer func() { end(settled); end(again); end(poll) }()
	for _, e := range entries {
		if e.State != dsr.Delayed { // settled by a turn that died before it could publish
			settled = append(settled, r.remember(e))
			continue
		}
		it, err := r.reopen(e)
		if err != nil {
			r.log.ErrorContext(ctx, "a deferred step cannot be worked", "request_id", string(e.Key.RequestID), "phase", string(e.Key.Phase), "error", err)
			continue
		}
		if e.Ticket == "" {
			again = append(again, it)
		} else {
			poll = append(poll, it)
		}
	}
	errs := []error{r.publishDue(ctx, settled)}
	for _, part := range []struct {
		mode  Mode
		items []*item
	}{{Retry, again}, {Poll, poll}} {
		for _, g := range r.groups(part.items) {
			if r.now().After(leased) { // the group before took so long that others may have these now
				return len(entries), true, errors.Join(errs...)
			}
			err := r.work(ctx, r.newTask(part.mode, r.config.LongWork), g.op, g.items)
			errs = append(errs, err, r.publishDue(ctx, g.items))
			more = more || slices.ContainsFunc(g.items, func(it *item) bool {
				return it.settled && it.entry.State == dsr.Delayed && !it.entry.DueAt.After(r.now())
			})
		}
	}
	return len(entries), more, errors.Join(errs...)
}

// remember makes an item of a settled step: all that is left to do is to publish what it gave.
func (r *Responder) remember(e Entry) *item {
	it, err := r.reopen(e)
	if err != nil { // the acknowledgement is there all the same
		it = &item{key: e.Key}
		r.begin(it)
	}
	it.entry, it.settled = e, true
	return it
}

// publishDue publishes what was settled for good and tells the ledger so. What is deferred again was acknowledged before.
func (r *Responder) publishDue(ctx context.Context, items []*item) error {
	var out []*item
	var keys []dsr.Key
	for _, it := range items {
		if it.settled && it.entry.State != dsr.Delayed && !it.entry.DueAt.IsZero() {
			out = append(out, it)
			keys = append(keys, it.key)
		}
	}
	if len(out) == 0 {
		return nil
	}
	if err := r.publish(ctx, out); err != nil {
		return err
	}
	ctx, cancel := outlive(ctx, r.workLimit()+2*r.settleLimit())
	defer cancel()
	if err := r.ledger.Published(ctx, keys); err != nil {
		return fmt.Errorf("note that %d acknowledgements are published: %w", len(keys), err)
	}
	return nil
}

// Complete brings the answer of a deferred step: token is what [Dispatch.Token] gave when the step was handed to the system.
// It may be called on any instance, more than once, and before the step is deferred in the ledger: it waits for that. An
// answer to a step that has one already changes nothing. The error is [ErrNoStep] for a token without a deferred step.
func (r *Responder) Complete(ctx context.Context, token string, a Answer) error {
	key, attempt, err := parseToken(token)
	if err != nil {
		return err
	}
	if key.System != r.config.System {
		return fmt.Errorf("complete step: the token is of system %q", key.System)
	}
	var it *item
	claim := []Entry{{Key: key, Attempt: attempt}}
	stand, err := r.ledger.Step(ctx, r.now(), Poll, claim, func(_ context.Context, open []Entry) ([]Entry, error) {
		var err error
		if it, err = r.reopen(open[0]); err != nil {
			return nil, err
		}
		d, err := r.unseal(it, open[0])
		if err != nil {
			return nil, err
		}
		return open, r.answered(&open[0], it, Poll, opPoll, d, a)
	})
	if it == nil || err != nil {
		if err != nil {
			return fmt.Errorf("complete step: %w", err)
		}
		return nil // settled before
	}
	defer end([]*item{it})
	it.entry, it.settled = stand[0], true
	return r.publishDue(ctx, []*item{it})
}

// runTrim forgets settled steps after their time.
func (r *Responder) runTrim(ctx context.Context) error {
	for pause := trimAfter; sleep(ctx, pause) == nil; pause = trimEvery {
		n, err := r.ledger.Trim(ctx, r.config.System, r.now().Add(-r.config.LedgerRetention))
		switch {
		case err != nil && ctx.Err() == nil:
			r.log.WarnContext(ctx, "the ledger could not be trimmed", "error", err)
		case n > 0:
			r.log.InfoContext(ctx, "the ledger was trimmed", "steps", n)
		}
	}
	return nil
}
