package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func newDatamap(a *app) *cobra.Command {
	dm := &cobra.Command{Use: "datamap", Short: "Check the data map and see what it makes happen"}
	var files []string
	dm.PersistentFlags().StringArrayVar(&files, "file", nil, "`file` or directory of the data map; may be repeated (default: data_map.files of the configuration)")
	dm.AddCommand(newDatamapCheck(a, &files), newDatamapPlan(a, &files), newDatamapDraft(a), newDatamapGrants(a, &files))
	return dm
}

// loadMap reads the map from the files named, or from the configuration's.
func (a *app) loadMap(files []string) (*datamap.Map, error) {
	if len(files) == 0 {
		cfg, _, err := a.load()
		if err != nil {
			return nil, err
		}
		files = cfg.DataMap.Files
	}
	if len(files) == 0 {
		return nil, errors.New("no data map: name its files with --file, or in the configuration")
	}
	return datamap.Load(files...)
}

func newDatamapCheck(a *app, files *[]string) *cobra.Command {
	var l live
	cmd := &cobra.Command{
		Use: "check", Short: "Find what is wrong or missing in the data map",
		Long: "Ends with 1 where a finding is an error, with which no service starts. A warning is something that a record may have to\n" +
			"say, such as that nobody declared the backups. With --system, and a database of that system, the live catalogue is looked at as well:\n" +
			"tables, columns and foreign keys that the map does not know, types that differ, tables that no request reaches, columns that look like\n" +
			"references and are declared nowhere, foreign keys over which a deletion may fail.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.dsn != "" && l.system == "" {
				return &usageError{cmd.CommandPath(), errors.New("--dsn is of a system: name it with --system")}
			}
			m, err := a.loadMap(*files)
			if err != nil {
				return err
			}
			findings := m.Check()
			looked := ""
			if l.system != "" {
				if _, ok := m.System(l.system); !ok {
					return fmt.Errorf("system %q: %w", l.system, datamap.ErrUnknownSystem)
				}
				findings = slices.DeleteFunc(findings, func(f datamap.Finding) bool { return f.System != l.system })
				found, ok, err := l.survey(cmd.Context(), a, m)
				if err != nil {
					return err
				}
				findings = append(findings, found...)
				looked = "; the live catalogue of " + l.system + " was looked at"
				if !ok {
					looked = "; no live catalogue was looked at, for " + l.system + " has no database here (--dsn, or systems." + l.system + ".dsn)"
				}
			}
			return a.printFindings(m, findings, looked)
		},
	}
	l.flags(cmd, false)
	return cmd
}

func (a *app) printFindings(m *datamap.Map, findings []datamap.Finding, looked string) error {
	bad := 0
	for _, f := range findings {
		if f.Severity == datamap.SeverityError {
			bad++
		}
		var err error
		if a.output == "json" {
			err = a.printJSON(map[string]any{"severity": f.Severity, "file": f.Pos.File, "line": f.Pos.Line, "column": f.Pos.Column, "code": f.Code, "system": f.System, "message": f.Message})
		} else {
			_, err = fmt.Fprintf(a.stdout, "%s: %s: %s\n", f.Pos, f.Severity, f.Message)
		}
		if err != nil {
			return err
		}
	}
	if a.output == "text" {
		fmt.Fprintf(a.stdout, "%d systems, %d errors, %d warnings; map %x%s\n", len(m.Systems), bad, len(findings)-bad, m.SHA256[:8], looked)
	}
	if bad > 0 {
		return &statusError{exitError}
	}
	return nil
}

func newDatamapPlan(a *app, files *[]string) *cobra.Command {
	var l live
	var kind, capacity string
	cmd := &cobra.Command{
		Use: "plan", Short: "Show what a request does in a system, in which order and why",
		Long: "With a database of the system, the statements that its responder would run follow, in their order; none is run.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			k := dsr.Kind(kind)
			if !k.Valid() {
				return &usageError{cmd.CommandPath(), errors.New("--kind is erasure, portability or access")}
			}
			m, err := a.loadMap(*files)
			if err != nil {
				return err
			}
			steps, err := m.Explain(l.system, k, capacity)
			if err != nil {
				return err
			}
			for i, s := range steps {
				if a.output == "json" {
					err = a.printJSON(s)
				} else {
					_, err = fmt.Fprintf(a.stdout, "%2d. %s\n", i+1, s)
				}
				if err != nil {
					return err
				}
			}
			return a.printLivePlan(cmd.Context(), &l, m, k, capacity)
		},
	}
	l.flags(cmd, true)
	cmd.Flags().StringVar(&kind, "kind", string(dsr.Erasure), "erasure, portability or access")
	cmd.Flags().StringVar(&capacity, "subject", "", "`kind` of subject, a capacity in the words of a request (default: every one that the system knows)")
	cmd.Flags().StringVar(&capacity, "capacity", "", "the same as --subject")
	return cmd
}

// printLivePlan prints the statements of the live plan, if there is a database to make it for.
func (a *app) printLivePlan(ctx context.Context, l *live, m *datamap.Map, k dsr.Kind, capacity string) error {
	s, closeDB, err := l.planned(ctx, a, m)
	if errors.Is(err, errNoDatabase) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closeDB()
	sys, _ := m.System(l.system)
	for _, sub := range sys.Subjects {
		if capacity != "" && capacity != sub.Kind {
			continue
		}
		statements, err := s.Explain(k, sub.Kind)
		if err != nil {
			return err
		}
		if a.output == "json" {
			for _, q := range statements {
				if err := a.printJSON(map[string]string{"subject": sub.Kind, "sql": q}); err != nil {
					return err
				}
			}
			continue
		}
		if err := printSQL(a.stdout, fmt.Sprintf("%s, subject %s: as the database of %s would be asked", k, sub.Kind, l.system), statements); err != nil {
			return err
		}
	}
	return nil
}
