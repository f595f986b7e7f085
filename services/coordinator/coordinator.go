package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Coordinator is one instance of the service.
type Coordinator struct {
	cfg     Config
	store   store.Store
	vault   vault
	acks    *memo
	machine *lifecycle.Machine
	view    *mapView
	trace   tracing
	metrics metrics
	log     *slog.Logger
	hearing *hearing
	unread  *unread
	wake    chan struct{} // something is due soon
}

// New checks the configuration. It opens no connection.
func New(cfg Config) (*Coordinator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Coordinator{
		cfg: cfg, store: cfg.Store, vault: vault{keys: cfg.Keys, codec: cfg.Codec}, log: cfg.Logger,
		acks: newMemo(cfg.Codec.DecodeAcknowledgement, memoEntries, memoBytes),
		view: newMapView(cfg.Map), trace: newTracing(cfg), wake: make(chan struct{}, 1), hearing: &hearing{}, unread: newUnread(),
	}
	if c.metrics, err = newMetrics(cfg.Meter); err != nil {
		return nil, err
	}
	c.machine = &lifecycle.Machine{
		Policy: cfg.Policy, Map: c.view, Vault: c.vault, Decode: c.acks.decode,
		Sealer: newRecorder(cfg, c.acks.decode),
	}
	return c, nil
}

// Run serves until ctx ends, then finishes what is in hand and returns nil. Topics must exist.
func (c *Coordinator) Run(ctx context.Context) (err error) {
	unobserve, err := c.metrics.observe(c.store)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	defer func() { err = errors.Join(err, unobserve()) }()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.consume(ctx, dsr.TopicRequests, 0, c.takeRequests) })
	g.Go(func() error { return c.consume(ctx, dsr.TopicAcknowledgement, answersLinger, c.takeAnswers) })
	g.Go(func() error { return c.runClock(ctx) })
	g.Go(func() error { return c.runRelay(ctx) })
	g.Go(func() error { return c.runUpkeep(ctx) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	return nil
}

// answersLinger is how long an acknowledgement waits for others. The systems of a request answer within milliseconds of each other, where
// they are quick, and one transaction and one status for all of them cost what they cost for one.
const answersLinger = 5 * time.Millisecond

// consume reads one topic. The group only divides the partitions and shows the lag: where to read from is the store's word,
// so that a restored database catches up and an offset reset by hand changes nothing.
func (c *Coordinator) consume(ctx context.Context, topic string, linger time.Duration, work func(context.Context, []kafka.Batch) []kafka.Outcome) error {
	return c.cfg.Kafka.Consume(ctx, kafka.ConsumerConfig{
		Group: c.cfg.Group + "." + topic, Topics: []string{c.cfg.TopicPrefix + topic}, MaxBatch: c.cfg.Batch, Linger: linger,
		SessionTimeout: c.cfg.Session,
		OnHalt: func(e *kafka.OffsetError) {
			c.log.ErrorContext(ctx, "a partition is not read until a person says where it goes on: "+stepOver, "cause", e.Unwrap().Error(), "topic", e.Topic, "partition", e.Partition, "from", e.Wanted, "first", e.First, "end", e.End)
		},
	}, &consumer{c: c, work: work, halted: map[string]bool{}})
}

// stepOver says how a halted partition goes on. The consumer groups' own tools cannot do it: their offsets are never read.
const stepOver = "`lethe offsets set TOPIC PARTITION --from N --to N`, then restart the coordinators"

type consumer struct {
	c    *Coordinator
	work func(context.Context, []kafka.Batch) []kafka.Outcome

	mu     sync.Mutex
	halted map[string]bool // places that were said
}

// Start implements kafka.Starter. A partition of which the store knows nothing is read from its first message, whatever the group
// once committed: the database may be an older one than the group.
func (h *consumer) Start(ctx context.Context, topic string, partition int) (kafka.Resume, bool, error) {
	from, ok, err := h.c.store.Offset(ctx, topic, partition)
	if err != nil {
		return kafka.Resume{}, false, err
	}
	if !ok {
		return kafka.Resume{Offset: -1}, true, nil
	}
	return kafka.Resume{Offset: from.Next, Last: kafka.ParseMark(from.Mark)}, true, nil
}

// Handle implements kafka.Handler.
func (h *consumer) Handle(ctx context.Context, b kafka.Batch) (settled int, err error) {
	o := h.HandleAll(ctx, []kafka.Batch{b})[0]
	return o.Settled, o.Err
}

// HandleAll implements kafka.Gatherer: a transaction costs what it costs, whether for one acknowledgement or for hundreds.
func (h *consumer) HandleAll(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	crash("fetched")
	out := h.work(ctx, bs)
	committed := false
	for _, o := range out {
		h.sayHalted(ctx, o.Err)
		committed = committed || o.Settled > 0
	}
	if committed {
		crash("committed")
	}
	return out
}

// sayHalted says once what a person has to do about a message whose schema this build does not know.
func (h *consumer) sayHalted(ctx context.Context, err error) {
	var unknown *event.UnknownSchemaError
	var at *event.DecodeError
	if !errors.As(err, &unknown) || !errors.As(err, &at) {
		return
	}
	where := place(at.Topic, at.Partition, at.Offset)
	h.mu.Lock()
	said := h.halted[where]
	h.halted[where] = true
	h.mu.Unlock()
	if !said {
		h.c.log.ErrorContext(ctx, "a partition waits for a newer build: upgrade the coordinators. Where no newer build wrote the message, go past it by "+stepOver,
			"topic", at.Topic, "partition", at.Partition, "offset", at.Offset, "error", unknown.Error())
	}
}

// runUpkeep does the store's housekeeping.
func (c *Coordinator) runUpkeep(ctx context.Context) error {
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	for {
		if err := c.store.Upkeep(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "upkeep of the store did not finish", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

const upkeepEvery = 10 * time.Minute
