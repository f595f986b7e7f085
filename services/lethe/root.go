package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
)

// app is what every subcommand gets from outside.
type app struct {
	stdout, stderr io.Writer
	environ        []string
	configPath     string
	output         string
	patience       time.Duration // of a command that a person waits for
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "lethe",
		Short: "Erase and hand over a person's data across every system, and prove it",
		Long: "Lethe takes subject requests (GDPR Art. 15, 17, 20) from Kafka, has every system of the data map purge or export,\n" +
			"and answers with a signed completion record. Begin with `lethe demo`.",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if a.output != "text" && a.output != "json" {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--output is text or json, not %q", a.output)}
			}
			if err := cmd.ValidateRequiredFlags(); err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			return nil
		},
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", a.env("LETHE_CONFIG"), "configuration `file` (or LETHE_CONFIG); LETHE_… variables stand over it")
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "text or json, wherever something is listed")
	root.AddCommand(
		newDemo(a), newServe(a), newCoordinator(a), newResponder(a), newPackager(a),
		newRequest(a), newStatus(a), newRecord(a), newDatamap(a), newTopics(a), newDeadletters(a), newOffsets(a), newReconcile(a), newRepublish(a), newKeys(a), newVersion(a),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	root.CompletionOptions.HiddenDefaultCmd = true // among records it would be taken for another kind of completion
	strict(root)
	return root
}

// strict makes wrong arguments a usage error, and a group without a subcommand as well.
func strict(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		strict(c)
	}
	check := cmd.Args
	switch {
	case cmd.HasParent() && cmd.HasSubCommands() && !cmd.Runnable():
		check = oneOf
		cmd.FParseErrWhitelist.UnknownFlags = true // those of a subcommand that is not there: it is named, and not its flag
	case check == nil:
		check = cobra.NoArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{cmd.CommandPath(), err}
		}
		return nil
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			if cmd.HasParent() {
				return &usageError{cmd.CommandPath(), fmt.Errorf("%s wants a subcommand", cmd.CommandPath())}
			}
			return cmd.Help()
		}
	}
}

// oneOf refuses what is no subcommand of a group, and says which there are.
func oneOf(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	return fmt.Errorf("%s knows no %q: say %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))
}

func (a *app) env(name string) string {
	for _, kv := range a.environ {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// load reads the configuration for what the command is about to do.
func (a *app) load(options ...config.Option) (config.Config, *slog.Logger, error) {
	cfg, err := config.Load(a.configPath, a.environ, options...)
	if err != nil {
		return cfg, nil, err
	}
	return cfg, telemetry.Logger(a.stderr, cfg.Log), nil
}

// printJSON writes one value a line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes columns for people.
func (a *app) table(head string, rows func(w io.Writer)) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, head)
	rows(w)
	return w.Flush()
}

// version is set by the release build.
var version = ""

// build is what seals records.
func build() completion.Software {
	info, _ := debug.ReadBuildInfo()
	return buildOf(version, info)
}

// buildOf takes what Go stamps into a binary that is built in a clone: the version that the tags give, and the commit. What was
// changed since is said, since a record names the software that sealed it. `go run` and -buildvcs=false stamp nothing.
func buildOf(version string, info *debug.BuildInfo) completion.Software {
	s := completion.Software{Version: version, Commit: "unknown"}
	modified := false
	if info != nil {
		if v := info.Main.Version; s.Version == "" && v != "(devel)" {
			s.Version = v
		}
		for _, kv := range info.Settings {
			switch kv.Key {
			case "vcs.revision":
				s.Commit = kv.Value
			case "vcs.modified":
				modified = kv.Value == "true"
			}
		}
	}
	if modified {
		s.Commit += ", changed"
	}
	if s.Version == "" {
		s.Version = "dev"
	}
	return s
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is",
		RunE: func(*cobra.Command, []string) error {
			b := build()
			if a.output == "json" {
				return a.printJSON(map[string]string{"version": b.Version, "commit": b.Commit})
			}
			_, err := fmt.Fprintf(a.stdout, "lethe %s (%s)\n", b.Version, b.Commit)
			return err
		},
	}
}
