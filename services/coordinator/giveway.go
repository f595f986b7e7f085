package coordinator

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// Requests give way to acknowledgements. Nothing else holds the intake back: before a backlog of a million requests all of them would be
// open at once, none near its end, in a database that is much larger than it has to be, while the acknowledgements that could seal
// the first ones lie unread. What waits on the topic of requests costs nothing.

const (
	unreadMost = 4                     // batches of acknowledgements that may lie unread while requests are admitted
	unreadOld  = 5 * time.Second       // after which a partition that is not worked any more holds nothing up
	turnLimit  = 8 * time.Second       // for which a batch of requests waits at most
	turnShare  = 10                    // of which this part is admitted then, in any case
	turnLook   = 10 * time.Millisecond // how often it is looked
)

// unread knows how many acknowledgements lie behind those that were taken in last, in the partitions that this instance reads.
type unread struct {
	limit time.Duration // for which requests give way

	mu sync.Mutex
	of map[int]lying
}

type lying struct {
	n  int64
	at time.Time
}

func newUnread() *unread { return &unread{limit: turnLimit, of: map[int]lying{}} }

func (u *unread) note(bs []kafka.Batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	for _, b := range bs {
		u.of[b.Partition] = lying{max(0, b.End-b.Next), now}
	}
}

func (u *unread) total() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	var n int64
	for _, l := range u.of {
		if time.Since(l.at) < unreadOld {
			n += l.n
		}
	}
	return n
}

// wait returns when it is the requests' turn, or after the limit: not relieved. Where the assignment ends before, it is an error.
func (u *unread) wait(ctx context.Context, most int64, ended <-chan struct{}) (relieved bool, err error) {
	if u.total() <= most {
		return true, nil
	}
	look := time.NewTicker(turnLook)
	defer look.Stop()
	limit := time.After(u.limit)
	for u.total() > most {
		select {
		case <-look.C:
		case <-limit:
			return false, nil
		case <-ended:
			return false, context.Canceled
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// takeRequests admits when it is the requests' turn, or a few.
func (c *Coordinator) takeRequests(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	relieved, err := c.unread.wait(ctx, int64(unreadMost*c.cfg.Batch), bs[0].Ended)
	if err != nil {
		out := make([]kafka.Outcome, len(bs))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	if few := max(1, c.cfg.Batch/turnShare); !relieved {
		bs = slices.Clone(bs)
		for i := range bs {
			if b := &bs[i]; len(b.Messages) > few {
				b.Messages, b.Next = b.Messages[:few], b.Messages[few].Offset
			}
		}
	}
	return c.admit(ctx, bs)
}

// takeAnswers takes in acknowledgements, and says how many more there are.
func (c *Coordinator) takeAnswers(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	out := c.aggregate(ctx, bs)
	c.unread.note(bs)
	return out
}
