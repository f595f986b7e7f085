package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newRepublish(a *app) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use: "republish", Short: "Publish records and statuses again, after their topics lost messages",
		Long: "Publishes again, from the coordinator's database, every completion record and the present status of every request. A record\n" +
			"has the bytes that it had, so whoever holds it already loses nothing; a reader of statuses keeps the highest version. It\n" +
			"runs where a coordinator could; one that runs publishes what it wrote. Make missing topics first (`lethe topics apply`).\n" +
			"An SQLite file is free only while no process of Lethe uses it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var from time.Time
			if since != "" {
				var err error
				if from, err = time.Parse(time.RFC3339, since); err != nil {
					return &usageError{cmd.CommandPath(), errors.New("--since is not an RFC 3339 instant such as 2026-11-24T09:00:00+01:00")}
				}
			}
			return a.republish(cmd.Context(), from)
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "only records sealed at this `instant` or later, RFC 3339, and open requests")
	return cmd
}

func (a *app) republish(ctx context.Context, since time.Time) (err error) {
	cfg, log, err := a.load(config.For(config.Coordinator))
	if err != nil {
		return err
	}
	p, err := roles.Open(cfg, build(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	done, err := p.Republish(ctx, since)
	if a.output == "json" {
		return errors.Join(err, a.printJSON(map[string]any{"records": done.Records, "statuses": done.Statuses}))
	}
	_, werr := fmt.Fprintf(a.stdout, "%d records and %d statuses are published again once a coordinator runs\n", done.Records, done.Statuses)
	return errors.Join(err, werr)
}
