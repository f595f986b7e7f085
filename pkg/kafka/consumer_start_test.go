package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

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
