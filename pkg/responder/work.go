package responder

import (
	"context"
	"errors"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// operation is what a system is asked to do with a batch.
type operation string

const (
	opErase   operation = "erase"
	opVerify  operation = "verify"
	opExport  operation = "export"
	opResolve operation = "resolve"
	opPackage operation = "package"
	opPoll    operation = "poll"
	opRefuse  operation = "refuse" // the system has no method for it
	opWait    operation = "wait"   // deferred with a ticket, and nobody to poll
)

// each reports whether the operation serves one dispatch after the other.
func (o operation) each() bool { return o == opExport || o == opPackage }

// task is the work of one call of Handle or of one turn of the due loop.
type task struct {
	mode  Mode
	limit time.Duration // how long it may take
	until time.Time     // after which what is left is deferred
}

func (r *Responder) newTask(mode Mode, limit time.Duration) *task {
	return &task{mode: mode, limit: limit, until: r.now().Add(limit)}
}

// group is the items of a batch that one operation serves, in order.
type group struct {
	op    operation
	items []*item
}

func (r *Responder) groups(items []*item) []group {
	var gs []group
	at := map[operation]int{}
	for _, it := range items {
		if it.foreign || it.dead != "" || it.twin != nil {
			continue
		}
		op := r.operation(it)
		i, ok := at[op]
		if !ok || it.begun || len(gs[i].items) >= r.most(op) {
			i = len(gs)
			gs = append(gs, group{op: op})
			if !it.begun {
				at[op] = i
			}
		}
		gs[i].items = append(gs[i].items, it)
	}
	return gs
}

// oneByOne bounds a step of the ledger in which dispatches are served one after the other: what it holds is done again when it
// is interrupted.
const oneByOne = 16

func (r *Responder) most(op operation) int {
	n := r.config.BatchSize
	if op.each() {
		n = min(n, oneByOne)
	}
	if b, ok := r.system.(Batcher); ok {
		n = max(1, min(n, b.MaxBatch()))
	}
	return n
}

// operation chooses the method that serves an item. A step that the system has no method for is refused, never left silent.
func (r *Responder) operation(it *item) operation {
	if it.ticket != "" {
		if r.poller == nil {
			return opWait
		}
		return opPoll
	}
	switch d := it.dispatch; {
	case d.Phase == dsr.Act && d.Kind == dsr.Erasure:
		return opErase
	case d.Phase == dsr.Verify && d.Kind == dsr.Erasure:
		return opVerify
	case d.Phase == dsr.Act && d.Kind.Exports() && r.exporter != nil:
		return opExport
	case d.Phase == dsr.Resolve && r.resolver != nil:
		return opResolve
	case d.Phase == dsr.Package && r.packager != nil:
		return opPackage
	}
	return opRefuse
}

// slow waits for as long as the system's rate limit wants.
func (r *Responder) slow(ctx context.Context, items int) error {
	if r.config.RatePerSecond == 0 {
		return nil
	}
	began := time.Now()
	err := r.limiter.WaitN(ctx, items)
	r.metrics.throttled(ctx, time.Since(began))
	return err
}

// work settles all items or returns why it could not: ctx has ended. A batch that fails is repeated once, then halved until
// the item at fault stands alone; what is left then is deferred, or failed where that is permanent. While the system is away
// it waits, and so does everything behind it: an offset is never stepped past what was not settled.
func (r *Responder) work(ctx context.Context, t *task, op operation, items []*item) error {
	pause := newPause(ledgerLongest)
	repeated := false
	for {
		if err := r.breaker.pass(ctx); err != nil {
			return err
		}
		if !r.now().Before(t.until) {
			return r.deferAll(ctx, t, items, context.DeadlineExceeded)
		}
		if err := r.slow(ctx, len(items)); err != nil {
			return err
		}
		err := r.step(ctx, t, op, items)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var ledger *ledgerError
		if errors.As(err, &ledger) && Classify(err) != ClassPermanent {
			// Nothing can be settled nor deferred without the ledger.
			r.ledgerAway(ctx, err)
			if err := sleep(ctx, pause.NextBackOff()); err != nil {
				return err
			}
			t.until = r.now().Add(t.limit)
			continue
		}
		class := Classify(err)
		if errors.Is(err, ErrTooLarge) && len(items) > 1 {
			return r.halve(ctx, t, op, items)
		}
		if class == ClassUnavailable || class == ClassTransient && len(items) == 1 {
			down, werr := r.breaker.wait(ctx, err)
			if werr != nil {
				return werr
			}
			if down { // the time that the system was away is not held against the batch
				t.until = r.now().Add(t.limit)
				repeated = false
				continue
			}
		}
		switch {
		case class != ClassPermanent && !repeated:
			repeated = true
			continue
		case len(items) > 1:
			return r.halve(ctx, t, op, items)
		case class == ClassPermanent:
			return r.failOne(ctx, t, items[0], err)
		}
		return r.deferAll(ctx, t, items, err)
	}
}

func (r *Responder) halve(ctx context.Context, t *task, op operation, items []*item) error {
	half := len(items) / 2
	if err := r.work(ctx, t, op, items[:half]); err != nil {
		return err
	}
	return r.work(ctx, t, op, items[half:])
}

// ledgerError is an error of the ledger itself, not of what is worked under it.
type ledgerError struct{ err error }

func (e *ledgerError) Error() string { return e.err.Error() }
func (e *ledgerError) Unwrap() error { return e.err }

// step claims, serves and settles the items in one step of the ledger.
func (r *Responder) step(ctx context.Context, t *task, op operation, items []*item) error {
	return r.settle(ctx, t.mode, items, func(ctx context.Context, open []*Entry, its []*item) error {
		crash("claimed")
		err := r.serve(ctx, t, op, open, its)
		crash("effected")
		return err
	})
}

// settle runs one step of the ledger, whose open entries do settles in place. It outlives ctx: what was begun is finished.
func (r *Responder) settle(ctx context.Context, mode Mode, items []*item, do func(context.Context, []*Entry, []*item) error) error {
	ctx, cancel := outlive(ctx, r.workLimit()+r.settleLimit())
	defer cancel()
	claims := make([]Entry, len(items))
	byKey := make(map[dsr.Key]*item, len(items))
	for i, it := range items {
		claims[i] = Entry{Key: it.key, Attempt: it.dispatch.Attempt, Ticket: it.ticket}
		byKey[it.key] = it
	}
	var failed error
	stand, err := r.ledger.Step(ctx, r.now(), mode, claims, func(ctx context.Context, open []Entry) ([]Entry, error) {
		es := make([]*Entry, len(open))
		its := make([]*item, len(open))
		for i := range open {
			es[i], its[i] = &open[i], byKey[open[i].Key]
		}
		failed = do(ctx, es, its)
		return open, failed
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return &ledgerError{err}
	}
	r.ledgerBack(ctx)
	crash("committed")
	for i, it := range items {
		it.entry, it.settled = stand[i], true
	}
	return nil
}

// ledgerAway and ledgerBack say that the ledger has gone and has come back: once each, however many batches notice.
func (r *Responder) ledgerAway(ctx context.Context, err error) {
	if !r.ledgerFails.Swap(true) {
		r.log.WarnContext(ctx, "the ledger does not answer, waiting for it", "error", err)
	}
}

func (r *Responder) ledgerBack(ctx context.Context) {
	if r.ledgerFails.Swap(false) {
		r.log.InfoContext(ctx, "the ledger answers again")
	}
}

// workLimit is how long a batch may take, and a call in hand after the partition was taken away: a third of the rebalance
// timeout, for a member that is away for all of it loses its partitions.
func (r *Responder) workLimit() time.Duration { return r.config.RebalanceTimeout / 3 }

// settleLimit is how long after that the ledger may take to commit, and the broker to take the acknowledgements.
func (r *Responder) settleLimit() time.Duration { return r.workLimit() / 4 }

// deferAll settles items as deferred, whatever it takes: without the ledger there is nothing to go on with.
func (r *Responder) deferAll(ctx context.Context, t *task, items []*item, cause error) error {
	return r.settleAs(ctx, t, items, func(e *Entry, it *item) error { return r.deferred(e, it, t.mode, cause, nil) })
}

func (r *Responder) failOne(ctx context.Context, t *task, it *item, cause error) error {
	return r.settleAs(ctx, t, []*item{it}, func(e *Entry, it *item) error {
		return r.failed(e, it, t.mode, codeOf(cause, dsr.CodePermanent), ClassPermanent)
	})
}

func (r *Responder) settleAs(ctx context.Context, t *task, items []*item, as func(*Entry, *item) error) error {
	pause := newPause(ledgerLongest)
	for {
		err := r.settle(ctx, t.mode, items, func(_ context.Context, open []*Entry, its []*item) error {
			for i, e := range open {
				if err := as(e, its[i]); err != nil {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case Classify(err) != ClassPermanent:
			r.ledgerAway(ctx, err)
			if err := sleep(ctx, pause.NextBackOff()); err != nil {
				return err
			}
		case len(items) > 1:
			half := len(items) / 2
			if err := r.settleAs(ctx, t, items[:half], as); err != nil {
				return err
			}
			return r.settleAs(ctx, t, items[half:], as)
		default:
			return r.unledgered(items[0], t.mode, err)
		}
	}
}

// unledgered fails an item that the ledger refuses for good, without it: the coordinator must hear of it, and the line must
// go on.
func (r *Responder) unledgered(it *item, mode Mode, cause error) error {
	r.log.ErrorContext(it.ctx, "the ledger refuses a step, it is acknowledged as failed without one",
		"request_id", string(it.key.RequestID), "phase", string(it.key.Phase), "error", cause)
	it.entry = Entry{Key: it.key, Attempt: it.dispatch.Attempt, FirstAt: r.now()}
	if err := r.failed(&it.entry, it, mode, codeOf(cause, dsr.CodePermanent), ClassPermanent); err != nil {
		return err
	}
	it.settled = true
	return nil
}
