package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

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

// pipeline is a running coordinator with its responders and a publisher.
type pipeline struct {
	proc   *roles.Process
	cancel context.CancelFunc
	group  *errgroup.Group
	dir    string

	mu     sync.Mutex
	sealed map[dsr.RequestID]time.Time // when its record was seen
	count  int
	news   chan struct{}
}

func startPipeline(ctx context.Context, brokers, postgres string, o options) (*pipeline, error) {
	dir, err := os.MkdirTemp("", "lethe-bench-")
	if err != nil {
		return nil, err
	}
	cfg, err := configure(dir, brokers, postgres, o)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	proc, err := roles.Open(cfg, completion.Software{Version: "bench", Commit: "bench"}, log)
	if err != nil {
		return nil, err
	}
	if _, err := proc.Kafka.Apply(ctx, roles.Topics(cfg)); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(ctx)
	g, run := errgroup.WithContext(run)
	p := &pipeline{proc: proc, cancel: cancel, group: g, dir: dir, sealed: map[dsr.RequestID]time.Time{}, news: make(chan struct{}, 1)}
	g.Go(func() error { return proc.Coordinator(run) })
	for i := range o.systems {
		g.Go(func() error { return p.responder(run, system(i), postgres) })
	}
	g.Go(func() error { return p.watch(run) })
	return p, nil
}

func system(i int) string { return fmt.Sprintf("system%02d", i+1) }

func configure(dir, brokers, postgres string, o options) (roles.Config, error) {
	keys := filepath.Join(dir, "keys")
	if _, err := sealing.CreateDir(keys); err != nil {
		return roles.Config{}, err
	}
	if _, err := completion.CreateKey(keys); err != nil {
		return roles.Config{}, err
	}
	var m strings.Builder
	m.WriteString("dataset:\n")
	for i := range o.systems {
		fmt.Fprintf(&m, `- fides_key: %s
  meta:
    lethe.version: 1
    lethe.subjects: {customer: {collection: rows, key: id, identities: {email: email}}}
    lethe.erase: {customer: {rows: delete}}
    lethe.retention: {rows: P1Y}
    lethe.backups: none
    lethe.physical: {within: P1D}
    lethe.recipients: []
    lethe.relation: own
    lethe.not_covered: []
  collections:
  - name: rows
    data_uses: [essential.service]
    fields:
    - {name: id, data_categories: [user.unique_id], fides_meta: {data_type: integer, primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {data_type: string}}
`, system(i))
	}
	files := map[string]string{"map.yml": m.String(), "lethe.yml": fmt.Sprintf(`
kafka: {brokers: [%q], topic_prefix: "bench.", partitions: %d, replication: 1, min_insync_replicas: 1}
controller: {name: Bench, establishment: here}
establishments: {here: {time_zone: UTC, calendar: none}}
keys: {dir: keys}
store: {url: %q}
data_map: {files: [map.yml]}
export: {url: "file://%s"}
limits: {settle: 0s}
`, brokers, o.partitions, postgres, filepath.ToSlash(filepath.Join(dir, "exports")))}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return roles.Config{}, err
		}
	}
	return roles.LoadCoordinator(filepath.Join(dir, "lethe.yml"), nil)
}

// responder serves one system; its ledger has a schema of its own in PostgreSQL.
func (p *pipeline) responder(ctx context.Context, name, postgres string) error {
	db, err := sql.Open("pgx", postgres+sep(postgres)+"search_path="+name)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	if _, err := db.ExecContext(ctx, "create schema if not exists "+name); err != nil {
		return err
	}
	keys, err := p.proc.Keys.Topics()
	if err != nil {
		return err
	}
	return responder.Run(ctx, responder.Config{
		System: name, Keys: keys, Client: p.proc.Kafka, Sender: p.proc.Producer, Codec: p.proc.Codec, TopicPrefix: p.proc.Config.Kafka.TopicPrefix,
		MapHash: p.proc.Map.SHA256[:], Version: "bench", Logger: p.proc.Log,
	}, answers{}, ledger.InTransaction(db, ledger.Postgres))
}

func sep(url string) string {
	if strings.Contains(url, "?") {
		return "&"
	}
	return "?"
}

// watch notes when each record is on the completions topic.
func (p *pipeline) watch(ctx context.Context) error {
	for m, err := range p.proc.Kafka.Tail(ctx, kafka.TailConfig{Topics: []string{p.proc.Config.Kafka.TopicPrefix + dsr.TopicCompletions}, Follow: true}) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := time.Now()
		p.mu.Lock()
		if id := dsr.RequestID(m.Key); p.sealed[id].IsZero() {
			p.sealed[id] = now
			p.count++
		}
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
	return nil
}

// until waits for so many records.
func (p *pipeline) until(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		p.mu.Lock()
		done := p.count >= n
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records came: %w", p.count, n, ctx.Err())
		case <-p.news:
		}
	}
}

func (p *pipeline) stop() error {
	p.cancel()
	return errors.Join(p.group.Wait(), p.proc.Close(), os.RemoveAll(p.dir))
}
