package responder_test

import (
	"context"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// narrow takes messages up to a size, headers included, as a topic does.
type narrow struct {
	to   kafka.Sender
	most int
}

func (n narrow) Send(ctx context.Context, messages []kafka.Message) error {
	var failed []kafka.MessageError
	var fit []kafka.Message
	for i, m := range messages {
		size := len(m.Key) + len(m.Value)
		for _, h := range m.Headers {
			size += len(h.Key) + len(h.Value)
		}
		if size > n.most {
			failed = append(failed, kafka.MessageError{Index: i, Topic: m.Topic, Err: &kafka.TooLargeError{Topic: m.Topic, Size: size, Limit: n.most}})
			continue
		}
		fit = append(fit, m)
	}
	if err := n.to.Send(ctx, fit); err != nil || len(failed) == 0 {
		return err
	}
	return &kafka.SendError{Failed: failed, Sent: len(fit)}
}

// TestABadMessageWithLongHeadersStopsNoLine: it fits its own topic, and its dead letter has a few headers more.
func TestABadMessageWithLongHeadersStopsNoLine(t *testing.T) {
	const most = 10_000
	r := newRig(t, &scripted{}, func(c *responder.Config) { c.Sender = narrow{c.Sender, most} })
	bad := r.Dispatch(t, person(1))
	bad.Value, bad.Headers = []byte("garbage"), []kafka.Header{{Key: "long", Value: make([]byte, most-100)}}
	b0, b1 := batchOf(bad), batchOf(r.Dispatch(t, person(2)))
	b1.Partition = 1
	for range 3 {
		out := r.HandleAll(t.Context(), []kafka.Batch{b0, b1})
		t.Logf("%+v", out)
		if out[0].Settled == 1 && out[1].Settled == 1 {
			return
		}
	}
	t.Error("it comes again and again, and holds up what is worked with it")
}
