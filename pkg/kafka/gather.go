package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Gatherer may be implemented by a [Handler] for which one call over several partitions costs less than one for each of them: a
// single transaction, a single publish. It is then called instead of Handle.
type Gatherer interface {
	// HandleAll works a batch of each of some partitions, as Handle works one, and returns as many outcomes, by index. All the batches
	// end together. One partition's trouble must not become another's: what cannot be worked together is to be worked apart.
	//
	// No batch waits to be gathered while nothing is under way. One that comes while a call is waits for its end, or for
	// GatherWait, or until MaxBatch messages wait, and is then worked with whatever waits beside it: the busier it gets the more
	// is worked at once, and a call that takes long holds up no other partition for longer than that.
	HandleAll(ctx context.Context, batches []Batch) []Outcome
}

// Outcome is what became of a batch, as [Handler] returns it.
type Outcome struct {
	Settled int
	Err     error
}

// gathering has the batches of one generation's partitions worked together.
type gathering struct {
	handler Gatherer
	most    int // messages from which on nothing is waited for
	wait    time.Duration

	mu       sync.Mutex
	waiting  []*gathered
	messages int // of those that wait
	running  int // calls under way
}

// gathered is one batch on its way.
type gathered struct {
	ctx   context.Context //nolint:containedctx // that of its own call of Handle, by which the watchdog ends it
	batch Batch
	late  *time.Timer   // nil: it did not have to wait
	done  chan struct{} // closed when outcome is there
	Outcome
}

var (
	errNotBegun  = errors.New("the assignment ended before the batch was begun")
	errNoOutcome = errors.New("the handler did not say what became of the batch")
)

// Handle implements [Handler] for one partition.
func (g *gathering) Handle(ctx context.Context, batch Batch) (settled int, err error) {
	b := &gathered{ctx: ctx, batch: batch, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, b)
	g.messages += len(batch.Messages)
	if g.running == 0 || g.messages >= g.most {
		g.begin()
	}
	if slices.Contains(g.waiting, b) {
		b.late = time.AfterFunc(g.wait, func() { g.overdue(b) })
	}
	g.mu.Unlock()
	<-b.done
	return b.Settled, b.Err
}

// overdue begins calls beside the one that takes so long until b has got into one.
func (g *gathering) overdue(b *gathered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for slices.Contains(g.waiting, b) {
		g.begin()
	}
}

// begin takes what waits, the longest waiting first, and begins a call with it. The lock is held.
func (g *gathering) begin() {
	n, messages := 0, 0
	for n < len(g.waiting) && (n == 0 || messages+len(g.waiting[n].batch.Messages) <= g.most) {
		messages += len(g.waiting[n].batch.Messages)
		n++
	}
	batches := g.waiting[:n:n]
	g.waiting = append([]*gathered(nil), g.waiting[n:]...)
	g.messages -= messages
	g.running++
	go g.run(batches)
}

func (g *gathering) run(all []*gathered) {
	live := all[:0:0]
	for _, b := range all {
		if b.late != nil {
			b.late.Stop()
		}
		select {
		case <-b.batch.Ended: // nothing is begun any more
			b.Err = errNotBegun
			close(b.done)
		default:
			live = append(live, b)
		}
	}
	if len(live) > 0 {
		g.call(live)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.running == 0 && len(g.waiting) > 0 {
		g.begin()
	}
}

// call ends when the first of the batches is ended by its watchdog.
func (g *gathering) call(live []*gathered) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(live[0].ctx))
	defer cancel()
	batches := make([]Batch, len(live))
	for i, b := range live {
		defer context.AfterFunc(b.ctx, cancel)()
		batches[i] = b.batch
	}
	out := g.handler.HandleAll(ctx, batches)
	for i, b := range live {
		if b.Err = errNoOutcome; i < len(out) {
			b.Outcome = out[i]
		}
		close(b.done)
	}
}
