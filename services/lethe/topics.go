package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

func newTopics(a *app) *cobra.Command {
	topics := &cobra.Command{Use: "topics", Short: "Make and check the topics"}
	topics.AddCommand(&cobra.Command{
		Use: "apply", Short: "Make the topics that are missing and check the others",
		Long: "Makes the topics that are missing. One that stands already is never changed: where it is not as it should be,\n" +
			"the command ends with 1 and names what differs.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, log, err := a.load(config.For(config.Client))
			if err != nil {
				return err
			}
			client, err := roles.Client(cfg, log)
			if err != nil {
				return err
			}
			defer client.Close()
			if err := a.awaitBrokers(cmd.Context(), client, cfg); err != nil {
				return err
			}
			specs := roles.Topics(cfg)
			created, err := client.Apply(cmd.Context(), specs)
			for _, name := range created {
				fmt.Fprintf(a.stdout, "made    %s\n", name)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%d topics are as they should be\n", len(specs))
			return err
		},
	})
	return topics
}
