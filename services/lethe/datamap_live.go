package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
	sqlresponder "github.com/lethe-dsr/lethe/services/responders/sql"
)

// live names the database that a command looks at beside the map.
type live struct{ system, dsn string }

func (l *live) flags(cmd *cobra.Command, required bool) {
	cmd.Flags().StringVar(&l.system, "system", "", "`name` of the system")
	cmd.Flags().StringVar(&l.dsn, "dsn", "", "database `URL` of the system (default: systems.NAME.dsn of the configuration, which is the place for a password)")
	if required {
		if err := cmd.MarkFlagRequired("system"); err != nil {
			panic(err) // the flag was defined above
		}
	}
}

// errNoDatabase says that there is no catalogue to look at.
var errNoDatabase = errors.New("no database: name it with --dsn, or in the configuration as systems.NAME.dsn")

// open returns the system's database, or errNoDatabase.
func (l *live) open(a *app) (*sql.DB, sqlresponder.Dialect, error) {
	var d config.Database
	if l.dsn != "" {
		var err error
		if d, err = config.ParseDatabase(l.dsn); err != nil {
			return nil, "", fmt.Errorf("--dsn %w", err)
		}
	} else {
		cfg, _, err := a.load()
		if err != nil {
			return nil, "", err
		}
		if sys, ok := cfg.Systems[l.system]; ok && sys.Kind == config.KindSQL {
			d = sys.Database
		}
	}
	if d.IsZero() {
		return nil, "", errNoDatabase
	}
	return roles.Inspect(d)
}

// config is what a responder of the system would be told. Its secret for masks is none: nothing is masked.
func (l *live) config(m *datamap.Map, db *sql.DB, d sqlresponder.Dialect) sqlresponder.Config {
	return sqlresponder.Config{DB: db, Dialect: d, Map: m, System: l.system, MaskKey: make([]byte, 32), Logger: slog.New(slog.DiscardHandler)}
}

// survey returns what the live catalogue adds to the findings; nothing, and false, where there is no database to look at.
func (l *live) survey(ctx context.Context, a *app, m *datamap.Map) ([]datamap.Finding, bool, error) {
	db, d, err := l.open(a)
	if errors.Is(err, errNoDatabase) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer db.Close() // it only read
	found, err := sqlresponder.Survey(ctx, l.config(m, db, d))
	return found, true, err
}

// planned makes the live plan; nil where there is no database to look at.
func (l *live) planned(ctx context.Context, a *app, m *datamap.Map) (*sqlresponder.System, func(), error) {
	db, d, err := l.open(a)
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlresponder.Plan(ctx, l.config(m, db, d))
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return s, func() { _ = db.Close() }, nil
}

func newDatamapGrants(a *app, files *[]string) *cobra.Command {
	var l live
	var role string
	cmd := &cobra.Command{
		Use: "grants", Short: "Print the rights that a responder needs in its database, and no others",
		Long: "Prints SQL for the owner of a PostgreSQL or MariaDB database: the rights that the requests of the system need by its data map, then the\n" +
			"ledger's tables and the rights on them. Run it again after the map or the tables changed; it takes no right away.\n" +
			"On PostgreSQL the role itself may ask, before it has any right. On MariaDB it sees no table then: name the owner's URL with --dsn.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.loadMap(*files)
			if err != nil {
				return err
			}
			s, closeDB, err := l.planned(cmd.Context(), a, m)
			if err != nil {
				return err
			}
			defer closeDB()
			grants, err := s.Grants(cmd.Context(), role)
			if err != nil {
				return err
			}
			if len(grants) == 0 {
				return errors.New("the engine of this database knows no rights: the file must be readable and writable, no more")
			}
			own := ledger.Grants(s.Account(role))
			where := "first schema of the role's search_path"
			if s.Dialect() == sqlresponder.MySQL {
				where = "database of the role's URL"
			}
			grants = append(grants, own...)
			if a.output == "json" {
				for _, g := range grants {
					if err := a.printJSON(map[string]string{"sql": g}); err != nil {
						return err
					}
				}
				return nil
			}
			_, err = fmt.Fprintf(a.stdout, "%s;\n\n-- The ledger, in the %s. Not needed where it stands beside (systems.NAME.ledger).\n%s\n%s;\n",
				strings.Join(grants[:len(grants)-len(own)], ";\n"), where, strings.TrimSpace(ledger.Schema(ledger.Dialect(s.Dialect()))), strings.Join(own, ";\n"))
			return err
		},
	}
	l.flags(cmd, true)
	cmd.Flags().StringVar(&role, "role", "lethe", "`name` of the role; on MariaDB with its host, where it has one: lethe@10.0.0.7")
	return cmd
}

func newDatamapDraft(a *app) *cobra.Command {
	var l live
	var schemas []string
	var out string
	var noSamples bool
	cmd := &cobra.Command{
		Use: "draft", Short: "Write a first data map from a live database, for a person to finish",
		Long: "Writes the tables, keys and references of a database, whom one could ask about, and a category for each column, guessed from names and\n" +
			"from some rows, whose values go nowhere. Every guess has a comment. What an erasure does is left open: `lethe datamap check` names it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, d, err := l.open(a)
			if err != nil {
				return err
			}
			defer db.Close() // it only read
			text, err := sqlresponder.Draft(cmd.Context(), sqlresponder.DraftConfig{DB: db, Dialect: d, System: l.system, Schemas: schemas, NoSamples: noSamples})
			if err != nil {
				return err
			}
			if out == "" {
				_, err = a.stdout.Write(text)
				return err
			}
			return writeNew(out, text)
		},
	}
	l.flags(cmd, true)
	cmd.Flags().StringSliceVar(&schemas, "schema", nil, "`name` of a schema of PostgreSQL or a database of MariaDB; may be repeated (default: all; on MariaDB the one of the URL)")
	cmd.Flags().StringVar(&out, "out", "", "`file` to write, which must not be there yet (default: standard output)")
	cmd.Flags().BoolVar(&noSamples, "no-samples", false, "guess from names alone and read no row")
	return cmd
}

// writeNew writes a file that is not there yet: a map that somebody finished is not overwritten by a draft.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// printSQL writes statements after the words that explain them.
func printSQL(w io.Writer, head string, statements []string) error {
	_, err := fmt.Fprintf(w, "\n-- %s\n%s;\n", head, strings.Join(statements, ";\n\n"))
	return err
}
