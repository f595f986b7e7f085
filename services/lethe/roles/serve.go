package roles

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Serve runs every role in this process: the coordinator, the packager and a responder for each configured system. The first
// role that fails stops the others.
func (p *Process) Serve(ctx context.Context) error {
	p.Health.Expect(coordinatorPart) // all at once: one that is up does not speak for the others
	p.Health.Expect(packagerPart)
	for name := range p.Config.Systems {
		p.Health.Expect(responderPart(name))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return named("coordinator", p.Coordinator(ctx)) })
	g.Go(func() error { return named("packager", p.Packager(ctx)) })
	for name := range p.Config.Systems {
		g.Go(func() error { return named("responder "+name, p.Responder(ctx, name)) })
	}
	return g.Wait()
}

func named(role string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	return nil
}
