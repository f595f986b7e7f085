package roles

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/services/internal/health"
)

// Names of what a process waits for, as /readyz says them.
const (
	coordinatorPart = "coordinator's database"
	packagerPart    = "packager's ledger and export store"
)

func responderPart(system string) string { return "system " + system }

// Healthy runs something and, where the configuration names an address, answers there whether the process lives and is ready, from
// before it begins until it has ended. An address that cannot be listened on is an error before anything is run.
func (p *Process) Healthy(ctx context.Context, run func(context.Context) error) error {
	if p.Config.Health.Address == "" {
		return run(ctx)
	}
	l, err := health.Listen(ctx, p.Config.Health.Address)
	if err != nil {
		return err
	}
	h := health.New(p.Log)
	h.Set("kafka", func(ctx context.Context) error { return p.Kafka.Check(ctx, Topics(p.Config)) })
	h.Watch(health.NewProgress(p.Kafka, p.Config.Health.Stalled))
	p.Health = h
	answering, stop := context.WithCancel(context.WithoutCancel(ctx)) // while it stops it is asked as well
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Serve(answering, l) })
	g.Go(func() error {
		defer stop()
		return run(running)
	})
	err = g.Wait()
	if ctx.Err() == nil && errors.Is(err, context.Canceled) {
		return errors.New("answering for health ended")
	}
	return err
}
