// Package postgres keeps the coordinator's state in PostgreSQL 14 or newer: the production store, shared by all instances.
//
// A transaction sends its statements in as few round trips as it can: begin, the clock and the lock of the source in one, what is
// locked together with what is read under it in another, all writes with the commit in the last. Every statement works on
// arrays, hundreds of rows at a time. READ COMMITTED is enough because a transaction locks first and decides on what it reads in a
// later statement, which sees what was committed by whoever held the lock before.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Config says where the database is.
type Config struct {
	URL    string // postgres://…, or key=value pairs; the PG… environment variables fill what it leaves out. Required
	Schema string // that holds the tables, made where it is missing; default "lethe". Instances of one pipeline share it

	MaxConns           int           // of the pool; the relay has one of its own besides. Default 8
	LockTimeout        time.Duration // how long a statement waits for a lock before the transaction begins again; default 30 s
	RejectionRetention time.Duration // how long a rejection is kept after it was corrected; default 365 days
	ParkedRetention    time.Duration // how long a message that the broker refused for good is kept; default 14 days
	CacheBytes         int           // about how much memory open requests may take that need not be read again; default 128 MiB, negative: none

	TracerProvider trace.TracerProvider // nil: statements are not traced. Spans hold statements, never their arguments
}

const (
	minVersion         = 140000
	defaultMaxConns    = 8
	defaultLockTimeout = 30 * time.Second
	defaultRetention   = 365 * 24 * time.Hour
	defaultParked      = 14 * 24 * time.Hour
	defaultCacheBytes  = 128 << 20

	defaultConnectTimeout = 10 * time.Second
)

// Store is the coordinator's database in PostgreSQL. It is safe for concurrent use.
type Store struct {
	pool      *pgxpool.Pool
	conn      *pgx.ConnConfig // of the outbox's connections
	schema    string
	retention time.Duration
	parked    time.Duration // how long a parked message is kept
	cache     *cache
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Tx     = (*tx)(nil)
	_ store.Outbox = (*outbox)(nil)
)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,50}$`)

// Open connects, brings the tables up to date and makes the partitions that are needed soon. Instances that start together wait
// for each other. It returns a [store.UnavailableError] while the server cannot be reached; waiting for it is the caller's part.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Schema == "" {
		c.Schema = "lethe"
	}
	if !schemaName.MatchString(c.Schema) {
		return nil, fmt.Errorf("postgres: schema %q is not a plain lower-case name", c.Schema)
	}
	if c.URL == "" {
		return nil, errors.New("postgres: no URL is configured")
	}
	cfg, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	prepare(cfg, c)
	s := &Store{conn: cfg.ConnConfig.Copy(), schema: c.Schema, retention: c.RejectionRetention, parked: c.ParkedRetention, cache: newCache(c.CacheBytes)}
	if c.CacheBytes == 0 {
		s.cache.limit = defaultCacheBytes
	}
	if s.retention == 0 {
		s.retention = defaultRetention
	}
	if s.parked == 0 {
		s.parked = defaultParked
	}
	if c.TracerProvider != nil {
		cfg.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(c.TracerProvider), otelpgx.WithDisableConnectionDetailsInAttributes())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, classify("prepare the schema", err)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, classify("connect", err)
	}
	if err := s.makePartitions(ctx); err != nil {
		s.pool.Close()
		return nil, classify("make partitions", err)
	}
	return s, nil
}

// prepare sets what every connection runs under.
func prepare(cfg *pgxpool.Config, c Config) {
	cfg.MaxConns = int32(c.MaxConns)
	if c.MaxConns <= 0 {
		cfg.MaxConns = defaultMaxConns
	}
	lockTimeout := c.LockTimeout
	if lockTimeout <= 0 {
		lockTimeout = defaultLockTimeout
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = defaultConnectTimeout // a host that swallows packets must not look like one that is slow
	}
	set := cfg.ConnConfig.RuntimeParams
	if set["application_name"] == "" {
		set["application_name"] = "lethe-coordinator"
	}
	set["search_path"] = c.Schema
	set["timezone"] = "UTC"
	set["lock_timeout"] = fmt.Sprint(lockTimeout.Milliseconds())
	// An instance that hangs inside a transaction must not hold up the others for ever.
	set["idle_in_transaction_session_timeout"] = "60000"
	// Every statement is "for each key of an array, one probe of an index": LATERAL with OFFSET 0 says so, where a join would leave it open. A planner
	// that saw the table empty, as it is after a vacuum in a quiet moment, takes one scan of an index for cheaper than all probes, and compares every row with
	// every key as soon as there are some. These rule out other ways to the same, and one plan for good saves the planning too.
	set["plan_cache_mode"] = "force_generic_plan"
	set["enable_seqscan"] = "off"
	set["enable_hashjoin"] = "off"
	set["enable_mergejoin"] = "off"
	set["enable_material"] = "off"
	set["enable_memoize"] = "off"
	set["jit"] = "off"
}

// Close ends all connections of the pool; an outbox is closed by itself.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// lockID is the number of an advisory lock: they are shared by everything in a database, and schemas must not meet.
func (s *Store) lockID(what string) int32 {
	h := fnv.New32a()
	h.Write([]byte("lethe/" + s.schema + "/" + what))
	return int32(h.Sum32())
}
