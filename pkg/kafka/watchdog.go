package kafka

import (
	"context"
	"time"
)

// call has the handler work a batch and watches over it. kafka-go has nothing like Java's max.poll.interval: a member whose
// handler hangs keeps its partitions, and heartbeats, for ever.
func (p *partition) call(ctx context.Context, batch Batch) (settled int, err error) {
	type outcome struct {
		settled int
		err     error
	}
	handleCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.HandleTimeout)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		settled, err := p.worker.Handle(handleCtx, batch)
		done <- outcome{settled, err}
	}()

	slow := time.NewTimer(p.config.RebalanceTimeout / 3)
	defer slow.Stop()
	var grace, stuck <-chan time.Time
	taken, over := ctx.Done(), handleCtx.Done()
	for {
		select {
		case o := <-done:
			return o.settled, o.err
		case <-slow.C:
			p.log.WarnContext(ctx, "batch takes long: a rebalance would wait for it",
				"offset", batch.Messages[0].Offset, "messages", len(batch.Messages), "after_seconds", (p.config.RebalanceTimeout / 3).Seconds())
		case <-taken:
			taken, grace = nil, time.After(p.config.Grace)
		case <-grace:
			cancel()
		case <-over:
			over, stuck = nil, time.After(p.config.Grace)
		case <-stuck:
			return 0, &StuckError{Group: p.config.Group, Topic: p.topic, Partition: p.id, Offset: batch.Messages[0].Offset}
		}
	}
}
