package responder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// Responder serves one system. It is safe for concurrent use.
type Responder struct {
	config  Config
	system  System
	ledger  Ledger
	sender  kafka.Sender
	clock   *clock
	breaker *breaker
	limiter *rate.Limiter
	metrics metrics
	keyID   string
	log     *slog.Logger

	ledgerFails, dueFails atomic.Bool // and the log says so

	exporter Exporter // nil where the system is none, as the next three
	resolver Resolver
	poller   Poller
	packager Packager

	client *kafka.Client
	close  []func() // what New opened
}

// Run serves a system until ctx ends, finishes what is in hand and returns nil. It returns an error for a wrong
// configuration or a missing topic; everything else that can go wrong it waits for, saying so in its log.
func Run(ctx context.Context, c Config, s System, l Ledger) error {
	r, err := New(c, s, l)
	if err != nil {
		return err
	}
	return r.Run(ctx)
}

// New checks the configuration. It does not connect: see [Responder.Run].
func New(c Config, s System, l Ledger) (*Responder, error) {
	c, err := c.withDefaults(s)
	if err != nil {
		return nil, err
	}
	r := &Responder{config: c, system: s, ledger: l, log: c.Logger, client: c.Client, sender: c.Sender, keyID: c.Keys.KeyID()}
	r.exporter, _ = s.(Exporter)
	r.resolver, _ = s.(Resolver)
	r.poller, _ = s.(Poller)
	r.packager, _ = s.(Packager)
	r.clock = newClock(c, l)
	r.breaker = &breaker{check: s.Check, log: c.Logger}
	if r.metrics, err = newMetrics(c.Meter, c.System, r.breaker.away); err != nil {
		return nil, err
	}
	r.limiter = rate.NewLimiter(rate.Inf, c.BatchSize)
	if c.RatePerSecond > 0 {
		r.limiter = rate.NewLimiter(rate.Limit(c.RatePerSecond), c.BatchSize)
	}
	if r.client == nil && len(c.Brokers) > 0 {
		if r.client, err = kafka.New(kafka.Config{Brokers: c.Brokers, ClientID: c.Group, Logger: c.Logger}); err != nil {
			return nil, fmt.Errorf("configure responder: %w", err)
		}
		r.close = append(r.close, r.client.Close)
	}
	if r.sender == nil {
		p := r.client.Producer(kafka.ProducerConfig{})
		r.sender = p
		r.close = append([]func(){p.Close}, r.close...)
	}
	return r, nil
}

// Run serves until ctx ends: it consumes the topics on which its system is addressed, turns to what was deferred and keeps
// the ledger trimmed. It stops fetching, finishes the batches in hand, publishes their acknowledgements, commits and returns.
// It is called once.
func (r *Responder) Run(ctx context.Context) error {
	if r.client == nil {
		return errors.New("run responder: no brokers given")
	}
	defer func() {
		for _, c := range r.close {
			c()
		}
	}()
	r.tellLoss(ctx)
	g, ctx := errgroup.WithContext(ctx)
	if r.clock.ledger != nil {
		again, _ := r.clock.read(ctx) // nothing is due before; in vain it is read again in a second
		g.Go(func() error { return r.runClock(ctx, again) })
	}
	g.Go(func() error {
		return r.client.Consume(ctx, kafka.ConsumerConfig{
			Group: r.config.Group, Topics: r.config.topics(), MaxBatch: r.config.BatchSize,
			SessionTimeout: r.config.SessionTimeout, RebalanceTimeout: r.config.RebalanceTimeout, Grace: r.workLimit(), HandleTimeout: 2 * handleTimeout,
		}, r)
	})
	for range dueWorkers {
		g.Go(func() error { return r.runDue(ctx) })
	}
	g.Go(func() error { return r.runTrim(ctx) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("responder of %s: %w", r.config.System, err)
	}
	return nil
}

// handleTimeout ends one call of Handle while the system or the ledger is away. Its messages come again at once; meanwhile
// the consumer has seen that the handler is alive.
const handleTimeout = 5 * time.Minute

var _ kafka.Handler = (*Responder)(nil)

// Handle implements [kafka.Handler]: it works one batch of one partition and returns how many of its leading messages are
// settled, in the ledger and with the broker. It is exported for those who bring a consumer of their own, and for tests.
func (r *Responder) Handle(ctx context.Context, b kafka.Batch) (int, error) {
	o := r.HandleAll(ctx, []kafka.Batch{b})[0]
	return o.Settled, o.Err
}

var _ kafka.Gatherer = (*Responder)(nil)

// HandleAll implements [kafka.Gatherer]: the batches of several partitions share the steps of the ledger and one publish.
func (r *Responder) HandleAll(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	crash("fetched")
	ctx, cancel := bounded(ctx, handleTimeout)
	defer cancel()
	go func() { // what was begun is finished then, nothing is begun any more
		select {
		case <-bs[0].Ended: // all end together
			cancel()
		case <-ctx.Done():
		}
	}()
	out := make([]kafka.Outcome, len(bs))
	opened := make([][]*item, len(bs))
	for i, b := range bs {
		if opened[i], out[i].Err = r.open(b.Messages); out[i].Err != nil {
			r.log.ErrorContext(ctx, "a partition is halted: upgrade this responder", "topic", b.Topic, "partition", b.Partition, "error", out[i].Err)
		}
	}
	items := slices.Concat(opened...)
	defer end(items)
	twins(items)
	t := r.newTask(Deliver, r.workLimit())
	var err error
	for _, g := range r.groups(items) {
		if err = r.work(ctx, t, g.op, g.items); err != nil {
			break
		}
	}
	if perr := r.publish(ctx, items); perr != nil {
		for i := range out {
			out[i].Err = errors.Join(err, perr) // it all comes again, and is acknowledged from the ledger
		}
		return out
	}
	for i, its := range opened {
		o := &out[i]
		for o.Settled < len(its) && its[o.Settled].done() {
			o.Settled++
		}
		if o.Settled < len(its) {
			o.Err = errors.Join(err, o.Err)
		}
	}
	return out
}

// now is the one clock of the responder.
func (r *Responder) now() time.Time { return r.clock.now() }
