package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newReconcile(a *app) *cobra.Command {
	var delayed bool
	cmd := &cobra.Command{
		Use: "reconcile", Short: "Ask again whoever has not answered, after a topic lost messages",
		Long: "Asks, for every open request, the systems whose answer is missing, as a new attempt and with their limit running anew. What\n" +
			"a system has done it answers from its ledger and does not do again. It is safe at any time, and twice is once. It reads and\n" +
			"writes the coordinator's database, so it runs where a coordinator could; a coordinator that runs publishes what it\n" +
			"wrote. First set the offsets of halted partitions (`lethe offsets set`, or the group's). Subject requests that a topic lost\n" +
			"nobody knows here: they must be published again. An SQLite file is free only while no process of Lethe uses it.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context(), delayed) },
	}
	cmd.Flags().BoolVar(&delayed, "delayed", false, "also systems that have put their answer off: their ledger was lost")
	return cmd
}

func (a *app) reconcile(ctx context.Context, delayed bool) (err error) {
	cfg, log, err := a.load(config.For(config.Coordinator))
	if err != nil {
		return err
	}
	p, err := roles.Open(cfg, build(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	asked, err := p.Reconcile(ctx, delayed)
	if a.output == "json" {
		for _, s := range asked {
			err = errors.Join(err, a.printJSON(map[string]any{"system": s.System, "phase": s.Phase, "requests": s.Requests}))
		}
		return err
	}
	if len(asked) > 0 {
		return errors.Join(err, a.table("SYSTEM\tPHASE\tREQUESTS ASKED AGAIN", func(w io.Writer) {
			for _, s := range asked {
				fmt.Fprintf(w, "%s\t%s\t%d\n", s.System, s.Phase, s.Requests)
			}
		}))
	}
	if err == nil {
		_, err = fmt.Fprintln(a.stdout, "nobody owes an answer")
	}
	return err
}
