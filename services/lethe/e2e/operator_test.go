package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// operator does to a cluster what people do with tools that are not ours.
func (pl *pipeline) operator(t *testing.T) (*kgo.Client, context.Context) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(pl.p.Config.Kafka.Brokers...), kgo.MaxVersions(kversion.V3_0_0())) // topics by name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return client, ctx
}

// remake deletes topics with everything in them, and has `lethe topics apply` make them anew.
func (pl *pipeline) remake(t *testing.T, names ...string) {
	t.Helper()
	pl.deleteTopics(t, names...)
	pl.until(t, "the topics to be made anew", func(*watch) bool { return pl.lethe(t, "topics", "apply").code == 0 }) // a deletion takes a moment
}

func (pl *pipeline) deleteTopics(t *testing.T, names ...string) {
	t.Helper()
	client, ctx := pl.operator(t)
	q := kmsg.NewPtrDeleteTopicsRequest()
	q.TimeoutMillis = 10_000
	for _, name := range names {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(pl.prefix + name)
		q.Topics, q.TopicNames = append(q.Topics, topic), append(q.TopicNames, pl.prefix+name)
	}
	answer, err := q.RequestWith(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range answer.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			t.Fatal(err)
		}
	}
}

// trim makes a topic begin at its end, as retention does of which everything is too old.
func (pl *pipeline) trim(t *testing.T, name string) {
	t.Helper()
	client, ctx := pl.operator(t)
	q := kmsg.NewPtrDeleteRecordsRequest()
	q.TimeoutMillis = 10_000
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = pl.prefix + name
	for p := range pl.p.Config.Kafka.Partitions {
		partition := kmsg.NewDeleteRecordsRequestTopicPartition()
		partition.Partition, partition.Offset = int32(p), -1 // its end
		topic.Partitions = append(topic.Partitions, partition)
	}
	q.Topics = append(q.Topics, topic)
	answer, err := q.RequestWith(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range answer.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			t.Fatal(err)
		}
	}
}

// ends is where a topic ends, by partition.
func (pl *pipeline) ends(t *testing.T, name string) map[int]int64 {
	t.Helper()
	extents, err := pl.p.Kafka.Extents(context.WithoutCancel(t.Context()), pl.prefix+name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]int64{}
	for p, e := range extents {
		out[p] = e.End
	}
	return out
}

// rewind sets a group that has no members to the beginning of a topic.
func (pl *pipeline) rewind(t *testing.T, group, topic string) {
	t.Helper()
	to := map[int]int64{}
	for p := range pl.p.Config.Kafka.Partitions {
		to[p] = 0
	}
	pl.setGroup(t, group, topic, to)
}

// setGroup sets where a group that has no members reads on, by partition.
func (pl *pipeline) setGroup(t *testing.T, group, topic string, to map[int]int64) {
	t.Helper()
	client, ctx := pl.operator(t)
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Group, q.Generation = pl.prefix+group, -1
	of := kmsg.NewOffsetCommitRequestTopic()
	of.Topic = pl.prefix + topic
	for p, offset := range to {
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset = int32(p), offset
		of.Partitions = append(of.Partitions, partition)
	}
	q.Topics = append(q.Topics, of)
	for pause := 100 * time.Millisecond; ; pause *= 2 { // the members' good-byes may still be on their way
		answer, err := q.RequestWith(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
		if err == nil {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			t.Fatalf("set group %s on %s: %v", group, topic, err)
		}
	}
}
