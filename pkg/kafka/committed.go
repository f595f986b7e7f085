package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// committing returns what commits offsets as a member of the generation, each with the mark of the last message before it, where the
// group keeps what its members like to remember. kafka-go's own commit has no room for that.
func (c *consumer) committing(gen *kafkago.Generation) func(map[string]map[int]Resume) error {
	return func(offsets map[string]map[int]Resume) error {
		ctx, cancel := context.WithTimeout(context.Background(), commitWithin)
		defer cancel()
		q := &kafkago.OffsetCommitRequest{GroupID: gen.GroupID, GenerationID: int(gen.ID), MemberID: gen.MemberID, Topics: map[string][]kafkago.OffsetCommit{}}
		for topic, partitions := range offsets {
			for p, r := range partitions {
				q.Topics[topic] = append(q.Topics[topic], kafkago.OffsetCommit{Partition: p, Offset: r.Offset, Metadata: r.Last.String()})
			}
		}
		var answer *kafkago.OffsetCommitResponse
		err := c.client.ask(ctx, func() (err error) {
			answer, err = c.client.api.OffsetCommit(ctx, q)
			return err
		})
		if err != nil {
			return err
		}
		var errs []error
		for topic, partitions := range answer.Topics {
			for _, p := range partitions {
				if p.Error != nil {
					errs = append(errs, fmt.Errorf("%s/%d: %w", topic, p.Partition, p.Error))
				}
			}
		}
		return errors.Join(errs...)
	}
}

const commitWithin = 5 * time.Second

// marks are those that stand beside the committed offsets of a generation's partitions.
type marks struct {
	client   *Client
	group    string
	assigned map[string][]kafkago.PartitionAssignment

	mu    sync.Mutex
	known map[string]map[int]Resume // nil: not asked yet
}

// of returns the mark beside the offset, for all partitions by one request. Where another offset stands there by now it is not its mark.
func (m *marks) of(ctx context.Context, topic string, partition int, offset int64) (Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		if err := m.ask(ctx); err != nil {
			return Mark{}, fmt.Errorf("ask for what group %s committed: %w", m.group, err)
		}
	}
	if r := m.known[topic][partition]; r.Offset == offset {
		return r.Last, nil
	}
	return Mark{}, nil
}

func (m *marks) ask(ctx context.Context) error {
	q := &kafkago.OffsetFetchRequest{GroupID: m.group, Topics: map[string][]int{}}
	for topic, assigned := range m.assigned {
		for _, a := range assigned {
			q.Topics[topic] = append(q.Topics[topic], a.ID)
		}
	}
	var answer *kafkago.OffsetFetchResponse
	err := m.client.ask(ctx, func() (err error) {
		answer, err = m.client.api.OffsetFetch(ctx, q)
		return err
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return err
	}
	known := map[string]map[int]Resume{}
	for topic, partitions := range answer.Topics {
		known[topic] = map[int]Resume{}
		for _, p := range partitions {
			if p.Error != nil {
				return fmt.Errorf("%s/%d: %w", topic, p.Partition, p.Error)
			}
			known[topic][p.Partition] = Resume{p.CommittedOffset, ParseMark(p.Metadata)}
		}
	}
	m.known = known
	return nil
}
