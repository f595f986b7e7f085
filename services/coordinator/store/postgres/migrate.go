package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	lockEvery = 1   // seconds between tries for the migration lock, goose's shortest
	lockTries = 300 // a migration by another instance may take that many seconds
)

// migrate makes the schema and applies what it lacks. Tables of a newer build are left as they are: readers are upgraded first,
// and an older instance may start beside a newer one.
func (s *Store) migrate(ctx context.Context) error {
	db := stdlib.OpenDB(*s.conn)
	defer db.Close()
	var version int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	if version < minVersion {
		return fmt.Errorf("the server is PostgreSQL %d.%d, version 14 or newer is needed", version/10000, version%10000)
	}
	if err := s.makeSchema(ctx, db); err != nil {
		return err
	}
	// Without the session lock instances that start together create the same table.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(int64(s.lockID("migrate"))), lock.WithLockTimeout(lockEvery, lockTries))
	if err != nil {
		return err
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// makeSchema needs the right to create one only where it is missing.
func (s *Store) makeSchema(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(s.lockID("schema"))); err != nil {
		return err
	}
	var exists bool
	if err := tx.QueryRowContext(ctx, "SELECT to_regnamespace($1) IS NOT NULL", s.schema).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if _, err := tx.ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{s.schema}.Sanitize()); err != nil {
			return fmt.Errorf("create schema %s: %w", s.schema, err)
		}
	}
	return tx.Commit()
}

// monthsAhead is how many months after the current one have their partition already.
const monthsAhead = 2

// makePartitions makes the partitions of the records of this month and the next. A new partition is filled and tied up outside and
// then attached, because creating it in place would lock out everybody who writes records.
func (s *Store) makePartitions(ctx context.Context) error {
	now, have, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := 0; i <= monthsAhead; i++ {
		from := month.AddDate(0, i, 0)
		name := "record_" + from.Format("2006_01")
		if have[name] {
			continue
		}
		if err := s.makePartition(ctx, name, from, from.AddDate(0, 1, 0)); err != nil {
			return fmt.Errorf("partition %s: %w", name, err)
		}
	}
	return nil
}

func (s *Store) partitions(ctx context.Context) (now time.Time, have map[string]bool, err error) {
	have = map[string]bool{}
	rows, err := s.pool.Query(ctx, `SELECT clock_timestamp(), coalesce(c.relname, '')
		FROM (SELECT 'record'::regclass AS parent) p LEFT JOIN pg_inherits i ON i.inhparent = p.parent LEFT JOIN pg_class c ON c.oid = i.inhrelid`)
	if err != nil {
		return now, nil, err
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&now, &name}, func() error {
		have[name] = true
		return nil
	})
	return now.UTC(), have, err
}

func (s *Store) makePartition(ctx context.Context, name string, from, to time.Time) error {
	const day = "2006-01-02 00:00:00+00"
	table := pgx.Identifier{name}.Sanitize()
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(s.lockID("partition"))); err != nil {
			return err
		}
		var attached bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'record'::regclass AND inhrelid = to_regclass($1))`, name).Scan(&attached)
		if err != nil || attached {
			return err
		}
		// Most records fit into a page; taken apart into chunks of two kilobytes each, they cost three times as much to write.
		if _, err := tx.Exec(ctx, "CREATE TABLE "+table+" (LIKE record INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION) WITH (toast_tuple_target = 8160)"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "ALTER TABLE record ATTACH PARTITION "+table+" FOR VALUES FROM ('"+from.Format(day)+"') TO ('"+to.Format(day)+"')")
		return err
	})
}
