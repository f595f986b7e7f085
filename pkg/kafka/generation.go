package kafka

import (
	"context"
	"log/slog"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// generation is the time between two rebalances: this member has these partitions.
type generation struct {
	*consumer
	commits *committer
	marks   marks
	worker  Handler // the consumer's, or what gathers for it
	log     *slog.Logger
}

// begin starts the work on a generation. kafka-go ends a generation as soon as one function under it returns, and joins the
// next one when all have: so everything runs under one function, which returns when every batch in hand is settled or given
// up and the last commit is made.
func (c *consumer) begin(ctx context.Context, gen *kafkago.Generation) {
	g := &generation{
		consumer: c,
		commits:  newCommitter(c.committing(gen), c.log),
		worker:   c.handler,
		log:      c.log.With("generation", gen.ID),
	}
	if all, ok := c.handler.(Gatherer); ok {
		g.worker = &gathering{handler: all, most: c.config.MaxBatch, wait: c.config.GatherWait}
	}
	g.marks = marks{client: c.client, group: c.config.Group, assigned: gen.Assignments}
	c.working.Add(1)
	gen.Start(func(genCtx context.Context) {
		defer c.working.Done()
		g.run(ctx, genCtx, gen)
	})
}

func (g *generation) run(ctx, genCtx context.Context, gen *kafkago.Generation) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(genCtx, cancel)()

	var workers, commits sync.WaitGroup
	count := 0
	for topic, assigned := range gen.Assignments {
		for _, a := range assigned {
			p := &partition{generation: g, topic: topic, id: a.ID, log: g.log.With("topic", topic, "partition", a.ID)}
			release := g.client.assigned.add(Assignment{g.config.Group, topic, a.ID})
			defer release()
			workers.Go(func() { p.work(ctx, a.Offset) })
			count++
		}
	}
	g.log.InfoContext(ctx, "partitions assigned", "member", gen.MemberID, "partitions", count)
	commits.Go(func() { g.commits.run(ctx) })
	<-ctx.Done()
	workers.Wait()
	commits.Wait()
	g.commits.finish()
}
