package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newOffsets(a *app) *cobra.Command {
	offsets := &cobra.Command{
		Use: "offsets", Short: "Say where the coordinator goes on after a partition was halted",
		Long: "The coordinator keeps its offsets in its own database, in the transactions that used the messages: the tools for\n" +
			"consumer groups do not reach them. Responders and the packager read from where their group is: stop them, set the\n" +
			"group's offset (kafka-consumer-groups --reset-offsets), and start them again.",
	}
	var from, to int64
	set := &cobra.Command{
		Use: "set TOPIC PARTITION", Short: "Set where a partition is read from", Args: cobra.ExactArgs(2),
		Long: "Sets the offset that the coordinator reads next. The log line of the halted partition names all four: TOPIC as it is\n" +
			"on the cluster, PARTITION, --from as it stands now, and the first offset that is left, for --to. Messages in between\n" +
			"are never read: a subject request among them is lost and must be published again, an acknowledgement among them\n" +
			"is missing: lethe reconcile asks for it again. Going back is safe: nothing is done twice. Restart the coordinators\n" +
			"afterwards. A database in an SQLite file is free only while no process of Lethe uses it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, flag := range []string{"from", "to"} {
				if !cmd.Flags().Changed(flag) {
					return &usageError{cmd.CommandPath(), fmt.Errorf("--%s is required", flag)}
				}
			}
			partition, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || partition < 0 {
				return &usageError{cmd.CommandPath(), fmt.Errorf("%q is no partition", args[1])}
			}
			if from < 0 || to < 0 {
				return &usageError{cmd.CommandPath(), errors.New("an offset is 0 or more")}
			}
			return a.setOffset(cmd.Context(), args[0], int(partition), from, to)
		},
	}
	set.Flags().Int64Var(&from, "from", 0, "where it is read from now, `offset`")
	set.Flags().Int64Var(&to, "to", 0, "where it is to be read from, `offset`")
	offsets.AddCommand(set)
	return offsets
}

func (a *app) setOffset(ctx context.Context, topic string, partition int, from, to int64) (err error) {
	cfg, log, err := a.load(config.For(config.Coordinator))
	if err != nil {
		return err
	}
	s, err := roles.OpenStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ok, err := s.SetOffset(ctx, topic, partition, from, to)
	if err != nil {
		return err
	}
	if !ok {
		at, known, err := s.Offset(ctx, topic, partition)
		switch {
		case err != nil:
			return err
		case !known:
			return fmt.Errorf("the coordinator has read nothing of %s/%d", topic, partition)
		}
		return fmt.Errorf("%s/%d is read from %d, not from %d: nothing was changed", topic, partition, at.Next, from)
	}
	if a.output == "json" {
		return a.printJSON(map[string]any{"topic": topic, "partition": partition, "from": from, "to": to})
	}
	_, err = fmt.Fprintf(a.stdout, "%s/%d is read from %d, no longer from %d, once the coordinators were restarted\n", topic, partition, to, from)
	return err
}
