package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Sender publishes messages and returns nil when every one of them is with the brokers: what most code needs of a [Producer].
type Sender interface {
	Send(ctx context.Context, messages []Message) error
}

// ProducerConfig tunes a producer; the zero value serves.
type ProducerConfig struct {
	// MaxMessageBytes refuses larger messages; default: each topic's own max.message.bytes, asked from the broker.
	MaxMessageBytes int
	// BatchBytes and BatchSize bound what one request takes to a partition; defaults 1,000,000 bytes and 1,000 messages. A topic that
	// takes less bounds it too.
	BatchBytes, BatchSize int
	// GiveUpAfter is how long one Send tries; default: until its context ends.
	GiveUpAfter time.Duration
}

// Producer publishes messages. It is safe for concurrent use; several goroutines that send at once share requests, so one
// producer should serve the whole process.
type Producer struct {
	client *Client
	config ProducerConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	lanes  sync.WaitGroup
	topics *topicLimits

	mu     sync.Mutex
	byPart map[partitionKey]*lane
}

type partitionKey struct {
	topic     string
	partition int
}

// Producer returns a producer that uses the client's connections. Close it before the client.
func (c *Client) Producer(config ProducerConfig) *Producer {
	if config.BatchBytes <= 0 {
		config.BatchBytes = 1_000_000
	}
	if config.BatchSize <= 0 {
		config.BatchSize = 1_000
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Producer{
		client: c, config: config, ctx: ctx, cancel: cancel,
		topics: &topicLimits{client: c, fixed: config.MaxMessageBytes},
		byPart: make(map[partitionKey]*lane),
	}
}

// Close ends what is still under way and waits for it. Sends must have returned.
func (p *Producer) Close() {
	p.cancel()
	p.lanes.Wait()
}

// Send publishes the messages and returns nil when every one of them is on all in-sync replicas. Messages of one partition
// (so also those with the same key) are written in the order given; a message that is refused does not hold up the others.
// While brokers are away, or partitions without a leader, it tries again, until ctx ends or GiveUpAfter has passed.
//
// Otherwise the error is a [SendError] that names each message that was not acknowledged: [TooLargeError] for one that does
// not fit its topic (it is not sent), [MissingTopicsError] for a topic that does not exist. What was not acknowledged in
// time may have been written all the same; sending it again gives a duplicate, never a gap.
func (p *Producer) Send(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	if p.config.GiveUpAfter > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.config.GiveUpAfter,
			fmt.Errorf("given up after %s: %w", p.config.GiveUpAfter, context.DeadlineExceeded))
		defer cancel()
	}
	s := newSending(ctx, messages)
	p.dispatch(ctx, messages, s)
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	err := s.result(messages)
	p.client.meters.sent(ctx, messages, err)
	return err
}

// dispatch puts each message into the lane of its partition, and settles at once those that cannot go.
func (p *Producer) dispatch(ctx context.Context, messages []Message, s *sending) {
	type destination struct {
		partitions []int
		leaders    []int32
		limit      int
		err        error
	}
	topics := make(map[string]destination, 1)
	entries := make(map[partitionKey][]entry)
	var balancer kafkago.Murmur2Balancer // as the Java client does: a key always in its partition, no key anywhere
	for i := range messages {
		m := &messages[i]
		to, known := topics[m.Topic]
		if !known {
			if to.leaders, to.err = p.leaders(ctx, m.Topic, s); to.err == nil {
				to.partitions = make([]int, len(to.leaders))
				for j := range to.partitions {
					to.partitions[j] = j
				}
				to.limit, to.err = p.topics.limit(ctx, m.Topic)
			}
			topics[m.Topic] = to
		}
		size := m.recordSize()
		switch {
		case to.err != nil:
			s.settle(i, to.err)
		case size+batchOverhead > to.limit:
			s.settle(i, &TooLargeError{Topic: m.Topic, Size: size + batchOverhead, Limit: to.limit})
		default:
			key := partitionKey{m.Topic, balancer.Balance(kafkago.Message{Key: m.Key}, to.partitions...)}
			entries[key] = append(entries[key], entry{message: m, sending: s, index: i, size: size})
		}
	}
	p.mu.Lock()
	var idle []*lane
	for key, list := range entries {
		to := topics[key.topic]
		l := p.lane(key)
		l.leader, l.maxBytes = to.leaders[key.partition], min(p.config.BatchBytes, to.limit)
		l.queue = append(l.queue, list...)
		if !l.busy {
			idle = append(idle, l)
		}
	}
	parcels := p.pack(idle)
	p.mu.Unlock()
	if len(parcels) > 0 {
		p.lanes.Go(func() { p.ship(parcels) })
	}
}

// leaders returns the broker that leads each partition of the topic, from the transport's cache where it knows the topic, negative where
// nobody is known to.
func (p *Producer) leaders(ctx context.Context, topic string, s *sending) ([]int32, error) {
	pause := newPause(100*time.Millisecond, time.Second)
	for {
		answer, err := p.client.transport.RoundTrip(ctx, p.client.addr, &metadata.Request{TopicNames: []string{topic}})
		if err == nil {
			for _, t := range answer.(*metadata.Response).Topics {
				if t.Name == topic && t.ErrorCode == 0 && len(t.Partitions) > 0 {
					leaders := unknown(len(t.Partitions))
					for _, partition := range t.Partitions {
						if i := int(partition.PartitionIndex); i >= 0 && i < len(leaders) && partition.ErrorCode == 0 {
							leaders[i] = partition.LeaderID
						}
					}
					return leaders, nil
				}
			}
			// Not in the cache, or not yet: a broker says.
			var known map[string]int
			if known, err = p.client.partitions(ctx, []string{topic}); err == nil {
				p.client.refresh()
				return unknown(known[topic]), nil
			}
		}
		if ctx.Err() != nil {
			return nil, s.gone()
		}
		if judge(err) == permanent {
			return nil, err
		}
		s.note(p.client.explain(p.client.diagnose(ctx, err)))
		if pause.wait(ctx) != nil {
			return nil, s.gone()
		}
	}
}

func unknown(partitions int) []int32 { return slices.Repeat([]int32{-1}, partitions) }

// lane returns the lane of a partition. The lock is held.
func (p *Producer) lane(key partitionKey) *lane {
	l := p.byPart[key]
	if l == nil {
		l = &lane{producer: p, topic: key.topic, partition: key.partition}
		p.byPart[key] = l
	}
	return l
}

// sending is one call of Send: which of its messages are settled, and how.
type sending struct {
	ctx  context.Context
	done chan struct{} // closed when every message is settled

	mu      sync.Mutex
	settled []bool
	errs    []error // by index; nil: acknowledged, once settled
	open    int
	last    error // the latest reason for waiting
}

func newSending(ctx context.Context, messages []Message) *sending {
	return &sending{
		ctx: ctx, done: make(chan struct{}), open: len(messages),
		settled: make([]bool, len(messages)), errs: make([]error, len(messages)),
	}
}

func (s *sending) settle(index int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled[index] {
		return
	}
	s.settled[index], s.errs[index] = true, err
	if s.open--; s.open == 0 {
		close(s.done)
	}
}

func (s *sending) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
}

// gone is the error of a message that was not acknowledged before the context ended.
func (s *sending) gone() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.goneLocked()
}

func (s *sending) goneLocked() error {
	if s.last != nil {
		return fmt.Errorf("not acknowledged in time: %w; last: %w", context.Cause(s.ctx), s.last)
	}
	return fmt.Errorf("not acknowledged in time: %w", context.Cause(s.ctx))
}

// result is nil or a SendError. What is not settled yet counts as failed.
func (s *sending) result(messages []Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed []MessageError
	for i := range messages {
		err := s.errs[i]
		if !s.settled[i] {
			err = s.goneLocked()
		}
		if err != nil {
			failed = append(failed, MessageError{Index: i, Topic: messages[i].Topic, Err: err})
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &SendError{Failed: failed, Sent: len(messages) - len(failed)}
}

// content tells refusals that concern what is in the batch, so that a part of it may pass.
func content(err error) bool {
	return slices.ContainsFunc([]error{
		kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidRecord, kafkago.InvalidMessage,
		kafkago.InvalidTimestamp,
	}, func(known error) bool { return errors.Is(err, known) })
}
