package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
)

// PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Topic     string
	Partition int
	// Committed is the offset that the group reads next, -1 where it has committed none.
	Committed int64
	// End is the offset after the last message.
	End int64
	// Records is how many offsets lie between: all that the partition holds where nothing was committed. Transaction markers
	// and messages removed by compaction count.
	Records int64
}

// Lag returns the lag of a group in every partition of the topics, by topic and partition.
func (c *Client) Lag(ctx context.Context, group string, topics []string) ([]PartitionLag, error) {
	partitions, err := c.partitions(ctx, topics)
	if err != nil {
		return nil, fmt.Errorf("lag of group %s: %w", group, err)
	}
	request := &kafkago.OffsetFetchRequest{GroupID: group, Topics: make(map[string][]int)}
	for topic, n := range partitions {
		for p := range n {
			request.Topics[topic] = append(request.Topics[topic], p)
		}
	}
	var committed *kafkago.OffsetFetchResponse
	err = c.ask(ctx, func() (err error) {
		committed, err = c.api.OffsetFetch(ctx, request)
		return err
	})
	if err == nil && !errors.Is(committed.Error, kafkago.GroupIdNotFound) { // nobody has joined yet: nothing committed
		err = committed.Error
	}
	if err != nil {
		return nil, fmt.Errorf("lag of group %s: ask for its offsets: %w", group, c.explain(err))
	}
	var lags []PartitionLag
	for _, topic := range slices.Sorted(maps.Keys(partitions)) {
		ends, err := c.ends(ctx, topic, partitions[topic])
		if err != nil {
			return nil, fmt.Errorf("lag of group %s: %w", group, c.explain(err))
		}
		next := make(map[int]int64)
		for _, p := range committed.Topics[topic] {
			if p.Error != nil {
				return nil, fmt.Errorf("lag of group %s: ask for its offset in %s/%d: %w", group, topic, p.Partition, p.Error)
			}
			next[p.Partition] = p.CommittedOffset
		}
		for p := range partitions[topic] {
			lag := PartitionLag{Topic: topic, Partition: p, Committed: -1, End: ends[p].LastOffset}
			if offset, ok := next[p]; ok {
				lag.Committed = offset
			}
			lag.Records = max(0, lag.End-max(lag.Committed, ends[p].FirstOffset))
			lags = append(lags, lag)
		}
	}
	return lags, nil
}
