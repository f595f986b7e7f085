package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// lane writes to one partition, one batch at a time: that keeps the order, also when a request must be repeated, and what arrives
// while a request is under way fills the next one, without waiting for a batch to fill.
type lane struct {
	producer  *Producer
	topic     string
	partition int

	// Under the producer's lock.
	leader   int32 // of the partition, as known last; negative: not known
	maxBytes int
	queue    []entry
	busy     bool // a batch is under way
}

// entry is one message of one Send.
type entry struct {
	message *Message
	sending *sending
	index   int
	size    int
}

// take removes what fits into one request from the queue, at least one message where there is any, and returns about how many bytes
// that are. The producer's lock is held.
func (l *lane) take() (batch []entry, bytes int) {
	if len(l.queue) == 0 {
		l.queue = nil
		return nil, 0
	}
	n, size := 0, batchOverhead
	for n < len(l.queue) && n < l.producer.config.BatchSize {
		// Within a batch the deltas of offset and time may take up to ten bytes more than in a batch of one.
		more := l.queue[n].size + 10
		if n > 0 && size+more > l.maxBytes {
			break
		}
		size += more
		n++
	}
	batch = slices.Clone(l.queue[:n])
	clear(l.queue[:n])
	l.queue = l.queue[n:]
	return batch, size
}

// insist writes a batch that did not go with others and settles each of its messages. What the broker refuses for its content is split
// until the bad message stands alone.
func (l *lane) insist(batch []entry) {
	pause := newPause(100*time.Millisecond, time.Second)
	for attempt := 1; ; attempt++ {
		if batch = alive(batch); len(batch) == 0 {
			return
		}
		refused, err := l.produce(batch)
		if err == nil {
			l.producer.client.reach.ok()
			settle(batch, nil)
			return
		}
		// Some brokers say "corrupt message" of what they will never take.
		hopeless := judge(err) == permanent || errors.Is(err, kafkago.InvalidMessage) && attempt >= 5
		switch {
		case len(refused) > 0:
			batch = l.without(batch, refused, err)
			continue
		case hopeless && content(err) && len(batch) > 1:
			half := len(batch) / 2
			l.insist(batch[:half])
			l.insist(batch[half:])
			return
		case hopeless:
			settle(batch, l.explain(err))
			return
		}
		if attempt%5 == 0 && stale(err) && l.missing(batch) {
			return
		}
		if !l.wait(batch, err, pause) {
			return
		}
	}
}

// produce makes one request for this batch alone. Where the broker names the records that it refuses, they are returned by index.
func (l *lane) produce(batch []entry) (refused map[int]error, err error) {
	answers, err := l.producer.produce(parcel{{l, batch}})
	if err != nil {
		return nil, err
	}
	a := answers[partitionKey{l.topic, l.partition}]
	switch {
	case a == nil:
		return nil, protocol.ErrNoPartition
	case a.ErrorCode == 0:
		return nil, nil
	}
	refused = make(map[int]error, len(a.RecordErrors))
	for _, r := range a.RecordErrors {
		refused[int(r.BatchIndex)] = errors.New(r.BatchIndexErrorMessage)
	}
	return refused, fmt.Errorf("%w: %s", kafkago.Error(a.ErrorCode), a.ErrorMessage)
}

// without settles the refused messages and returns the others.
func (l *lane) without(batch []entry, refused map[int]error, err error) []entry {
	rest := make([]entry, 0, len(batch))
	for i, e := range batch {
		if reason, bad := refused[i]; bad {
			e.sending.settle(e.index, fmt.Errorf("%w: %w", l.explain(err), reason))
			continue
		}
		rest = append(rest, e)
	}
	return rest
}

// missing settles the batch when the topic is gone.
func (l *lane) missing(batch []entry) bool {
	ctx, cancel := context.WithTimeout(l.producer.ctx, requestTimeout)
	defer cancel()
	_, err := l.producer.client.partitions(ctx, []string{l.topic})
	var gone *MissingTopicsError
	if errors.As(err, &gone) {
		settle(batch, err)
		return true
	}
	return false
}

// wait notes why the batch did not go and sleeps before the next attempt. It settles the batch when the producer is closed,
// and returns false.
func (l *lane) wait(batch []entry, err error, pause pause) bool {
	reason := l.explain(l.producer.client.diagnose(l.producer.ctx, err))
	var last *sending
	for _, e := range batch {
		if e.sending != last {
			last = e.sending
			last.note(reason)
		}
	}
	if pause.wait(l.producer.ctx) != nil {
		settle(batch, fmt.Errorf("the producer was closed: %w", reason))
		return false
	}
	return true
}

func (l *lane) explain(err error) error {
	if errors.Is(err, kafkago.MessageSizeTooLarge) || errors.Is(err, kafkago.RecordListTooLarge) {
		// The topic takes less than we thought, or the message does not compress.
		if limit, asked := l.producer.topics.ask(l.producer.ctx, l.topic); asked == nil {
			return &TooLargeError{Topic: l.topic, Limit: limit}
		}
	}
	return fmt.Errorf("write to %s/%d: %w", l.topic, l.partition, l.producer.client.explain(err))
}

// alive drops messages whose Send has ended (or that are settled): nobody waits for them. It leaves batch as it is, which kafka-go may be
// encoding still: a request whose time is up goes on in the connection's goroutine.
func alive(batch []entry) []entry {
	var last *sending
	var ended bool
	return slices.DeleteFunc(slices.Clone(batch), func(e entry) bool {
		if e.sending != last {
			last, ended = e.sending, e.sending.ctx.Err() != nil
		}
		if ended {
			e.sending.settle(e.index, e.sending.gone())
		}
		return ended
	})
}

func settle(batch []entry, err error) {
	for _, e := range batch {
		e.sending.settle(e.index, err)
	}
}

// batchReader hands the messages to kafka-go's encoder, one at a time.
type batchReader struct {
	batch      []entry
	next       int
	record     kafkago.Record
	key, value readCloser
	headers    []kafkago.Header
}

// ReadRecord implements kafkago.RecordReader. The record is valid until the next call.
func (r *batchReader) ReadRecord() (*kafkago.Record, error) {
	if r.next == len(r.batch) {
		return nil, io.EOF
	}
	m := r.batch[r.next].message
	r.next++
	r.record = kafkago.Record{Time: m.Time}
	if m.Key != nil {
		r.key.Reset(m.Key)
		r.record.Key = &r.key
	}
	if m.Value != nil {
		r.value.Reset(m.Value)
		r.record.Value = &r.value
	}
	if len(m.Headers) > 0 {
		r.headers = r.headers[:0]
		for _, h := range m.Headers {
			r.headers = append(r.headers, kafkago.Header{Key: h.Key, Value: h.Value})
		}
		r.record.Headers = r.headers
	}
	return &r.record, nil
}

type readCloser struct{ bytes.Reader }

func (*readCloser) Close() error { return nil }
