package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func TestTail_ends_with_what_was_there_or_goes_on(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic, empty := c.topic(t, client, 3, nil), c.topic(t, client, 2, nil)
		producer := c.producer(t, client, kafka.ProducerConfig{})
		early := numbered(topic, 0, 100)
		for i := range early {
			early[i].Time = time.Now().Add(-time.Hour)
		}
		send(t, producer, early...)
		middle := time.Now().Add(-time.Minute)
		send(t, producer, numbered(topic, 100, 50)...)

		keys := func(config kafka.TailConfig, enough int) map[string]int {
			keys := make(map[string]int)
			if enough == 0 {
				return keys
			}
			for m, err := range client.Tail(t.Context(), config) {
				if err != nil {
					t.Error(err)
					break
				}
				keys[string(m.Key)]++
				if len(keys) == enough {
					break
				}
			}
			return keys
		}
		all, late := make(map[string]int), make(map[string]int)
		for n := range 150 {
			all[fmt.Sprintf("key-%06d", n)] = 1
			if n >= 100 {
				late[fmt.Sprintf("key-%06d", n)] = 1
			}
		}
		topics := []string{topic, empty}
		for name, test := range map[string]struct {
			config kafka.TailConfig
			want   map[string]int
		}{
			"first":                        {kafka.TailConfig{Topics: topics}, all},
			"last":                         {kafka.TailConfig{Topics: topics, From: kafka.Last()}, map[string]int{}},
			"from_a_time":                  {kafka.TailConfig{Topics: topics, From: kafka.At(middle)}, late},
			"from_a_time_after_everything": {kafka.TailConfig{Topics: topics, From: kafka.At(time.Now().Add(time.Hour))}, map[string]int{}},
		} {
			t.Run(name, func(t *testing.T) {
				if diff := cmp.Diff(test.want, keys(test.config, 1000)); diff != "" {
					t.Errorf("keys (-want +got):\n%s", diff)
				}
			})
		}

		t.Run("following_tells_when_it_has_caught_up_and_ends_with_its_context", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			caughtUpAt, n := -1, 0
			config := kafka.TailConfig{Topics: topics, Follow: true, CaughtUp: func() {
				caughtUpAt = n
				if err := producer.Send(ctx, numbered(empty, 900, 20)); err != nil {
					t.Error(err)
				}
			}}
			var last error
			for _, err := range client.Tail(ctx, config) {
				if last = err; err == nil {
					if n++; n == 170 {
						cancel()
					}
				}
			}
			if n != 170 || caughtUpAt != 150 {
				t.Errorf("got %d messages, caught up after %d; want 170 and 150", n, caughtUpAt)
			}
			if !errors.Is(last, context.Canceled) {
				t.Errorf("ended with %v, want the context's error", last)
			}
		})
		t.Run("following_nothing_has_caught_up_at_once", func(t *testing.T) {
			called := false
			for m, err := range client.Tail(t.Context(), kafka.TailConfig{Topics: topics, From: kafka.Last(), Follow: true, CaughtUp: func() {
				called = true
				if err := producer.Send(t.Context(), numbered(topic, 2000, 1)); err != nil {
					t.Error(err)
				}
			}}) {
				if err != nil || string(m.Key) != "key-002000" {
					t.Errorf("got %q, %v", m.Key, err)
				}
				break
			}
			if !called {
				t.Error("CaughtUp was not called")
			}
		})
	})
}

func TestTail_names_a_missing_topic(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		for _, err := range c.client(t).Tail(t.Context(), kafka.TailConfig{Topics: []string{"nowhere"}}) {
			var missing *kafka.MissingTopicsError
			if !errors.As(err, &missing) {
				t.Errorf("error is %v, want a MissingTopicsError", err)
			}
		}
	})
}

func TestTail_goes_on_when_brokers_were_away(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client, sure := c.client(t, func(config *kafka.Config) { config.Dial = way.dial }), c.client(t)
		topic := c.topic(t, sure, 2, nil)
		producer := c.producer(t, sure, kafka.ProducerConfig{})
		send(t, producer, numbered(topic, 0, 10)...)
		way.down.Store(true)
		time.AfterFunc(300*time.Millisecond, func() { way.down.Store(false) })
		n := 0
		for _, err := range client.Tail(t.Context(), kafka.TailConfig{Topics: []string{topic}, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10 {
				way.down.Store(true)
				way.cut()
				time.AfterFunc(300*time.Millisecond, func() { way.down.Store(false) })
				send(t, producer, numbered(topic, 10, 10)...)
			}
			if n == 20 {
				break
			}
		}
	})
}

// Compaction leaves batches without messages, the last ones of the log among them.
func TestTail_ends_behind_batches_that_compaction_has_emptied(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, map[string]string{
			"cleanup.policy": "compact", "segment.ms": "200", "delete.retention.ms": "0", "min.cleanable.dirty.ratio": "0.01",
		})
		producer := c.producer(t, client, kafka.ProducerConfig{BatchSize: 1})
		for range 10 {
			send(t, producer, numbered(topic, 0, 20)...)
		}
		var tombstones []kafka.Message
		for _, m := range numbered(topic, 0, 19) {
			tombstones = append(tombstones, kafka.Message{Topic: topic, Key: m.Key})
		}
		send(t, producer, tombstones...)
		other := c.kgo(t) // an idempotent producer's last batch stays, emptied, for its sequence numbers
		for _, m := range tombstones {
			if err := other.ProduceSync(t.Context(), kgoRecord(m)).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "only the last key is left", func() bool {
			send(t, producer, numbered(topic, 19, 1)...) // rolls the segment, so that the one before can be cleaned
			if c.fake != nil {
				c.fake.Compact()
			}
			others := slices.DeleteFunc(readAll(t, client, topic), func(m kafka.Message) bool { return string(m.Key) == "key-000019" })
			return len(others) == 0
		})
		if lag := lagOf(t, client, "nobody", topic); lag == 0 {
			t.Error("the topic is empty: nothing was tested")
		}
	})
}
