package main

import (
	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/services/lethe/demo"
)

func newDemo(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "demo", Short: "See a company in miniature erase and hand over data, from nothing",
		Long: "Founds a company with three systems, runs the real services on an embedded broker and SQLite, lets things go wrong, and\n" +
			"then searches the stores itself. Ends with 0 only if everything that it shows was found to be so. With --dir it\n" +
			"leaves records/, reports/, packages/ and keys/ there.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), a.stdout, dir, build())
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "new or empty `directory` that keeps everything (default: a temporary one, removed at the end)")
	return cmd
}
