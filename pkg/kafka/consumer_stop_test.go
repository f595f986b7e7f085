package kafka_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

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
