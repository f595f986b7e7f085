// Package sqlite keeps the coordinator's state in a file: the embedded default, for one process. It keeps the same contract as
// package postgres and passes the same suite.
//
// There is one connection, and a transaction has it from begin to commit, so transactions never meet and nothing needs a lock of
// its own. Every commit is on disk before it is acknowledged (WAL, synchronous FULL). What is read for many keys is read by one
// statement over json_each; rows are written one by one with a prepared statement, which costs no round trip here and was a
// fifth faster than taking them from JSON.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Config says where the file is.
type Config struct {
	Path string // of the database; beside it lie -wal, -shm and .lock. Required

	BusyTimeout        time.Duration // how long to wait for somebody who has, reads or backs up the file; default 10 s
	RejectionRetention time.Duration // how long a rejection is kept after it was corrected; default 365 days
	ParkedRetention    time.Duration // how long a message that the broker refused for good is kept; default 14 days
}

const (
	defaultBusyTimeout = 10 * time.Second
	defaultRetention   = 365 * 24 * time.Hour
	defaultParked      = 14 * 24 * time.Hour
)

// Store is the coordinator's database in a file. It is safe for concurrent use.
type Store struct {
	db        *sql.DB
	lock      *fileLock
	retention time.Duration
	parked    time.Duration // how long a parked message is kept
	last      time.Time     // the latest instant that a transaction was given; its connection guards it

	mu     sync.Mutex
	shards map[int]*outbox // who holds them
	commit uint64          // counts commits that added rows to the outbox
	added  chan struct{}   // closed and replaced by such a commit
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Tx     = (*tx)(nil)
	_ store.Outbox = (*outbox)(nil)
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the file, made where it is missing, and brings its tables up to date. The file belongs to one Store at a time: while
// another has it, in this process or another one, Open waits for BusyTimeout and then returns a [store.UnavailableError].
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Path == "" {
		return nil, errors.New("sqlite: no path is configured")
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{retention: c.RejectionRetention, parked: c.ParkedRetention, shards: map[int]*outbox{}, added: make(chan struct{})}
	if s.retention == 0 {
		s.retention = defaultRetention
	}
	if s.parked == 0 {
		s.parked = defaultParked
	}
	if c.BusyTimeout <= 0 {
		c.BusyTimeout = defaultBusyTimeout
	}
	// Two that start together would create the same tables.
	wait, cancel := context.WithTimeout(ctx, c.BusyTimeout)
	defer cancel()
	if s.lock, err = lockFile(wait, path+".lock"); err != nil {
		return nil, &store.UnavailableError{Err: fmt.Errorf("lock %s: %w", c.Path, err)}
	}
	if s.db, err = sql.Open("sqlite", dsn(path, c)); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %w", err), s.lock.unlock())
	}
	s.db.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(classify("prepare the tables", err), s.Close())
	}
	return s, nil
}

func dsn(path string, c Config) string {
	q := url.Values{
		"_txlock": {"immediate"}, // a transaction that begins by reading could not wait for the right to write
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", c.BusyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)",
			"cache_size(-32768)",           // KiB: the index pages of the open requests
			"wal_autocheckpoint(4000)",     // pages, 16 MiB
			"journal_size_limit(67108864)", // after a peak the WAL shrinks again
		},
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return u.String()
}

func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, dir, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	err := s.db.Close() // also brings the WAL into the file
	return errors.Join(err, s.lock.unlock())
}
