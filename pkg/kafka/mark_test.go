package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func TestMark_recognises_a_message_and_nothing_else(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	m := kafka.Message{Key: []byte("k"), Value: []byte("value"), Time: at, Offset: 7}
	mark := kafka.MarkOf(m)
	for what, other := range map[string]kafka.Message{
		"another key": {Key: []byte("l"), Value: m.Value, Time: at, Offset: 7}, "another value": {Key: m.Key, Value: []byte("valu"), Time: at, Offset: 7},
		"another time": {Key: m.Key, Value: m.Value, Time: at.Add(time.Millisecond), Offset: 7}, "another place": {Key: m.Key, Value: m.Value, Time: at, Offset: 8},
		"another border between key and value": {Key: []byte("kv"), Value: []byte("alue"), Time: at, Offset: 7},
	} {
		if kafka.MarkOf(other) == mark {
			t.Errorf("%s has the same mark", what)
		}
	}
	if got := kafka.ParseMark(mark.String()); got != mark {
		t.Errorf("%q is read as %+v", mark, got)
	}
	for _, s := range []string{"", "lethe:1:", "lethe:1:7/1", "lethe:2:" + strings.TrimPrefix(mark.String(), "lethe:1:"), mark.String() + " ", "host-17", "lethe:1:-/0000000000000001"} {
		if got := kafka.ParseMark(s); got != (kafka.Mark{}) {
			t.Errorf("%q is read as %+v", s, got)
		}
	}
	if s := (kafka.Mark{}).String(); s != "" {
		t.Errorf("no mark is kept as %q", s)
	}
}

// remade deletes the topic, makes it anew and fills it with other messages.
func remade(t *testing.T, c cluster, client *kafka.Client, topic string, messages int) {
	t.Helper()
	c.remove(t, topic)
	eventually(t, "the topic is made anew", func() bool { // a deletion takes a moment
		_, err := client.Apply(t.Context(), []kafka.TopicSpec{{Name: topic, Partitions: 1}})
		return err == nil
	})
	eventually(t, "the topic takes messages", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return c.kgo(t, kgo.DefaultProduceTopic(topic)).ProduceSync(ctx, kgoRecord(numbered(topic, 1000, 1)[0])).FirstErr() == nil
	})
	send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 1001, messages-1)...)
}

func TestConsume_halts_a_topic_that_was_made_anew_and_has_grown(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 30)...)
		var kept kafka.Resume // what a store would keep
		var l ledger
		keep := func(_ context.Context, b kafka.Batch) (int, error) {
			l.note(b)
			kept = kafka.Resume{Offset: b.Next, Last: kafka.MarkOf(b.Messages[len(b.Messages)-1])}
			return len(b.Messages), nil
		}
		halted := make(chan *kafka.OffsetError, 10)
		config := kafka.ConsumerConfig{
			Group: topic, Topics: []string{topic}, RetryMin: 10 * time.Millisecond, OnHalt: func(err *kafka.OffsetError) { halted <- err },
		}
		resume := func() kafka.Handler {
			from := kept
			return starting{keep, func(context.Context, string, int) (kafka.Resume, bool, error) { return from, true, nil }}
		}
		stop := consuming(t, client, config, kafka.HandlerFunc(keep))
		eventually(t, "all messages", func() bool { return l.different() == 30 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		stop = consuming(t, client, config, resume()) // what was kept fits
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 30, 10)...)
		eventually(t, "ten more", func() bool { return l.different() == 40 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		remade(t, c, client, topic, 60)
		stop = consuming(t, client, config, resume())
		select {
		case err := <-halted:
			if !errors.Is(err, kafka.ErrReplaced) || err.Wanted != 40 || err.End != 60 {
				t.Errorf("halted by %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the partition was not halted")
		}
		if halts := client.Halted(); len(halts) != 1 || !halts[0].Cause.Replaced {
			t.Errorf("halted are %+v", halts)
		}
		if err := stop(); err != nil || l.different() != 40 {
			t.Errorf("%d messages were worked, %v", l.different(), err)
		}
	})
}

func TestConsume_keeps_a_mark_beside_the_committed_offset_and_halts_where_it_does_not_fit(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, c cluster) {
		client := c.client(t)
		topic := c.topic(t, client, 1, nil)
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 0, 30)...)
		var l ledger
		halted := make(chan *kafka.OffsetError, 10)
		config := kafka.ConsumerConfig{Group: topic, Topics: []string{topic}, OnHalt: func(err *kafka.OffsetError) { halted <- err }}
		work := kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) { l.note(b); return len(b.Messages), nil })
		stop := consuming(t, client, config, work)
		eventually(t, "all messages", func() bool { return l.different() == 30 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		all := readAll(t, client, topic)
		offset, metadata := committed(t, c, topic, topic)
		if offset != 30 || kafka.ParseMark(metadata) != kafka.MarkOf(all[29]) {
			t.Errorf("offset %d is committed with %q", offset, metadata)
		}
		send(t, c.producer(t, client, kafka.ProducerConfig{}), numbered(topic, 30, 5)...)

		wrong := kafka.MarkOf(all[29])
		wrong.Sum++
		commitAs(t, c, topic, topic, 30, wrong.String())
		stop = consuming(t, client, config, work)
		select {
		case err := <-halted:
			if !errors.Is(err, kafka.ErrReplaced) {
				t.Errorf("halted by %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the partition was not halted")
		}
		if err := stop(); err != nil || l.different() != 30 {
			t.Errorf("%d messages were worked, %v", l.different(), err)
		}
		commitAs(t, c, topic, topic, 30, "") // as kafka-consumer-groups does when a person has decided
		stop = consuming(t, client, config, work)
		eventually(t, "the rest", func() bool { return l.different() == 35 })
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// committed is what a group has committed in partition 0.
func committed(t *testing.T, c cluster, group, topic string) (offset int64, metadata string) {
	t.Helper()
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic, rt.Partitions = topic, []int32{0}
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Group, q.Topics = group, append(q.Topics, rt)
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = topic, []int32{0}
	rg.Topics = append(rg.Topics, gt)
	q.Groups = append(q.Groups, rg)
	answer, err := q.RequestWith(t.Context(), c.byName(t))
	if err != nil {
		t.Fatal(err)
	}
	p := answer.Groups[0].Topics[0].Partitions[0]
	if p.Metadata != nil {
		metadata = *p.Metadata
	}
	return p.Offset, metadata
}

// commitAs commits for a group without members.
func commitAs(t *testing.T, c cluster, group, topic string, offset int64, metadata string) {
	t.Helper()
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Offset, rp.Metadata = offset, &metadata
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Group, q.Generation, q.Topics = group, -1, append(q.Topics, rt)
	eventually(t, "the group is empty", func() bool {
		answer, err := q.RequestWith(t.Context(), c.byName(t))
		return err == nil && answer.Topics[0].Partitions[0].ErrorCode == 0
	})
}
