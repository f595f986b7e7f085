package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"

	"github.com/lethe-dsr/lethe/scripts/servers/servers"
)

// lab is what the cases share: the servers, started when the first case asks for them, and a directory that goes with it.
type lab struct {
	options
	dir      string
	versions map[string]string

	kafka, postgres, mariadb *servers.Server
	admin                    *sql.DB // of PostgreSQL
	command                  string  // the binary of lethe
	made                     int
}

func open(_ context.Context, o options) (*lab, error) {
	dir, err := os.MkdirTemp("", "lethe-bench-")
	if err != nil {
		return nil, err
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o700); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return &lab{options: o, dir: dir, versions: map[string]string{}}, nil
}

func (l *lab) close() {
	if l.admin != nil {
		_ = l.admin.Close() // the server stops next
	}
	for _, s := range []*servers.Server{l.kafka, l.postgres, l.mariadb} {
		if s != nil {
			s.Stop()
		}
	}
	_ = os.RemoveAll(l.dir) // what stays behind is in the temporary directory
}

// broker returns the Kafka server's address.
func (l *lab) broker(ctx context.Context) (string, error) {
	if l.kafka == nil {
		s, err := servers.StartKafka(ctx, servers.Options{Dir: l.dir, Progress: l.line})
		if err != nil {
			return "", err
		}
		l.kafka, l.versions["Apache Kafka"] = s, servers.KafkaVersion()
	}
	return l.kafka.URL, nil
}

// database returns the URL of a new, empty database in PostgreSQL.
func (l *lab) database(ctx context.Context) (string, error) {
	if l.postgres == nil {
		s, err := servers.StartPostgres(ctx, servers.Options{Fsync: true, Progress: l.line, Settings: map[string]string{
			"shared_buffers": "512MB", "max_wal_size": "4GB", "shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "10000",
		}})
		if err != nil {
			return "", err
		}
		l.postgres = s
		if l.admin, err = sql.Open("pgx", s.URL); err != nil {
			return "", err
		}
		if _, err := l.admin.ExecContext(ctx, "create extension pg_stat_statements"); err != nil {
			return "", err
		}
		var version string
		if err := l.admin.QueryRowContext(ctx, "show server_version").Scan(&version); err != nil {
			return "", err
		}
		l.versions["PostgreSQL"], _, _ = strings.Cut(version, " ")
	}
	name := l.next("bench")
	if _, err := l.admin.ExecContext(ctx, "create database "+name); err != nil {
		return "", err
	}
	return strings.Replace(l.postgres.URL, "/postgres?", "/"+name+"?", 1), nil
}

// drop removes a database that a case has done with: the next one is not to wait for its vacuum.
func (l *lab) drop(ctx context.Context, url string) error {
	_, err := l.admin.ExecContext(context.WithoutCancel(ctx), "drop database if exists "+databaseName(url)+" with (force)")
	return err
}

// statements is how many statements PostgreSQL has run for clients so far.
func (l *lab) statements(ctx context.Context) (n float64, err error) {
	err = l.admin.QueryRowContext(ctx, "select coalesce(sum(calls), 0)::float8 from pg_stat_statements where toplevel").Scan(&n)
	return n, err
}

// databaseBytes is the size of a database.
func (l *lab) databaseBytes(ctx context.Context, url string) (n float64, err error) {
	err = l.admin.QueryRowContext(ctx, "select pg_database_size($1)::float8", databaseName(url)).Scan(&n)
	return n, err
}

func databaseName(url string) string {
	name, _, _ := strings.Cut(url[strings.LastIndex(url, "/")+1:], "?")
	return name
}

// kafkaBytes is what the broker's data files hold; indexes are made ahead and do not count.
func (l *lab) kafkaBytes() (n float64, err error) {
	err = filepath.WalkDir(filepath.Join(l.dir, "kafka"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".log" || strings.Contains(path, "__") { // __consumer_offsets, __cluster_metadata
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			n += float64(info.Size())
		}
		return ignoreGone(err)
	})
	return n, err
}

// ignoreGone lets a file go that was deleted meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// maria returns the URL of the MariaDB server, which the name of a database completes.
func (l *lab) maria(ctx context.Context) (string, error) {
	if l.mariadb == nil {
		s, err := servers.StartMariaDB(ctx, servers.Options{Fsync: true, Progress: l.line, Settings: map[string]string{"innodb-buffer-pool-size": "512M"}})
		if err != nil {
			return "", err
		}
		l.mariadb = s
		db, err := mysqlOpen(s.URL + "mysql")
		if err != nil {
			return "", err
		}
		defer db.Close()
		var version string
		if err := db.QueryRowContext(ctx, "select version()").Scan(&version); err != nil {
			return "", err
		}
		l.versions["MariaDB"], _, _ = strings.Cut(version, "-")
	}
	return l.mariadb.URL, nil
}

// lethe builds the command, once, with the tags of the image (deployments/Dockerfile).
func (l *lab) lethe(ctx context.Context) (string, error) {
	if l.command != "" {
		return l.command, nil
	}
	path := filepath.Join(l.dir, "lethe")
	out, err := exec.CommandContext(ctx, "go", "build", "-tags", "disable_grpc_modules", "-o", path, "github.com/lethe-dsr/lethe/services/lethe").CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("build lethe: %w", err), errors.New(string(out)))
	}
	l.command = path
	return path, nil
}

// next is a name that nothing else has.
func (l *lab) next(what string) string {
	l.made++
	return fmt.Sprintf("%s_%d", what, l.made)
}

func (l *lab) line(s string) { l.progress("%s", s) }
