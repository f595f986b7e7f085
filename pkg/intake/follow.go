package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// Update is news of a followed request: a status newer than every one seen before, or a rejection.
type Update struct {
	Status    *dsr.Status
	Rejection *dsr.Rejection
}

// Follow reads what becomes of the requests named, beginning with what was published at the instant since or later, and hands
// over every update until do returns false or ctx ends. Statuses of one request come with rising versions; a repeated or stale
// one is dropped. Without ids it hands over the news of every request, and the rejections that have no request id.
func Follow(ctx context.Context, client *kafka.Client, codec *event.Codec, prefix string, since time.Time, ids []dsr.RequestID, do func(Update) bool) error {
	if prefix == "" {
		prefix = dsr.DefaultTopicPrefix
	}
	want := map[dsr.RequestID]bool{}
	for _, id := range ids {
		want[id] = true
	}
	seen := map[dsr.RequestID]int64{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for m, err := range client.Tail(ctx, kafka.TailConfig{Topics: []string{prefix + dsr.TopicStatus, prefix + dsr.TopicRejected}, From: kafka.At(since), Follow: true}) {
		if err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		u, err := update(codec, prefix, m)
		if err != nil {
			if unknown := (*event.UnknownSchemaError)(nil); errors.As(err, &unknown) {
				continue // a newer coordinator; its statuses are not for this build
			}
			return fmt.Errorf("follow: %w", event.At(m.Topic, m.Partition, m.Offset, err))
		}
		switch {
		case u.Status != nil:
			s := u.Status
			if len(want) > 0 && !want[s.RequestID] || s.Version <= seen[s.RequestID] {
				continue
			}
			seen[s.RequestID] = s.Version
		case u.Rejection != nil:
			if len(want) > 0 && !want[u.Rejection.RequestID] {
				continue
			}
		default:
			continue
		}
		if !do(u) {
			return nil
		}
	}
	return ctx.Err()
}

func update(codec *event.Codec, prefix string, m kafka.Message) (Update, error) {
	if len(m.Value) == 0 { // a tombstone
		return Update{}, nil
	}
	if m.Topic == prefix+dsr.TopicStatus {
		s, err := codec.DecodeStatus(m.Value)
		return Update{Status: &s}, err
	}
	r, err := codec.DecodeRejection(m.Value)
	return Update{Rejection: &r}, err
}
