package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
	"github.com/lethe-dsr/lethe/services/coordinator/store/sqlite"
	"github.com/lethe-dsr/lethe/services/internal/calendar"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
)

// Coordinator runs one instance until ctx ends.
func (p *Process) Coordinator(ctx context.Context) error {
	p.Health.Expect(coordinatorPart)
	cfg, err := p.coordinatorConfig()
	if err != nil {
		return err
	}
	if cfg.Store, err = p.openStore(ctx); err != nil {
		return err
	}
	defer func() {
		if err := cfg.Store.Close(); err != nil {
			p.Log.WarnContext(ctx, "store did not close cleanly", "error", err)
		}
	}()
	c, err := coordinator.New(cfg)
	if err != nil {
		return err
	}
	p.Health.Set(coordinatorPart, func(ctx context.Context) error {
		_, _, err := cfg.Store.Offset(ctx, cfg.TopicPrefix+dsr.TopicRequests, 0)
		return err
	})
	p.Log.InfoContext(ctx, "coordinator is running", "systems", len(p.Map.Systems))
	return c.Run(ctx)
}

// Reconcile asks again whoever owes an open request an answer; see [coordinator.Coordinator.Reconcile]. It needs the coordinator's database and
// keys, and no broker: a coordinator that runs publishes what it wrote.
func (p *Process) Reconcile(ctx context.Context, delayed bool) (asked []coordinator.Asked, err error) {
	err = p.beside(ctx, func(c *coordinator.Coordinator) error {
		asked, err = c.Reconcile(ctx, delayed)
		return err
	})
	return asked, err
}

// Republish publishes again what was told of requests; see [coordinator.Coordinator.Republish]. It needs what Reconcile needs.
func (p *Process) Republish(ctx context.Context, since time.Time) (done coordinator.Republished, err error) {
	err = p.beside(ctx, func(c *coordinator.Coordinator) error {
		done, err = c.Republish(ctx, since)
		return err
	})
	return done, err
}

// beside works on the coordinator's database without serving, beside coordinators that do.
func (p *Process) beside(ctx context.Context, work func(*coordinator.Coordinator) error) error {
	cfg, err := p.coordinatorConfig()
	if err != nil {
		return err
	}
	if cfg.Store, err = p.openStore(ctx); err != nil {
		return err
	}
	c, err := coordinator.New(cfg)
	if err == nil {
		err = work(c)
	}
	return errors.Join(err, cfg.Store.Close())
}

func (p *Process) coordinatorConfig() (coordinator.Config, error) {
	l, in := p.Config.Limits, p.Config.Intake
	cfg := coordinator.Config{
		Kafka: p.Kafka, Producer: p.Producer, Codec: p.Codec, Map: p.Map,
		Policy: lifecycle.Policy{
			Silence: l.Silence, Resolution: l.Resolution, Settle: l.Settle, Margin: l.Margin, MinWait: l.MinWait, GateRecheck: l.GateRecheck, StatusDelay: l.StatusDelay,
			NotAfter: l.NotAfter, Looks: l.Looks, ResolvedMost: l.ResolvedValues, Held: l.Held,
			NeedIdentity: in.RequireIdentity, NeedDecision: in.RequireDecision, Environment: string(p.Config.Environment),
		},
		Responsible: coordinator.Responsible{Controller: p.Config.Controller.Name, ActingAs: p.Config.Controller.ActingAs},
		Default:     p.Config.Controller.Establishment, Establishment: map[string]coordinator.Establishment{},
		TopicPrefix: p.Config.Kafka.TopicPrefix, Session: p.Config.Kafka.SessionTimeout, AllowClear: in.AllowClearIdentifiers, ReceivedFloor: in.ReceivedFloor, MaxIdentifier: in.MaxIdentifiers,
		RecordRetain: l.RecordRetention, ExportRetain: p.Config.Export.Retention, Software: p.Version, Logger: p.Log.With("role", "coordinator"),
	}
	for name, e := range p.Config.Establishments {
		holiday, err := calendar.For(e.Calendar)
		if err != nil {
			return cfg, fmt.Errorf("establishments.%s.calendar: %w", name, err)
		}
		cfg.Establishment[name] = coordinator.Establishment{Zone: e.TimeZone, CalendarID: e.Calendar, Holiday: holiday}
	}
	var err error
	keys := &cfg.Keys
	if keys.Intake, err = p.Keys.Intake(); err != nil {
		return cfg, err
	}
	if keys.Topics, err = p.Keys.Topics(); err != nil {
		return cfg, err
	}
	if keys.Store, err = p.Keys.Store(); err != nil {
		return cfg, err
	}
	if keys.Subjects, err = p.Keys.Subjects(); err != nil {
		return cfg, err
	}
	cfg.Signer, err = completion.LoadSigner(recordKey(p.Config.Keys.Dir))
	return cfg, err
}

// OpenStore opens the coordinator's database for a tool that runs no role.
func OpenStore(ctx context.Context, cfg config.Config, log *slog.Logger) (store.Store, error) {
	return (&Process{Config: cfg, Log: log}).openStore(ctx)
}

// openStore waits for a database that is away; one that refuses for good ends the start.
func (p *Process) openStore(ctx context.Context) (store.Store, error) {
	return await(ctx, p, "coordinator's database", func() (store.Store, error) {
		db := p.Config.Store.Database
		if db.Engine() == config.SQLite {
			return sqlite.Open(ctx, sqlite.Config{Path: db.Path(), RejectionRetention: p.Config.Limits.RejectionRetention, ParkedRetention: p.Config.Limits.InternalRetention})
		}
		return postgres.Open(ctx, postgres.Config{
			URL: db.URL(), Schema: p.Config.Store.Schema, MaxConns: p.Config.Store.MaxConnections, RejectionRetention: p.Config.Limits.RejectionRetention,
			ParkedRetention: p.Config.Limits.InternalRetention, TracerProvider: telemetry.TracerProvider(),
		})
	}, func(err error) bool {
		var away *store.UnavailableError
		return errors.As(err, &away) || passing(err)
	})
}

// await opens something and waits, with one clear line, while it is away.
func await[T any](ctx context.Context, p *Process, what string, open func() (T, error), away func(error) bool) (T, error) {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(200*time.Millisecond), backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
	told := false
	for {
		v, err := open()
		if err == nil {
			if told {
				p.Log.InfoContext(ctx, "is back", "what", what)
			}
			return v, nil
		}
		if ctx.Err() != nil || !away(err) {
			return v, fmt.Errorf("open %s: %w", what, errors.Join(err, ctx.Err())) // whoever ends the wait finds its own error in there
		}
		if !told {
			told = true
			p.Log.WarnContext(ctx, "is away and waited for", "what", what, "error", err)
		}
		timer := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
