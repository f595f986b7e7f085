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

// starting is a handler with offsets of its own.
type starting struct {
	kafka.HandlerFunc
	start func(ctx context.Context, topic string, partition int) (kafka.Resume, bool, error)
}

func (s starting) Start(ctx context.Context, topic string, partition int) (kafka.Resume, bool, error) {
	return s.start(ctx, topic, partition)
}

func TestConsume_begins_where_the_handler_says(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 2, nil)
		producer := c.producer(t, client, kafka.ProducerConfig{})
		send(t, producer, numbered(topic, 0, 40)...)
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, RetryMin: 10 * time.Millisecond}
		var all ledger
		settle := func(l *ledger) kafka.HandlerFunc {
			return func(_ context.Context, b kafka.Batch) (int, error) { l.note(b); return len(b.Messages), nil }
		}
		stop := consuming(t, client, config, settle(&all))
		eventually(t, "all messages", func() bool { return all.different() == 40 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		ends := make(map[int]int64)
		lags, err := client.Lag(t.Context(), topic, []string{topic})
		if err != nil {
			t.Fatal(err)
		}
		for _, lag := range lags {
			ends[lag.Partition] = lag.End
		}

		// A restored backup: its offset lies before the one that the group has committed.
		var again ledger
		var tries atomic.Int64
		stop = consuming(t, client, config, starting{settle(&again), func(_ context.Context, _ string, partition int) (kafka.Resume, bool, error) {
			if partition == 1 {
				return kafka.Resume{}, false, nil
			}
			if tries.Add(1) < 3 {
				return kafka.Resume{}, false, errors.New("the store is away")
			}
			return kafka.Resume{Offset: ends[0] - 5}, true, nil
		}})
		eventually(t, "five messages again", func() bool { return again.different() >= 5 })
		send(t, producer, kafka.Message{Topic: topic, Key: []byte("new"), Value: []byte("v")})
		eventually(t, "the new message", func() bool { return again.different() >= 6 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		if again.different() != 6 {
			t.Errorf("%d messages came again, want the last five of partition 0 and the new one", again.different())
		}

		// A store that is new: it knows nothing, whatever the group has committed.
		var anew ledger
		stop = consuming(t, client, config, starting{settle(&anew), func(context.Context, string, int) (kafka.Resume, bool, error) {
			return kafka.Resume{Offset: -1}, true, nil
		}})
		eventually(t, "everything from the first message on", func() bool { return anew.different() >= 41 })
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestConsume_names_a_missing_topic_before_it_joins(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		err := client.Consume(t.Context(), kafka.ConsumerConfig{Group: topic, Topics: []string{topic, "nowhere", "neither"}},
			kafka.HandlerFunc(func(context.Context, kafka.Batch) (int, error) { return 0, nil }))
		var missing *kafka.MissingTopicsError
		if !errors.As(err, &missing) {
			t.Fatalf("error is %v, want a MissingTopicsError", err)
		}
		if diff := cmp.Diff([]string{"neither", "nowhere"}, missing.Topics); diff != "" {
			t.Errorf("missing topics (-want +got):\n%s", diff)
		}
	})
}

func TestConsume_waits_for_brokers_at_the_start_and_later(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
		sure := c.client(t)
		topic := c.topic(t, sure, 2, nil)
		producer := c.producer(t, sure, kafka.ProducerConfig{})
		send(t, producer, numbered(topic, 0, 20)...)
		way.down.Store(true)
		var l ledger
		// The group takes the member that lost its connection for alive until its session times out.
		stop := consuming(t, client, kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, SessionTimeout: 2 * time.Second},
			kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) { l.note(b); return len(b.Messages), nil }))
		time.AfterFunc(500*time.Millisecond, func() { way.down.Store(false) })
		eventually(t, "the messages that were there", func() bool { return l.different() == 20 })
		way.down.Store(true)
		way.cut()
		send(t, producer, numbered(topic, 20, 20)...)
		time.AfterFunc(500*time.Millisecond, func() { way.down.Store(false) })
		eventually(t, "the messages that came meanwhile", func() bool { return l.different() == 40 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		if lag := lagOf(t, sure, topic, topic); lag != 0 {
			t.Errorf("lag is %d, want 0", lag)
		}
	})
}

func TestConsume_stops_while_it_waits_for_brokers(t *testing.T) {
	client := cluster{addr: "127.0.0.1:1"}.client(t)
	stop := consuming(t, client, kafka.ConsumerConfig{Group: "g", Topics: []string{"t"}},
		kafka.HandlerFunc(func(context.Context, kafka.Batch) (int, error) { return 0, nil }))
	if err := stop(); err != nil {
		t.Errorf("error is %v, want none: the caller wanted it to end", err)
	}
}

// A member that joins waits until the others have, or are thrown out; to be stopped meanwhile must not take that long.
func TestConsume_stops_while_it_joins(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 1)...)
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, RebalanceTimeout: 20 * time.Second}
		begun := make(chan struct{})
		release := make(chan struct{})
		stopFirst := consuming(t, client, config, kafka.HandlerFunc(func(context.Context, kafka.Batch) (int, error) {
			close(begun)
			<-release
			return 1, nil
		}))
		<-begun
		stopSecond := consuming(t, c.client(t), config, kafka.HandlerFunc(func(context.Context, kafka.Batch) (int, error) { return 0, nil }))
		select { // long enough to be joining
		case <-time.After(1500 * time.Millisecond):
		case <-t.Context().Done():
		}
		asked := time.Now()
		if err := stopSecond(); err != nil {
			t.Error(err)
		}
		if took := time.Since(asked); took > 4*time.Second {
			t.Errorf("stopping took %s", took)
		}
		close(release)
		if err := stopFirst(); err != nil {
			t.Error(err)
		}
	})
}

func TestConsume_halts_a_partition_whose_messages_are_gone(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 3, nil)
		var messages []kafka.Message
		for key := range 90 {
			messages = append(messages, kafka.Message{Topic: topic, Key: fmt.Appendf(nil, "%d", key), Value: []byte("v")})
		}
		send(t, c.producer(t, client, kafka.ProducerConfig{}), messages...)
		lags, err := client.Lag(t.Context(), "nobody", []string{topic})
		if err != nil {
			t.Fatal(err)
		}
		c.trim(t, topic, 0, 4)

		halted := make(chan *kafka.OffsetError, 10)
		var l ledger
		stop := consuming(t, client, kafka.ConsumerConfig{
			Group: topic, Topics: []string{topic}, OnHalt: func(err *kafka.OffsetError) { halted <- err },
		}, starting{
			func(_ context.Context, b kafka.Batch) (int, error) { l.note(b); return len(b.Messages), nil },
			func(_ context.Context, _ string, partition int) (kafka.Resume, bool, error) {
				return kafka.Resume{Offset: []int64{2, lags[1].End + 7, 0}[partition]}, true, nil
			},
		})
		got := make(map[int]*kafka.OffsetError)
		for range 2 {
			select {
			case err := <-halted:
				got[err.Partition] = err
			case <-time.After(30 * time.Second):
				t.Fatal("no partition was halted")
			}
		}
		eventually(t, "the third partition goes on", func() bool { return l.different() == int(lags[2].End) })
		if halts := client.Halted(); len(halts) != 2 || halts[0].Group != topic || halts[0].Cause.Partition != 0 || halts[1].Cause.Partition != 1 {
			t.Errorf("halted are %+v", halts)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if halts := client.Halted(); len(halts) != 0 {
			t.Errorf("afterwards there are halted: %+v", halts)
		}
		want := map[int]*kafka.OffsetError{
			0: {Topic: topic, Partition: 0, Wanted: 2, First: 4, End: lags[0].End},
			1: {Topic: topic, Partition: 1, Wanted: lags[1].End + 7, First: 0, End: lags[1].End},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("halts (-want +got):\n%s", diff)
		}
		if !errors.Is(got[0], kafka.ErrTrimmed) || !errors.Is(got[1], kafka.ErrBeyondEnd) {
			t.Errorf("errors %v and %v, want ErrTrimmed and ErrBeyondEnd", got[0], got[1])
		}
	})
}

func TestConsume_begins_at_the_first_message_that_is_left_when_nothing_was_promised(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 10)...)
		c.trim(t, topic, 0, 6)
		var l ledger
		stop := consuming(t, client, kafka.ConsumerConfig{Group: topic, Topics: []string{topic}},
			kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) { l.note(b); return len(b.Messages), nil }))
		eventually(t, "the four that are left", func() bool { return l.different() == 4 })
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestConsume_finishes_the_batch_in_hand_when_it_stops(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 10)...)
		begun := make(chan struct{})
		stop := consuming(t, client, kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, MaxBatch: 10, Linger: 200 * time.Millisecond},
			kafka.HandlerFunc(func(ctx context.Context, b kafka.Batch) (int, error) {
				close(begun)
				<-b.Ended
				if err := ctx.Err(); err != nil {
					t.Errorf("the context has ended with the assignment: %v", err)
				}
				return len(b.Messages), nil
			}))
		<-begun
		if err := stop(); err != nil {
			t.Error(err)
		}
		if lag := lagOf(t, client, topic, topic); lag != 0 {
			t.Errorf("lag is %d, want 0: the batch in hand was settled", lag)
		}
	})
}

func TestConsume_tells_a_handler_that_its_partition_is_being_taken_away(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 2, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 50)...)
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, MaxBatch: 100, Linger: 200 * time.Millisecond}
		var waiting, told atomic.Int64
		stop := consuming(t, client, config, kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
			waiting.Add(1)
			<-b.Ended
			told.Add(1)
			return 0, errors.New("not finished")
		}))
		eventually(t, "both partitions in a handler", func() bool { return waiting.Load() == 2 })
		var l ledger
		stopOther := consuming(t, c.client(t), config, kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
			l.note(b)
			return len(b.Messages), nil
		}))
		eventually(t, "both handlers told", func() bool { return told.Load() >= 2 })
		eventually(t, "the other member at work", func() bool { return l.different() > 0 })
		if err := errors.Join(stop(), stopOther()); err != nil {
			t.Error(err)
		}
	})
}

func TestConsume_leaves_the_group_when_a_handler_is_stuck(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 3)...)
		config := kafka.ConsumerConfig{
			Group: topic, Topics: []string{topic}, HandleTimeout: 200 * time.Millisecond, Grace: 200 * time.Millisecond,
		}
		release := make(chan struct{})
		defer close(release)
		done := make(chan error, 1)
		go func() {
			done <- client.Consume(context.Background(), config, kafka.HandlerFunc(func(context.Context, kafka.Batch) (int, error) {
				<-release
				return 0, nil
			}))
		}()
		select {
		case err := <-done:
			var stuck *kafka.StuckError
			if !errors.As(err, &stuck) {
				t.Fatalf("error is %v, want a StuckError", err)
			}
			if diff := cmp.Diff(&kafka.StuckError{Group: topic, Topic: topic}, stuck); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("Consume does not return")
		}
		// It has left and did not just fall silent: the next member need not wait for the session to time out.
		begun := time.Now()
		var l ledger
		stop := consuming(t, client, config, kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
			l.note(b)
			return len(b.Messages), nil
		}))
		eventually(t, "the next member at work", func() bool { return l.different() == 3 })
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("the next member got the partition after %s", took)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestConsume_cancels_a_handler_that_takes_too_long_and_tries_again(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 3)...)
		var calls atomic.Int64
		stop := consuming(t, client, kafka.ConsumerConfig{
			Group: topic, Topics: []string{topic}, HandleTimeout: 100 * time.Millisecond, Grace: 10 * time.Second,
		}, kafka.HandlerFunc(func(ctx context.Context, b kafka.Batch) (int, error) {
			if calls.Add(1) <= 2 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return len(b.Messages), nil
		}))
		eventually(t, "the batch settled", func() bool { return lagOf(t, client, topic, topic) == 0 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		if calls.Load() < 3 {
			t.Errorf("%d calls, want at least 3", calls.Load())
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
