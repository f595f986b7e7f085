package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// Config is what a responder for a database needs to know. DB, Dialect, Map and System are required.
type Config struct {
	DB      *sql.DB // save on SQLite with two connections or more: an export has one of its own beside the ledger's
	Dialect Dialect
	Map     *datamap.Map
	System  string // of the map; all of its datasets are tables in DB

	ExportFormat string // JSONL, the default, or CSV

	MaskKey     []byte        // secret for masks of the strategy hmac, 32 bytes or more; required where the map uses one
	MaxKeys     int           // keys of rows remembered for each dispatch; default 2000
	ChunkRows   int           // rows of one table that a transaction erases, at most; default 50,000; see chunk.go
	LockTimeout time.Duration // how long a statement waits for a row that the application holds; default 5 s; MySQL: whole seconds; not on SQLite

	// StatementTimeout is how long one statement of an erasure, a look or a resolution may take before it is cancelled and the batch repeated,
	// then halved; an export is not bounded, for it lasts as long as its reader does. Default: what the server says, on MySQL nothing. Not on
	// SQLite, which has none.
	StatementTimeout time.Duration

	// Replica is a streaming replica of DB from which exports read once it has replayed what DB had written when they began, for which they
	// wait ReplicaWait, by default 10 s; else they read DB, and a warning says so. PostgreSQL, or MariaDB whose primary writes a binary log; nil: none.
	// See replica.go.
	Replica     *sql.DB
	ReplicaWait time.Duration

	Clock  func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Formats of an export.
const (
	JSONL = "jsonl" // JSON Lines
	CSV   = "csv"   // RFC 4180, with a line of names; see [System.Export]
)

// System is a [responder.System] for one database, with [responder.Exporter] and [responder.Resolver]. It is safe for concurrent
// use.
//
// Each transaction first compares the catalogue's fingerprint, an export where nobody did in the last 100 ms. Where the catalogue has changed it is read and planned anew; where the
// map does not fit any more, everything fails with class unavailable until it does, and so does Check.
type System struct {
	cfg     Config
	d       dialect
	system  *datamap.System
	*layout // that of the transaction at hand, in the copy that present makes for it; else that of the start
	watch   *watch
}

var (
	_ responder.System   = (*System)(nil)
	_ responder.Exporter = (*System)(nil)
	_ responder.Resolver = (*System)(nil)
)

// New reads the live catalogue and lays the data map over it. It returns a [*MisfitError] with everything that does not fit, an
// error of class unavailable where the database cannot be reached, and another one for a configuration that is wrong.
func New(ctx context.Context, c Config) (*System, error) {
	s, err := Plan(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(s.problems) > 0 { // rights, of which Plan makes nothing
		return nil, s.misfit(s.layout)
	}
	if s.hashes() && len(c.MaskKey) < 32 {
		return nil, errors.New("configure the responder of a database: the data map masks with hmac, which takes a key of 32 bytes or more")
	}
	s.hints(ctx)
	return s, nil
}

// Plan is New for somebody who only looks, at [System.Explain] and [System.Grants]: rights that the role of the connection lacks stop
// nothing, so that a role which has none yet can be told which ones it needs. It says no hints.
func Plan(ctx context.Context, c Config) (*System, error) {
	s := &System{cfg: c, watch: &watch{}}
	err := s.configure()
	if err == nil && len(s.system.Subjects) == 0 {
		err = fmt.Errorf("system %q: the data map names no subjects there", c.System)
	}
	if err != nil {
		return nil, fmt.Errorf("configure the responder of a database: %w", err)
	}
	if err := s.attach(ctx); err != nil {
		return nil, err
	}
	if err := s.attachReplica(ctx); err != nil {
		return nil, err
	}
	tx, err := s.d.snapshot(ctx, c.DB)
	if err != nil {
		return nil, failed("begin to read the catalogue", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	if s.layout, err = s.lay(ctx, live{tx}); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.problems, func(p problem) bool { return !p.right }) {
		return nil, s.misfit(s.layout)
	}
	s.watch.at.Store(s.layout)
	return s, nil
}

// attach learns what the dialect must know of the server.
func (s *System) attach(ctx context.Context) error {
	d, err := s.d.attach(ctx, live{s.cfg.DB})
	if err == nil {
		s.d = d
	}
	return err
}

func (s *System) configure() error {
	var errs []error
	c := &s.cfg
	if c.DB == nil {
		errs = append(errs, errors.New("no database given"))
	}
	var err error
	if s.d, err = dialectOf(c.Dialect); err != nil {
		errs = append(errs, err)
	}
	if c.Map == nil {
		errs = append(errs, errors.New("no data map given"))
	} else if m, ok := c.Map.System(c.System); !ok {
		errs = append(errs, fmt.Errorf("system %q: %w", c.System, datamap.ErrUnknownSystem))
	} else {
		s.system = m
	}
	if c.ExportFormat == "" {
		c.ExportFormat = JSONL
	}
	if c.ExportFormat != JSONL && c.ExportFormat != CSV {
		errs = append(errs, fmt.Errorf("the format of an export is %s or %s, not %q", JSONL, CSV, c.ExportFormat))
	}
	if c.MaxKeys < 0 || c.ChunkRows < 0 || c.LockTimeout < 0 || c.StatementTimeout < 0 {
		errs = append(errs, errors.New("a limit is negative"))
	}
	if c.Dialect == SQLite && c.StatementTimeout > 0 {
		errs = append(errs, errors.New("SQLite has no time-out of statements"))
	}
	if err := s.configureReplica(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = 2000
	}
	if c.ChunkRows == 0 {
		c.ChunkRows = 50_000
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = 5 * time.Second
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return errors.Join(errs...)
}

func (s *System) hashes() bool {
	return slices.ContainsFunc(s.plans, func(p *plan) bool {
		return slices.ContainsFunc(p.sets, func(r *rowset) bool {
			return slices.ContainsFunc(r.masks, func(m mask) bool { return m.hashed() })
		})
	})
}

// hints says once, at the start, what would make every batch cheaper.
func (s *System) hints(ctx context.Context) {
	for _, p := range s.plans {
		for _, r := range p.sets {
			for _, e := range r.entries {
				if e.col.of != nil {
					s.cfg.Logger.WarnContext(ctx, "identifiers inside a document or an array are compared, and no index helps: every batch reads the whole table",
						"system", s.cfg.System, "table", r.table.name, "column", e.col.name)
					continue
				}
				if folded(e.kind) && e.col.class == text && !e.col.folds && !e.col.lowIndex {
					s.cfg.Logger.WarnContext(ctx, "addresses are compared without regard to case, and no index helps: every batch reads the whole table",
						"system", s.cfg.System, "table", r.table.name, "column", e.col.name, "wanted", s.d.indexed(e.col))
				}
			}
		}
	}
}

// Ledger returns a ledger in the system's own database, so that an erasure and its acknowledgement are one transaction.
func (s *System) Ledger() *ledger.Ledger {
	return ledger.InTransaction(s.cfg.DB, ledger.Dialect(s.cfg.Dialect))
}
