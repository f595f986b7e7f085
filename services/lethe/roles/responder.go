package roles

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	_ "modernc.org/sqlite"             // database/sql driver "sqlite"

	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/internal/config"
	sqlresponder "github.com/lethe-dsr/lethe/services/responders/sql"
)

// responderConfig is what every responder of this process shares.
func (p *Process) responderConfig(ctx context.Context, system string) (responder.Config, func() error, error) {
	keys, err := p.Keys.Topics()
	if err != nil {
		return responder.Config{}, nil, err
	}
	exports, err := p.exports(ctx)
	if err != nil {
		return responder.Config{}, nil, err
	}
	l := p.Config.Limits
	cfg := responder.Config{
		System: system, Keys: keys, Client: p.Kafka, Sender: p.Producer, Codec: p.Codec, TopicPrefix: p.Config.Kafka.TopicPrefix,
		ExportStore: exports, Version: p.Version.Version, Environment: string(p.Config.Environment),
		SessionTimeout: p.Config.Kafka.SessionTimeout, PollEvery: l.Retry, DeferLimit: l.Defer, LedgerRetention: l.LedgerRetention,
		MaxMessageBytes: p.Config.Kafka.MaxMessageBytes / 100 * 85, // the rest is for its key and headers
		Logger:          p.Log.With("role", "responder"),           // the runtime adds the system
	}
	if p.Map != nil {
		cfg.MapHash = p.Map.SHA256[:]
	}
	return cfg, exports.Close, nil
}

// packagerLedger is where the packager remembers what it assembled.
func (p *Process) packagerLedger() config.Database {
	d := p.Config.Store.Database
	if d.Engine() != config.SQLite {
		return d
	}
	beside, err := config.ParseDatabase("sqlite://" + d.Path() + ".packager")
	if err != nil {
		panic(err) // an absolute path with a suffix is one as well
	}
	return beside
}

// Responder runs the responder of one configured system until ctx ends.
func (p *Process) Responder(ctx context.Context, name string) error {
	p.Health.Expect(responderPart(name))
	sys, err := p.Config.System(name)
	if err != nil {
		return err
	}
	cfg, closeStore, err := p.responderConfig(ctx, name)
	if err != nil {
		return err
	}
	defer p.closing("export store", closeStore)
	cfg.BatchSize, cfg.RatePerSecond = sys.Batch, sys.RatePerSecond
	if sys.Kind == config.KindSQL {
		return p.sqlResponder(ctx, cfg, sys)
	}
	return p.objectsResponder(ctx, cfg, sys)
}

func (p *Process) sqlResponder(ctx context.Context, cfg responder.Config, sys config.System) error {
	db, dialect, err := openSQL(sys.Database)
	if err != nil {
		return err
	}
	defer p.closing("system's database", db.Close)
	var replica *sql.DB
	if sys.Replica.Engine() != "" {
		if replica, _, err = openSQL(sys.Replica); err != nil {
			return err
		}
		defer p.closing("replica of the system's database", replica.Close)
	}
	l, closeLedger, err := p.ledger(db, dialect, sys)
	if err != nil {
		return err
	}
	defer p.closing("ledger", closeLedger)
	masks, err := p.maskKey(cfg.System)
	if err != nil {
		return err
	}
	s, err := await(ctx, p, "system "+cfg.System, func() (*sqlresponder.System, error) {
		return sqlresponder.New(ctx, sqlresponder.Config{
			DB: db, Dialect: sqlresponder.Dialect(dialect), Map: p.Map, System: cfg.System,
			MaskKey: masks, ChunkRows: sys.ChunkRows, LockTimeout: sys.LockTimeout, StatementTimeout: sys.StatementTimeout, Replica: replica,
			ExportFormat: sys.ExportFormat, Logger: cfg.Logger,
		})
	}, away)
	if err != nil {
		return err
	}
	return p.serve(ctx, cfg, s, l)
}

// serve runs a responder whose system is there.
func (p *Process) serve(ctx context.Context, cfg responder.Config, s responder.System, l *ledger.Ledger) error {
	p.Health.Set(responderPart(cfg.System), func(ctx context.Context) error { return errors.Join(s.Check(ctx), l.Ping(ctx)) })
	p.Log.InfoContext(ctx, "responder is running", "system", cfg.System)
	return responder.Run(ctx, cfg, s, l)
}

// maskKey is the system's secret for masks that are keyed hashes.
func (p *Process) maskKey(system string) ([]byte, error) {
	masks, err := p.Keys.Masks()
	if err != nil {
		return nil, err
	}
	return masks.Derive("mask", []byte(system)), nil
}

// away reports whether a system may come back by itself.
func away(err error) bool {
	return responder.Classify(err) == responder.ClassUnavailable || sqlresponder.Passing(err) || passing(err)
}

// ledger opens the ledger where the configuration wants it.
func (p *Process) ledger(db *sql.DB, d ledger.Dialect, sys config.System) (*ledger.Ledger, func() error, error) {
	if sys.Ledger == config.LedgerInTransaction {
		return ledger.InTransaction(db, d), func() error { return nil }, nil
	}
	beside, dialect, err := openSQL(sys.LedgerDatabase)
	if err != nil {
		return nil, nil, err
	}
	return ledger.Beside(beside, dialect), beside.Close, nil
}

// poolSize bounds the connections of a responder to one database.
const poolSize = 8

// openSQL opens a database for a system or a ledger. SQLite has one writer: the pool has one connection, and each transaction
// takes the lock when it begins.
func openSQL(d config.Database) (*sql.DB, ledger.Dialect, error) {
	if d.Engine() == config.SQLite {
		db, err := sql.Open("sqlite", sqliteDSN(d.Path()))
		if err != nil {
			return nil, "", err
		}
		db.SetMaxOpenConns(1)
		return db, ledger.SQLite, nil
	}
	dialect, open := ledger.Postgres, func(url string) (*sql.DB, error) { return sql.Open("pgx", url) }
	if d.Engine() == config.MySQL {
		dialect, open = ledger.MySQL, ledger.OpenMySQL
	}
	db, err := open(d.URL())
	if err != nil {
		return nil, "", fmt.Errorf("the database's URL cannot be read") // the driver's error may quote it
	}
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize) // a new connection costs a process or a thread of the server: keep what a batch will want again
	return db, dialect, nil
}

func sqliteDSN(path string) string {
	return "file:" + filepath.ToSlash(path) + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)"
}
