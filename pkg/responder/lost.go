package responder

import (
	"context"
	"time"
)

// newborn is a ledger that knows whether this process made its tables.
type newborn interface {
	Made(ctx context.Context) (bool, error)
}

// tellLoss says so where the ledger was made just now although the group has read before: then there was another one. It is
// asked once, before the group is joined, for with the first batch every ledger has committed offsets beside it. What cannot be
// told now is not told: whatever is away is waited for, and named, by those who need it.
func (r *Responder) tellLoss(ctx context.Context) {
	l, ok := r.ledger.(newborn)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if made, err := l.Made(ctx); err != nil || !made {
		return
	}
	lags, err := r.client.Lag(ctx, r.config.Group, r.config.topics())
	if err != nil {
		return
	}
	for _, p := range lags {
		if p.Committed > 0 {
			r.log.WarnContext(ctx, "the ledger was made just now, but this group has read before: if a ledger was lost, what it had deferred is not worked any more, "+
				"and a step that comes again is worked again and counts what is left. Restore it from its backup, if there is one, before more is read",
				"group", r.config.Group, "topic", p.Topic, "partition", p.Partition, "committed", p.Committed)
			return
		}
	}
}

const askWithin = 10 * time.Second
