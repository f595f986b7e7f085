package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

//go:embed migrations/*.sql
var migrations embed.FS

// version is that of the newest migration: migrations/DIALECT_1.sql to _version.sql.
const version = 1

// Schema returns the statements that make the ledger's tables as this build wants them, for a role that may not create them
// itself. Each ends with a semicolon and a line break; running them twice changes nothing.
func Schema(d Dialect) string {
	var b strings.Builder
	b.WriteString(versionTable + ";\n")
	for v := 1; v <= version; v++ {
		b.WriteString(migration(d, v))
		if d == MySQL {
			fmt.Fprintf(&b, "INSERT IGNORE INTO lethe_ledger_version VALUES (%d);\n", v)
			continue
		}
		fmt.Fprintf(&b, "INSERT INTO lethe_ledger_version VALUES (%d) ON CONFLICT DO NOTHING;\n", v)
	}
	return b.String()
}

const versionTable = "CREATE TABLE IF NOT EXISTS lethe_ledger_version (version integer PRIMARY KEY)"

func migration(d Dialect, v int) string {
	text, err := migrations.ReadFile(fmt.Sprintf("migrations/%s_%d.sql", d, v))
	if err != nil {
		panic(err) // embedded: a file that is missing does not pass the first test
	}
	return string(text)
}

// prepare makes the tables on the first call that reaches the database; a failed one is made up for by the next. Several
// processes may start at once: the first statement of the migration waits for a rival's.
func (l *Ledger) prepare(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready {
		return nil
	}
	have, err := l.version(ctx, l.db)
	if err != nil {
		return Classified(fmt.Errorf("read the ledger's version: %w", err))
	}
	if have < version {
		if have, err = l.migrate(ctx); err != nil {
			return err
		}
	}
	if have > version {
		return Classified(fmt.Errorf("the ledger's tables have version %d, this build knows version %d", have, version))
	}
	l.ready = true
	return nil
}

// Made makes the tables where they are missing and reports, once, whether it was this process that made them: such a ledger knows
// nothing of what was done before.
func (l *Ledger) Made(ctx context.Context) (bool, error) {
	if err := l.prepare(ctx); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	made := l.made
	l.made = false
	return made, nil
}

func (l *Ledger) migrate(ctx context.Context) (have int, err error) {
	if l.sql.release != "" {
		return l.migrateCommitting(ctx)
	}
	made := false
	defer func() { l.made = made && err == nil }()
	err = l.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, l.sql.serialise); err != nil {
			return Classified(fmt.Errorf("wait to make the ledger's tables: %w", err))
		}
		if have, err = l.version(ctx, tx); err != nil {
			return Classified(fmt.Errorf("read the ledger's version: %w", err))
		}
		made = have == 0
		for have < version {
			if _, err := tx.ExecContext(ctx, migration(l.sql.dialect, have+1)); err != nil {
				return Classified(fmt.Errorf("make the ledger's tables: %w", err))
			}
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO lethe_ledger_version VALUES (%d)", have+1)); err != nil {
				return Classified(fmt.Errorf("make the ledger's tables: %w", err))
			}
			have++
		}
		return nil
	})
	return have, err
}

// migrateCommitting is migrate where every statement that makes a table commits: under a lock of the session, statement by
// statement, each of which changes nothing the second time; the version is written last.
func (l *Ledger) migrateCommitting(ctx context.Context) (have int, err error) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return 0, Classified(fmt.Errorf("wait to make the ledger's tables: %w", err))
	}
	defer func() { _ = conn.Close() }() // back to the pool
	var locked sql.NullBool
	if err := conn.QueryRowContext(ctx, l.sql.serialise).Scan(&locked); err != nil {
		return 0, Classified(fmt.Errorf("wait to make the ledger's tables: %w", err))
	}
	if !locked.Bool {
		return 0, responder.Transient(errors.New("wait to make the ledger's tables: another process has been making them for a minute"))
	}
	defer func() {
		if _, lost := conn.ExecContext(context.WithoutCancel(ctx), l.sql.release); err == nil && lost != nil {
			err = Classified(fmt.Errorf("make the ledger's tables: %w", lost))
		}
	}()
	if have, err = l.version(ctx, conn); err != nil {
		return 0, Classified(fmt.Errorf("read the ledger's version: %w", err))
	}
	made := have == 0
	defer func() { l.made = made && err == nil }()
	for ; have < version; have++ {
		all := versionTable + ";\n" + migration(l.sql.dialect, have+1) + fmt.Sprintf("INSERT IGNORE INTO lethe_ledger_version VALUES (%d)", have+1)
		for statement := range strings.SplitSeq(all, ";\n") {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return 0, Classified(fmt.Errorf("make the ledger's tables: %w", err))
			}
		}
	}
	return have, nil
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns 0 where there are no tables yet.
func (l *Ledger) version(ctx context.Context, q querier) (int, error) {
	var there bool
	if err := q.QueryRowContext(ctx, l.sql.exists).Scan(&there); err != nil || !there {
		return 0, err
	}
	var v int
	err := q.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM lethe_ledger_version").Scan(&v)
	return v, err
}
