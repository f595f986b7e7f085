package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// ledger notes what a handler was given.
type ledger struct {
	mu      sync.Mutex
	counts  map[string]int   // by key
	offsets map[string]int64 // the latest, by topic and partition
	batches []int
	ends    map[string][2]int64 // End of the first batch and Next of the last, by topic and partition
	wrong   []string
}

func (l *ledger) note(b kafka.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts, l.offsets, l.ends = make(map[string]int), make(map[string]int64), make(map[string][2]int64)
	}
	l.batches = append(l.batches, len(b.Messages))
	part := fmt.Sprintf("%s/%d", b.Topic, b.Partition)
	first, some := l.ends[part]
	if !some {
		first[0] = b.End
	}
	l.ends[part] = [2]int64{first[0], b.Next}
	for _, m := range b.Messages {
		l.counts[string(m.Key)]++
		if m.Topic != b.Topic || m.Partition != b.Partition {
			l.wrong = append(l.wrong, fmt.Sprintf("%s/%d@%d in a batch of %s/%d", m.Topic, m.Partition, m.Offset, b.Topic, b.Partition))
		}
	}
}

// ordered notes offsets that do not ascend; only for a consumer that nothing is redelivered to.
func (l *ledger) ordered(b kafka.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := fmt.Sprintf("%s/%d", b.Topic, b.Partition)
	for _, m := range b.Messages {
		if latest, some := l.offsets[part]; some && m.Offset <= latest {
			l.wrong = append(l.wrong, fmt.Sprintf("%s: offset %d came after %d", part, m.Offset, latest))
		}
		l.offsets[part] = m.Offset
	}
}

func (l *ledger) different() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counts)
}

func lagOf(t *testing.T, client *kafka.Client, group string, topics ...string) (records int64) {
	t.Helper()
	lags, err := client.Lag(t.Context(), group, topics)
	if err != nil {
		t.Fatal(err)
	}
	for _, lag := range lags {
		records += lag.Records
	}
	return records
}

func TestConsume_works_each_partition_in_order_and_in_batches_and_goes_on_where_it_stopped(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topics := []string{c.topic(t, client, 3, nil), c.topic(t, client, 2, nil)}
		producer := c.producer(t, client, kafka.ProducerConfig{})
		group := topics[0]
		send(t, producer, append(numbered(topics[0], 0, 1500), numbered(topics[1], 1500, 500)...)...)

		var first, second ledger
		record := func(l *ledger) kafka.HandlerFunc {
			return func(_ context.Context, b kafka.Batch) (int, error) {
				l.note(b)
				l.ordered(b)
				return len(b.Messages), nil
			}
		}
		config := kafka.ConsumerConfig{Group: group, Topics: topics, MaxBatch: 70}
		stop := consuming(t, client, config, record(&first))
		eventually(t, "all 2,000 messages worked", func() bool { return first.different() == 2000 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		if lag := lagOf(t, client, group, topics...); lag != 0 {
			t.Errorf("lag is %d after the consumer has stopped, want 0", lag)
		}
		for part, at := range first.ends {
			if at[0] != at[1] {
				t.Errorf("%s: the first batch says that the partition ends at %d, want %d", part, at[0], at[1])
			}
		}
		send(t, producer, numbered(topics[0], 5000, 100)...)
		if lag := lagOf(t, client, group, topics...); lag != 100 {
			t.Errorf("lag is %d with 100 new messages, want 100", lag)
		}
		stop = consuming(t, client, config, record(&second))
		eventually(t, "the 100 new messages worked", func() bool { return second.different() == 100 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		for _, l := range []*ledger{&first, &second} {
			if len(l.wrong) > 0 {
				t.Errorf("out of order: %v", l.wrong[:min(len(l.wrong), 5)])
			}
			if largest := slices.Max(l.batches); largest > 70 {
				t.Errorf("a batch had %d messages, want at most 70", largest)
			}
			for key, n := range l.counts {
				if n != 1 {
					t.Errorf("%s was worked %d times, want once", key, n)
				}
			}
		}
	})
}

func TestConsume_brings_back_what_was_not_settled(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 10)...)
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, RetryMin: 10 * time.Millisecond, Linger: 200 * time.Millisecond}

		t.Run("in_place_from_the_first_message_that_was_not", func(t *testing.T) {
			var mu sync.Mutex
			var calls [][]int64
			stop := consuming(t, client, config, kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, []int64{b.Messages[0].Offset, int64(len(b.Messages)), b.Next})
				switch len(calls) {
				case 1:
					return 0, errors.New("the system is away")
				case 2:
					return 4, errors.New("the fifth is poison")
				case 3:
					return 3, nil
				}
				return 0, errors.New("still poison")
			}))
			eventually(t, "five calls", func() bool { mu.Lock(); defer mu.Unlock(); return len(calls) >= 5 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			want := [][]int64{{0, 10, 10}, {0, 10, 10}, {4, 6, 10}, {7, 3, 10}, {7, 3, 10}}
			if diff := cmp.Diff(want, calls[:5]); diff != "" {
				t.Errorf("calls of {first offset, messages, next} (-want +got):\n%s", diff)
			}
			if lag := lagOf(t, client, topic, topic); lag != 3 {
				t.Errorf("lag is %d, want 3: only what was settled is committed", lag)
			}
		})
		t.Run("to_the_next_consumer", func(t *testing.T) {
			var l ledger
			stop := consuming(t, client, config, kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
				l.note(b)
				return len(b.Messages), nil
			}))
			eventually(t, "three messages", func() bool { return l.different() >= 3 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(map[string]int{"key-000007": 1, "key-000008": 1, "key-000009": 1}, l.counts); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	})
}

// 8,000 messages while a second member joins, leaves and joins again in the middle of the work: nothing is lost and, because
// nobody crashes, nothing comes twice.
func TestConsume_survives_members_that_come_and_go(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client, other := c.client(t), c.client(t)
		topic := c.topic(t, client, 6, nil)
		producer := c.producer(t, client, kafka.ProducerConfig{})
		const total = 8000
		var l ledger
		var byOther atomic.Int64
		work := func(counter *atomic.Int64) kafka.HandlerFunc {
			return func(ctx context.Context, b kafka.Batch) (int, error) {
				l.note(b)
				if counter != nil {
					counter.Add(int64(len(b.Messages)))
				}
				select { // so that rebalances fall into the work
				case <-time.After(15 * time.Millisecond):
				case <-ctx.Done():
				}
				return len(b.Messages), nil
			}
		}
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, MaxBatch: 25}
		stopFirst := consuming(t, client, config, work(nil))
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for n := 0; n < total; n += 100 {
				if err := producer.Send(t.Context(), numbered(topic, n, 100)); err != nil {
					t.Error(err)
				}
			}
		})
		for round := 1; round <= 3; round++ {
			eventually(t, fmt.Sprintf("a fifth of the messages in round %d", round), func() bool { return l.different() >= total*round/5 })
			before := byOther.Load()
			stopOther := consuming(t, other, config, work(&byOther))
			eventually(t, "the other member at work", func() bool { return byOther.Load() > before || l.different() == total })
			if err := stopOther(); err != nil {
				t.Error(err)
			}
		}
		publishing.Wait()
		eventually(t, "all messages worked", func() bool { return l.different() == total })
		if err := stopFirst(); err != nil {
			t.Error(err)
		}
		if byOther.Load() == 0 {
			t.Error("the other member had nothing to do: there was no rebalance worth the name")
		}
		for key, n := range l.counts {
			if n != 1 {
				t.Errorf("%s was worked %d times, want once", key, n)
			}
		}
		if lag := lagOf(t, client, topic, topic); lag != 0 {
			t.Errorf("lag is %d, want 0", lag)
		}
	})
}

func TestConsume_does_not_see_transactions_that_were_aborted_nor_their_markers(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		upstream := c.kgo(t, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
		plain := c.producer(t, client, kafka.ProducerConfig{})
		for n, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
			if err := upstream.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				value := fmt.Appendf(nil, "transaction %d (%t) message %d", n, end, i)
				if err := upstream.ProduceSync(t.Context(), &kgo.Record{Key: value, Value: value}).FirstErr(); err != nil {
					t.Fatal(err)
				}
				send(t, plain, kafka.Message{Topic: topic, Key: fmt.Appendf(nil, "between %d %d", n, i), Value: []byte("v")})
			}
			if err := upstream.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		var l ledger
		stop := consuming(t, client, kafka.ConsumerConfig{Group: topic, Topics: []string{topic}},
			kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
				l.note(b)
				l.ordered(b)
				return len(b.Messages), nil
			}))
		want := make(map[string]int)
		for n := range 4 {
			for i := range 3 {
				want[fmt.Sprintf("between %d %d", n, i)] = 1
				if n%2 == 0 {
					want[fmt.Sprintf("transaction %d (true) message %d", n, i)] = 1
				}
			}
		}
		eventually(t, "all messages that count", func() bool { return l.different() >= len(want) })
		eventually(t, "an offset committed beyond the last marker", func() bool { return lagOf(t, client, topic, topic) == 0 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, l.counts); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if n := len(readAll(t, client, topic)); n != len(want) {
			t.Errorf("Tail sees %d messages, want %d", n, len(want))
		}
	})
}
