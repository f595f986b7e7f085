package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Extent is what a partition holds: the offsets from First to End-1.
type Extent struct{ First, End int64 }

// Extents returns what each partition of a topic holds at this moment. Transactions that are still open do not count.
func (c *Client) Extents(ctx context.Context, topic string) (map[int]Extent, error) {
	partitions, err := c.partitions(ctx, []string{topic})
	if err != nil {
		return nil, fmt.Errorf("extents of topic %s: %w", topic, c.explain(err))
	}
	ends, err := c.ends(ctx, topic, partitions[topic])
	if err != nil {
		return nil, fmt.Errorf("extents of topic %s: %w", topic, c.explain(err))
	}
	out := make(map[int]Extent, len(ends))
	for p, o := range ends {
		out[p] = Extent{First: o.FirstOffset, End: o.LastOffset}
	}
	return out, nil
}

// extent returns the first offset that the partition holds and the one after its last, committed or not.
func (c *Client) extent(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	offsets, err := c.list(ctx, topic, kafkago.ReadUncommitted,
		kafkago.FirstOffsetOf(partition), kafkago.LastOffsetOf(partition))
	if err != nil {
		return 0, 0, err
	}
	return offsets[partition].FirstOffset, offsets[partition].LastOffset, nil
}

// list asks for offsets of one topic, and makes one error of what went wrong with any of its partitions.
func (c *Client) list(ctx context.Context, topic string, level kafkago.IsolationLevel, requests ...kafkago.OffsetRequest) (map[int]kafkago.PartitionOffsets, error) {
	var answer *kafkago.ListOffsetsResponse
	err := c.ask(ctx, func() (err error) {
		answer, err = c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
			Topics: map[string][]kafkago.OffsetRequest{topic: requests}, IsolationLevel: level,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for offsets of topic %s: %w", topic, err)
	}
	offsets := make(map[int]kafkago.PartitionOffsets)
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("ask for offsets of %s/%d: %w", topic, p.Partition, p.Error)
		}
		offsets[p.Partition] = p
	}
	for _, request := range requests {
		if _, ok := offsets[request.Partition]; !ok {
			return nil, fmt.Errorf("ask for offsets of %s/%d: %w", topic, request.Partition, kafkago.UnknownTopicOrPartition)
		}
	}
	return offsets, nil
}

// ends returns, for each partition of the topic, the first offset and the one after the last committed message.
func (c *Client) ends(ctx context.Context, topic string, partitions int) (map[int]kafkago.PartitionOffsets, error) {
	requests := make([]kafkago.OffsetRequest, 0, 2*partitions)
	for p := range partitions {
		requests = append(requests, kafkago.FirstOffsetOf(p), kafkago.LastOffsetOf(p))
	}
	return c.list(ctx, topic, kafkago.ReadCommitted, requests...)
}

// at returns, for each partition, the offset of the first message with that time or a later one; the end where there is
// none.
func (c *Client) at(ctx context.Context, topic string, partitions int, at time.Time, ends map[int]kafkago.PartitionOffsets) (map[int]int64, error) {
	requests := make([]kafkago.OffsetRequest, 0, partitions)
	for p := range partitions {
		requests = append(requests, kafkago.TimeOffsetOf(p, at))
	}
	answer, err := c.list(ctx, topic, kafkago.ReadCommitted, requests...)
	if err != nil {
		return nil, err
	}
	starts := make(map[int]int64, partitions)
	for p := range partitions {
		starts[p] = ends[p].LastOffset
		for offset := range answer[p].Offsets {
			if offset >= 0 {
				starts[p] = offset
			}
		}
	}
	return starts, nil
}
