package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Handler works the messages of a consumer.
type Handler interface {
	// Handle works a batch of one partition and returns how many of its leading messages are settled: whatever happens next,
	// they need not come again. The offset moves past those and no further; the rest comes again, after a pause if err is
	// not nil or nothing was settled, for as long as the partition is assigned. What the handler cannot ever work it must
	// put aside itself and count as settled.
	//
	// Batches of one partition come one after the other and in order; different partitions are worked at the same time, or in one call
	// where the handler is a [Gatherer].
	//
	// ctx does not end with the assignment, so that work begun can be finished: batch.Ended tells. It ends Grace after
	// that, and after HandleTimeout in any case. A handler that does not return within another Grace is given up
	// ([StuckError]).
	Handle(ctx context.Context, batch Batch) (settled int, err error)
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, batch Batch) (settled int, err error)

// Handle calls the function.
func (f HandlerFunc) Handle(ctx context.Context, batch Batch) (int, error) { return f(ctx, batch) }

// Starter may be implemented by a [Handler] that keeps its own offsets, in the transaction in which it does its work.
type Starter interface {
	// Start is called when a partition has been assigned, before its first batch. If ok, reading begins there, and what the group has
	// committed is not asked. An error is tried again for as long as the partition is assigned.
	Start(ctx context.Context, topic string, partition int) (from Resume, ok bool, err error)
}

// Batch is a run of messages of one partition.
type Batch struct {
	Topic     string
	Partition int
	// Messages by ascending offset, at least one. Offsets may have gaps.
	Messages []Message
	// Next is where reading goes on when the whole batch is settled: what a [Starter] stores, with the mark of the last message.
	Next int64
	// End is the offset behind everything that the partition was seen to hold when it was read last: how much there is behind this batch.
	End int64
	// Ended is closed when the partition is being taken away or the consumer stops: finish what cannot be broken off, begin
	// nothing that takes long.
	Ended <-chan struct{}
}

// ConsumerConfig says what to consume and how. Group and Topics are required.
type ConsumerConfig struct {
	Group  string
	Topics []string

	// MaxBatch and MaxBatchBytes bound a batch; defaults 500 messages and 2 MiB. A larger message comes alone.
	MaxBatch, MaxBatchBytes int
	// Linger is how long a batch that is not full waits for more; default: not at all. While a batch is worked the next one
	// gathers anyway.
	Linger time.Duration
	// GatherWait is how long a batch waits at most for a call of a [Gatherer] that is under way; default 10 ms.
	GatherWait time.Duration
	// BufferBytes is how much of each partition is read ahead; default 1 MiB. A partition holds at most this, one answer of
	// the broker on top (1 MiB as compressed in the log, or one record batch if that is larger), and the batch in hand.
	BufferBytes int
	// MaxWait is how long a broker holds back its answer when there is no message; default 1 s. A message ends the wait.
	MaxWait time.Duration

	// SessionTimeout, default 10 s, is after how long without a heartbeat the group takes a member for dead: for so long a
	// partition may rest after a crash, and after a broken connection, because kafka-go then joins as a new member.
	// HeartbeatInterval, default 500 ms, also how soon a member notices a rebalance; RebalanceTimeout, default 30 s, how long
	// the group waits for a member to finish its batches.
	SessionTimeout, HeartbeatInterval, RebalanceTimeout time.Duration
	// HandleTimeout bounds one call of Handle; default 5 min. From a third of RebalanceTimeout on a call is logged.
	HandleTimeout time.Duration
	// Grace is how long a call of Handle may go on after its partition was taken away, and how long it may take to return
	// after its context has ended; default a third of RebalanceTimeout.
	Grace time.Duration
	// RetryMin and RetryMax bound the growing pause before a batch that was not settled comes again; defaults 100 ms and 10 s.
	RetryMin, RetryMax time.Duration
	// OnHalt is told when a partition is halted (see [OffsetError]); it is logged as an error in any case.
	OnHalt func(*OffsetError)
}

func (c ConsumerConfig) withDefaults() (ConsumerConfig, error) {
	if c.Group == "" || len(c.Topics) == 0 {
		return c, errors.New("consume: no group or no topics given")
	}
	c.Topics = slices.Compact(slices.Sorted(slices.Values(c.Topics)))
	def := func(value *time.Duration, def time.Duration) {
		if *value <= 0 {
			*value = def
		}
	}
	size := func(value *int, def int) {
		if *value <= 0 {
			*value = def
		}
	}
	size(&c.MaxBatch, 500)
	size(&c.MaxBatchBytes, 2<<20)
	size(&c.BufferBytes, 1<<20)
	def(&c.MaxWait, time.Second)
	def(&c.GatherWait, 10*time.Millisecond)
	def(&c.SessionTimeout, 10*time.Second)
	def(&c.HeartbeatInterval, 500*time.Millisecond)
	def(&c.RebalanceTimeout, 30*time.Second)
	def(&c.HandleTimeout, 5*time.Minute)
	def(&c.Grace, c.RebalanceTimeout/3)
	def(&c.RetryMin, 100*time.Millisecond)
	def(&c.RetryMax, 10*time.Second)
	if c.HeartbeatInterval*3 > c.SessionTimeout {
		return c, fmt.Errorf("consume: heartbeat interval %s is more than a third of session timeout %s", c.HeartbeatInterval, c.SessionTimeout)
	}
	return c, nil
}

// Consume joins the group and works the partitions that it is assigned until ctx ends; then it stops fetching, lets the
// batches in hand finish, commits, leaves the group and returns nil. It waits for brokers that are away, also at the start.
// It returns a [MissingTopicsError] before it joins when a topic does not exist, a [StuckError] when a handler does not
// return, and what the broker says when it refuses the group for good.
//
// A partition begins where the handler's [Starter] says, else at the offset that the group has committed, else at its first
// message. When messages that should come next are no longer there, or the last one that was settled is another one now, the
// partition is halted and the others go on: see [OffsetError], [Client.Halted].
func (c *Client) Consume(ctx context.Context, config ConsumerConfig, handler Handler) error {
	config, err := config.withDefaults()
	if err != nil {
		return err
	}
	if err := c.awaitTopics(ctx, config.Topics); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("consume as group %s: %w", config.Group, err)
	}
	var connections connections
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID:                     config.Group,
		Brokers:                c.config.Brokers,
		Dialer:                 newDialer(c.config, &connections),
		Topics:                 config.Topics,
		GroupBalancers:         []kafkago.GroupBalancer{kafkago.RangeGroupBalancer{}, kafkago.RoundRobinGroupBalancer{}},
		HeartbeatInterval:      config.HeartbeatInterval,
		SessionTimeout:         config.SessionTimeout,
		RebalanceTimeout:       config.RebalanceTimeout,
		JoinGroupBackoff:       200 * time.Millisecond,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: 5 * time.Second,
		StartOffset:            kafkago.FirstOffset,
		Timeout:                5 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("consume as group %s: %w", config.Group, err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	consumer := &consumer{
		client: c, config: config, handler: handler, stop: stop,
		log: c.log.With("group", config.Group),
	}
	err = consumer.loop(ctx, group)
	consumer.leave(group, &connections)
	var stuck *StuckError
	if errors.As(context.Cause(ctx), &stuck) {
		return stuck
	}
	if err != nil {
		return fmt.Errorf("consume as group %s: %w", config.Group, err)
	}
	return nil
}

// consumer is one call of Consume.
type consumer struct {
	client  *Client
	config  ConsumerConfig
	handler Handler
	stop    context.CancelCauseFunc
	log     *slog.Logger
	working sync.WaitGroup // the generation, if there is one
}

// leave lets the generation finish, which commits over the group's connections, and leaves the group. After that, or when
// there is no generation, what is still under way is a join that nobody wants any more.
func (c *consumer) leave(group *kafkago.ConsumerGroup, connections *connections) {
	left := make(chan struct{})
	go func() {
		_ = group.Close() // it has no error to tell
		close(left)
	}()
	c.working.Wait()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-left:
			return
		case <-tick.C:
			connections.closeOlder(time.Second) // younger ones may be there to say good-bye
		}
	}
}

// awaitTopics returns when every topic exists. kafka-go's group would join and deliver nothing if one did not.
func (c *Client) awaitTopics(ctx context.Context, topics []string) error {
	pause := newPause(100*time.Millisecond, 2*time.Second)
	for {
		_, err := c.partitions(ctx, topics)
		if err == nil || judge(err) == permanent {
			return err
		}
		c.reach.failed(err)
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// loop works one generation after the other. An error of Next is the news that there is none yet: [22], [25] and [27] are
// how a member learns that the group went on without it, and a broker that is away comes back.
func (c *consumer) loop(ctx context.Context, group *kafkago.ConsumerGroup) error {
	pause := newPause(50*time.Millisecond, 2*time.Second)
	var last string
	for ctx.Err() == nil {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			continue // a generation that came at this moment ends with the group
		case err == nil:
			c.client.reach.ok()
			pause.reset()
			last = ""
			c.begin(ctx, gen)
			continue
		case errors.Is(err, kafkago.InvalidSessionTimeout), errors.Is(err, kafkago.InvalidGroupId),
			errors.Is(err, kafkago.GroupAuthorizationFailed):
			return fmt.Errorf("join: %w", err)
		}
		c.client.reach.failed(err)
		if judge(err) != away && err.Error() != last {
			last = err.Error()
			c.log.InfoContext(ctx, "not in the group, joining again", "error", last)
		}
		_ = pause.wait(ctx)
	}
	return nil
}
