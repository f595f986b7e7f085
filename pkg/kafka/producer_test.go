package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func TestProducer_what_is_sent_is_what_is_read(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		at := time.UnixMilli(1_700_000_000_123)
		want := []kafka.Message{
			{Topic: topic, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []kafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}, {Key: "empty", Value: []byte{}}}},
			{Topic: topic, Key: []byte("tombstone"), Time: at},
			{Topic: topic, Key: []byte{}, Value: []byte{}, Time: at},
			{Topic: topic, Value: bytes.Repeat([]byte("large "), 3_000), Time: at},
		}
		send(t, c.producer(t, client, kafka.ProducerConfig{}), want...)
		for i := range want {
			want[i].Offset = int64(i)
		}
		if diff := cmp.Diff(want, readAll(t, client, topic), cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("messages differ (-sent +read):\n%s", diff)
		}
	})
}

func TestProducer_keeps_the_order_of_a_key_and_loses_nothing_while_connections_break(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
		topic := c.topic(t, client, 6, nil)
		producer := c.producer(t, client, kafka.ProducerConfig{})

		const senders, sends, perSend = 8, 25, 200
		cutting, stop := context.WithCancel(t.Context())
		var cutter sync.WaitGroup
		cutter.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for range 20 {
				select {
				case <-cutting.Done():
					return
				case <-tick.C:
					way.cut()
				}
			}
		})
		var group sync.WaitGroup
		for sender := range senders {
			group.Go(func() {
				for n := range sends {
					messages := make([]kafka.Message, perSend)
					for i := range messages {
						messages[i] = kafka.Message{
							Topic: topic, Key: fmt.Appendf(nil, "sender %d key %d", sender, i%7), Value: fmt.Appendf(nil, "%06d", n*perSend+i),
						}
					}
					if err := producer.Send(t.Context(), messages); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		stop()
		cutter.Wait()

		latest := make(map[string]string)
		seen := make(map[string]bool)
		for _, m := range readAll(t, client, topic) {
			key, value := string(m.Key), string(m.Value)
			if id := key + "/" + value; !seen[id] { // a repeated request writes again; the first time counts
				seen[id] = true
				if value <= latest[key] {
					t.Fatalf("key %q: %s came after %s", key, value, latest[key])
				}
				latest[key] = value
			}
		}
		if got, want := len(seen), senders*sends*perSend; got != want {
			t.Errorf("%d different messages arrived, want %d", got, want)
		}
	})
}

func TestProducer_puts_a_key_where_the_java_client_does(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 12, nil)
		other := c.kgo(t) // franz-go's default partitioner follows the Java client too
		ours, theirs := numbered(topic, 0, 200), numbered(topic, 0, 200)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), ours...)
		for _, m := range theirs {
			if err := other.ProduceSync(t.Context(), kgoRecord(m)).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		partitions := make(map[string][]int)
		for _, m := range readAll(t, client, topic) {
			partitions[string(m.Key)] = append(partitions[string(m.Key)], m.Partition)
		}
		for key, got := range partitions {
			if len(got) != 2 || got[0] != got[1] {
				t.Errorf("key %s is in partitions %v, want the same one twice", key, got)
			}
		}
	})
}

func TestProducer_refuses_what_is_too_large_and_sends_the_rest(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 2, map[string]string{"max.message.bytes": "20000"})
		noise := make([]byte, 30_000)
		for i := range noise { // so that compression does not make it fit
			noise[i] = byte(rand.IntN(256))
		}
		for name, config := range map[string]kafka.ProducerConfig{
			"the_limit_is_the_topics":           {},
			"the_broker_refuses_what_we_let_by": {MaxMessageBytes: 100_000},
		} {
			t.Run(name, func(t *testing.T) {
				messages := numbered(topic, 0, 40)
				messages[7].Value, messages[8].Value, messages[33].Value = noise, noise[:19_000], noise
				err := c.producer(t, client, config).Send(t.Context(), messages)
				var sendErr *kafka.SendError
				if !errors.As(err, &sendErr) {
					t.Fatalf("error is %v, want a SendError", err)
				}
				var failed []int
				for _, f := range sendErr.Failed {
					failed = append(failed, f.Index)
					var tooLarge *kafka.TooLargeError
					if !errors.As(f.Err, &tooLarge) || tooLarge.Topic != topic || tooLarge.Limit != 20_000 {
						t.Errorf("message %d: %v, want a TooLargeError with topic and limit 20000", f.Index, f.Err)
					}
				}
				if !slices.Equal(failed, []int{7, 33}) || sendErr.Sent != 38 {
					t.Errorf("failed %v and sent %d, want [7 33] and 38", failed, sendErr.Sent)
				}
				if !strings.Contains(err.Error(), "20000") {
					t.Errorf("error %q does not name the limit", err)
				}
			})
		}
		if n := len(readAll(t, client, topic)); n != 2*38 {
			t.Errorf("%d messages arrived, want %d", n, 2*38)
		}
	})
}

// TestProducer_refused_in_one_partition_loses_nothing_in_the_others: partitions of one broker share a request, and what the broker says of
// one of them is that one's alone.
func TestProducer_refused_in_one_partition_loses_nothing_in_the_others(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		maker := c.client(t)
		topic, gone, small := c.topic(t, maker, 4, nil), c.topic(t, maker, 2, nil), c.topic(t, maker, 2, map[string]string{"max.message.bytes": "20000"})
		var shared atomic.Bool
		if c.fake != nil {
			c.fake.ControlKey(int16(kmsg.Produce), func(q kmsg.Request) (kmsg.Response, error, bool) {
				c.fake.KeepControl()
				partitions := map[string]int{}
				for _, of := range q.(*kmsg.ProduceRequest).Topics {
					partitions[of.Topic] = len(of.Partitions)
				}
				if partitions[topic] == 4 && partitions[small] == 2 {
					shared.Store(true)
				}
				return nil, nil, false
			})
		}
		// A client that was made after the topics knows who leads them when it sends for the first time, those that are there.
		producer := c.producer(t, c.client(t), kafka.ProducerConfig{MaxMessageBytes: 100_000})
		send(t, producer, numbered(topic, 0, 1)...)
		c.remove(t, gone) // which the producer does not know
		eventually(t, "the broker knows", func() bool {
			var missing *kafka.MissingTopicsError
			return errors.As(maker.Check(t.Context(), []kafka.TopicSpec{{Name: gone}}), &missing)
		})

		noise := make([]byte, 30_000)
		for i := range noise { // so that compression does not make it fit
			noise[i] = byte(rand.IntN(256))
		}
		messages := slices.Concat(numbered(topic, 1, 40), numbered(small, 1, 20), numbered(gone, 1, 10))
		messages[47].Value = noise
		err := producer.Send(t.Context(), messages)
		var sendErr *kafka.SendError
		if !errors.As(err, &sendErr) {
			t.Fatalf("error is %v, want a SendError", err)
		}
		var failed []int
		for _, f := range sendErr.Failed {
			failed = append(failed, f.Index)
			var tooLarge *kafka.TooLargeError
			var missing *kafka.MissingTopicsError
			switch {
			case f.Topic == small && errors.As(f.Err, &tooLarge) && tooLarge.Topic == small && tooLarge.Limit == 20_000:
			case f.Topic == gone && errors.As(f.Err, &missing) && slices.Equal(missing.Topics, []string{gone}):
			default:
				t.Errorf("message %d to %s: %v", f.Index, f.Topic, f.Err)
			}
		}
		if want := []int{47, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69}; !slices.Equal(failed, want) || sendErr.Sent != 59 {
			t.Errorf("failed %v and sent %d, want %v and 59", failed, sendErr.Sent, want)
		}
		want, got := map[string]int{topic + " key-000000": 1}, map[string]int{}
		for i, m := range messages {
			if !slices.Contains(failed, i) {
				want[m.Topic+" "+string(m.Key)] = 1
			}
		}
		for _, m := range slices.Concat(readAll(t, maker, topic), readAll(t, maker, small)) {
			got[m.Topic+" "+string(m.Key)]++
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("how often each message arrived (-want +got):\n%s", d)
		}
		if c.fake != nil && !shared.Load() {
			t.Error("the partitions did not share a request")
		}
	})
}

func TestProducer_names_a_missing_topic_and_sends_the_rest(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		err := c.producer(t, client, kafka.ProducerConfig{}).Send(t.Context(), []kafka.Message{
			{Topic: topic, Value: []byte("a")}, {Topic: "nowhere", Value: []byte("b")}, {Topic: topic, Value: []byte("c")},
		})
		var missing *kafka.MissingTopicsError
		if !errors.As(err, &missing) || !slices.Equal(missing.Topics, []string{"nowhere"}) {
			t.Errorf("error is %v, want a MissingTopicsError that names the topic", err)
		}
		if n := len(readAll(t, client, topic)); n != 2 {
			t.Errorf("%d messages arrived, want 2", n)
		}
	})
}

func TestProducer_sends_to_a_topic_that_another_client_has_just_made(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		producer := c.producer(t, client, kafka.ProducerConfig{})
		send(t, producer, kafka.Message{Topic: c.topic(t, client, 1, nil), Value: []byte("fills the cache")})
		topic := c.topic(t, c.client(t), 1, nil)
		send(t, producer, kafka.Message{Topic: topic, Value: []byte("v")})
		if n := len(readAll(t, client, topic)); n != 1 {
			t.Errorf("%d messages arrived, want 1", n)
		}
	})
}

func TestProducer_waits_for_brokers_that_are_away(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("known_before_%t", known), func(t *testing.T) {
				var way network
				client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
				topic := c.topic(t, c.client(t), 3, nil)
				producer := c.producer(t, client, kafka.ProducerConfig{})
				if known {
					send(t, producer, numbered(topic, 0, 10)...)
				}
				way.down.Store(true)
				way.cut()
				done := make(chan error, 1)
				go func() { done <- producer.Send(t.Context(), numbered(topic, 10, 90)) }()
				select {
				case err := <-done:
					t.Fatalf("Send returned %v while the brokers were away", err)
				case <-time.After(300 * time.Millisecond):
				}
				way.down.Store(false)
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestProducer_says_who_was_not_reached_when_time_is_up(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
		topic := c.topic(t, client, 1, nil)
		patient := c.producer(t, client, kafka.ProducerConfig{})
		hasty := c.producer(t, client, kafka.ProducerConfig{GiveUpAfter: 200 * time.Millisecond})
		send(t, patient, kafka.Message{Topic: topic, Value: []byte("0")})
		send(t, hasty, kafka.Message{Topic: topic, Value: []byte("1")})
		way.down.Store(true)
		way.cut()

		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		for name, err := range map[string]error{
			"context":     patient.Send(ctx, numbered(topic, 0, 2)),
			"GiveUpAfter": hasty.Send(t.Context(), numbered(topic, 0, 2)),
		} {
			var sendErr *kafka.SendError
			var unavailable *kafka.BrokerUnavailableError
			switch {
			case !errors.As(err, &sendErr), len(sendErr.Failed) != 2:
				t.Errorf("%s: error is %v, want a SendError for both messages", name, err)
			case !errors.As(err, &unavailable), !slices.Equal(unavailable.Brokers, []string{c.addr}):
				t.Errorf("%s: error is %v, want a BrokerUnavailableError with the address", name, err)
			case !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("%s: error is %v, want it to tell that time was up", name, err)
			}
		}
	})
}

func TestProducer_can_be_closed_while_nobody_answers(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		var way network
		client := c.client(t, func(config *kafka.Config) { config.Dial = way.dial })
		topic := c.topic(t, client, 1, nil)
		producer := client.Producer(kafka.ProducerConfig{})
		send(t, producer, numbered(topic, 0, 1)...)
		way.down.Store(true)
		way.cut()
		abandoned := make(chan error, 1)
		go func() { abandoned <- producer.Send(context.WithoutCancel(t.Context()), numbered(topic, 1, 5)) }()
		select {
		case err := <-abandoned:
			t.Fatalf("Send returned %v while the brokers were away", err)
		case <-time.After(200 * time.Millisecond):
		}
		producer.Close()
		var sendErr *kafka.SendError
		if err := <-abandoned; !errors.As(err, &sendErr) || len(sendErr.Failed) != 5 {
			t.Errorf("error is %v, want a SendError for all five messages", err)
		}
	})
}

// Only Apache Kafka refuses a record without a key on a compacted topic, and names it.
func TestProducer_drops_the_record_that_the_broker_names(t *testing.T) {
	c := apacheKafka(t)
	client := c.client(t)
	topic := c.topic(t, client, 1, map[string]string{"cleanup.policy": "compact"})
	messages := numbered(topic, 0, 5)
	messages[3].Key = nil
	err := c.producer(t, client, kafka.ProducerConfig{}).Send(t.Context(), messages)
	var sendErr *kafka.SendError
	if !errors.As(err, &sendErr) || len(sendErr.Failed) != 1 || sendErr.Failed[0].Index != 3 {
		t.Fatalf("error is %v, want one for message 3", err)
	}
	if n := len(readAll(t, client, topic)); n != 4 {
		t.Errorf("%d messages arrived, want 4", n)
	}
}
