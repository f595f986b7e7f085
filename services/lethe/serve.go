package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newServe(a *app) *cobra.Command {
	var dev bool
	var dir string
	var port int
	cmd := &cobra.Command{
		Use: "serve", Short: "Run every role in this process",
		Long: "Runs the coordinator, the packager and a responder for each configured system. With --dev it brings an embedded\n" +
			"broker, keeps everything under --dir, shortens the waits, and seals records that say `dev`: they prove nothing.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !dev {
				return a.role(cmd.Context(), config.For(config.Serve), "lethe", (*roles.Process).Serve)
			}
			return a.serveDev(cmd.Context(), dir, port)
		},
	}
	cmd.Flags().BoolVar(&dev, "dev", false, "embedded broker and SQLite; for trying out only")
	cmd.Flags().StringVar(&dir, "dir", "lethe-dev", "with --dev: `directory` of everything it keeps")
	cmd.Flags().IntVar(&port, "port", 9092, "with --dev: port of the broker on 127.0.0.1; 0 takes a free one")
	return cmd
}

func newCoordinator(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "coordinator", Short: "Run one instance of the coordinator",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.role(cmd.Context(), config.For(config.Coordinator), "lethe-coordinator", (*roles.Process).Coordinator)
		},
	}
}

func newResponder(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "responder NAME", Short: "Run the responder of one system", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.role(cmd.Context(), config.ForSystem(args[0]), "lethe-responder-"+args[0], func(p *roles.Process, ctx context.Context) error { return p.Responder(ctx, args[0]) })
		},
	}
}

func newPackager(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "packager", Short: "Run the packager, which assembles exports",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.role(cmd.Context(), config.For(config.Packager), "lethe-packager", (*roles.Process).Packager)
		},
	}
}

// role runs a service until the process is told to stop.
func (a *app) role(ctx context.Context, needs config.Option, name string, run func(*roles.Process, context.Context) error) error {
	cfg, log, err := a.load(needs)
	if err == nil {
		err = roles.TuneMemory()
	}
	if err != nil {
		return err
	}
	flush, err := telemetry.Start(ctx, telemetry.Options{Service: name, Version: build().Version, Logger: log})
	if err != nil {
		return err
	}
	p, err := roles.Open(cfg, build(), log)
	if err != nil {
		return errors.Join(err, flush(context.WithoutCancel(ctx)))
	}
	err = p.Healthy(ctx, func(ctx context.Context) error {
		if err := p.Ready(ctx); err != nil {
			return err
		}
		return run(p, ctx)
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to stop while it waited for something
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	return errors.Join(err, p.Close(), flush(end))
}

const flushWithin = 5 * time.Second

// serveDev is serve with everything that it needs in one directory.
func (a *app) serveDev(ctx context.Context, dir string, port int) error {
	cfg, log, err := a.load(config.For(config.Serve), config.ForDev(dir))
	if err == nil {
		err = roles.TuneMemory()
	}
	if err != nil {
		return err
	}
	flush, err := telemetry.Start(ctx, telemetry.Options{Service: "lethe", Version: build().Version, Logger: log})
	if err != nil {
		return err
	}
	d, err := roles.OpenDev(ctx, cfg, build(), log, dir, port)
	if err != nil {
		return errors.Join(err, flush(context.WithoutCancel(ctx)))
	}
	fmt.Fprintf(a.stdout, "For other terminals:\n  export LETHE_KAFKA_BROKERS=%s LETHE_KEYS_DIR=%s\n", d.Config.Kafka.Brokers[0], d.Config.Keys.Dir)
	err = d.Healthy(ctx, d.Serve)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	return errors.Join(err, d.Close(), flush(end))
}
