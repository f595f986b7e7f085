package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// The environment of a process that plays a role: which one, over which configuration, and where its CPU profile goes.
const (
	roleVariable    = "LETHE_BENCH_ROLE"
	configVariable  = "LETHE_BENCH_CONFIG"
	ledgersVariable = "LETHE_BENCH_LEDGERS"
	profileVariable = "LETHE_BENCH_PROFILE"
	coordinatorRole = "coordinator"
)

// playRole runs the coordinator, as `lethe coordinator` does, or the responder of a system without a store.
func playRole(role string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := roles.TuneMemory(); err != nil {
		return err
	}
	if path := os.Getenv(profileVariable); path != "" {
		end, err := profile(ctx, path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	cfg, err := roles.LoadCoordinator(os.Getenv(configVariable), nil)
	if err != nil {
		return err
	}
	proc, err := roles.Open(cfg, completion.Software{Version: "bench", Commit: "bench"}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proc.Close()) }()
	if role == coordinatorRole {
		err = proc.Coordinator(ctx)
	} else {
		err = answer(ctx, proc, role)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// answer serves one system; its ledger has a schema of its own in PostgreSQL.
func answer(ctx context.Context, proc *roles.Process, name string) error {
	url := os.Getenv(ledgersVariable)
	db, err := sql.Open("pgx", url+sep(url)+"search_path="+name)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	if _, err := db.ExecContext(ctx, "create schema if not exists "+name); err != nil && !strings.Contains(err.Error(), "23505") { // another instance makes it
		return fmt.Errorf("make a schema for the ledger: %w", err)
	}
	keys, err := proc.Keys.Topics()
	if err != nil {
		return err
	}
	return responder.Run(ctx, responder.Config{
		System: name, Keys: keys, Client: proc.Kafka, Sender: proc.Producer, Codec: proc.Codec, TopicPrefix: proc.Config.Kafka.TopicPrefix,
		MapHash: proc.Map.SHA256[:], Version: "bench", Logger: proc.Log,
	}, answers{}, ledger.InTransaction(db, ledger.Postgres))
}

func sep(url string) string {
	if strings.Contains(url, "?") {
		return "&"
	}
	return "?"
}

// answers is a system without a store: it found one row and erased it, and a look finds nothing.
type answers struct{}

func (answers) Erase(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return each(ds, dsr.Collection{Name: "rows", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}, Method: "none", MethodVersion: "1"}), nil
}

func (answers) Verify(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return each(ds, dsr.Collection{Name: "rows", Outcome: dsr.NotFound, Method: "none", MethodVersion: "1"}), nil
}

func (answers) Check(context.Context) error { return nil }

func each(ds []responder.Dispatch, c dsr.Collection) []responder.Answer {
	as := make([]responder.Answer, len(ds))
	for i := range as {
		as[i].Collections = []dsr.Collection{c}
	}
	return as
}
