package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// within bounds every wait. It is far beyond what anything takes, so that a busy machine fails no test.
const within = 90 * time.Second

// pipeline is a company, Lethe over it, and what somebody outside sees of it.
type pipeline struct {
	*watch
	mode   mode
	dir    string
	config string // file
	prefix string
	store  string            // URL of the coordinator's database
	dsn    map[string]string // by system, of the database in which its ledger stands
	c      *company
	p      *roles.Process
	pub    *intake.Publisher
	verify *completion.Verifier
	log    *logBuffer

	ctx   context.Context //nolint:containedctx // of the roles: it ends with the test
	mu    sync.Mutex
	roles map[string]*running
	procs []*process
}

// running is a role that can be stopped by itself.
type running struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // once done
}

// newPipeline makes everything and starts nothing but the watch.
func newPipeline(t *testing.T, m mode, people int, l limits) *pipeline {
	t.Helper()
	pl := prepare(t, m)
	shopURL, shop := m.database(t, pl.dir, "shop")
	crmURL, crm := m.database(t, pl.dir, "crm")
	pl.dsn["shop"], pl.dsn["crm"] = shopURL, crmURL
	pl.dsn["chats"], _ = m.database(t, pl.dir, "chats-ledger")
	pl.c = found(t, shop, crm, filepath.Join(pl.dir, "system-chats"), people)
	return pl.open(t, l, "testdata/datamap.yml", fmt.Sprintf(`
  shop: {kind: sql, dsn: "%s"}
  crm: {kind: sql, dsn: "%s"}
  chats: {kind: objects, url: "file://%s/system-chats", ledger: beside, ledger_dsn: "%s"}`, shopURL, crmURL, filepath.ToSlash(pl.dir), pl.dsn["chats"]))
}

// prepare makes the place in which a company is founded.
func prepare(t *testing.T, m mode) *pipeline {
	t.Helper()
	dir := t.TempDir()
	pl := &pipeline{
		mode: m, dir: dir, config: filepath.Join(dir, "lethe.yml"), prefix: "e2e-" + uuid.NewString()[:8] + ".",
		dsn: map[string]string{}, roles: map[string]*running{}, log: &logBuffer{},
	}
	pl.store, _ = m.database(t, dir, "lethe")
	return pl
}

// open writes the configuration of a company whose systems stand, and makes what Lethe needs over it.
func (pl *pipeline) open(t *testing.T, l limits, dataMap, systems string) *pipeline {
	t.Helper()
	pl.write(t, l, dataMap, systems)
	pl.p = pl.mode.open(t, pl)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the roles logged last:\n%s", pl.log.last(60))
		}
		if err := pl.p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	var err error
	if pl.pub, err = pl.p.Publisher("web-shop"); err != nil {
		t.Fatal(err)
	}
	if pl.verify, err = completion.LoadVerifier(filepath.Join(pl.dir, "keys", completion.PublicKeyFile)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	pl.ctx = ctx
	pl.watch = newWatch(ctx, pl.p)
	t.Cleanup(func() {
		for name := range pl.roles {
			pl.stop(t, name)
		}
		cancel()
		if err := <-pl.ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	return pl
}

// start runs roles as services of their own would.
func (pl *pipeline) start(names ...string) *pipeline {
	for _, name := range names {
		pl.run(name, pl.p)
	}
	return pl
}

// run runs a role of a process. The key by which it is stopped is name, or what stands before an @.
func (pl *pipeline) run(name string, p *roles.Process) {
	ctx, stop := context.WithCancel(pl.ctx)
	r := &running{stop: stop, done: make(chan struct{})}
	pl.mu.Lock()
	pl.roles[name] = r
	pl.mu.Unlock()
	role, _, _ := strings.Cut(name, "@")
	go func() {
		defer close(r.done)
		switch role {
		case "coordinator":
			r.err = p.Coordinator(ctx)
		case "packager":
			r.err = p.Packager(ctx)
		default:
			r.err = p.Responder(ctx, role)
		}
		if r.err == nil && ctx.Err() == nil {
			r.err = errors.New("it ended by itself")
		}
	}()
}

// stop ends a role in good order and waits for it.
func (pl *pipeline) stop(t testing.TB, name string) {
	t.Helper()
	pl.mu.Lock()
	r := pl.roles[name]
	delete(pl.roles, name)
	pl.mu.Unlock()
	r.stop()
	select {
	case <-r.done:
	case <-time.After(within):
		t.Fatalf("%s did not stop within %s", name, within)
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		t.Errorf("%s: %v", name, r.err)
	}
}

// failed returns the error of a role that ended by itself.
func (pl *pipeline) failed() error {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	for name, r := range pl.roles {
		select {
		case <-r.done:
			return fmt.Errorf("%s: %w", name, r.err)
		default:
		}
	}
	for _, p := range pl.procs {
		if err := p.died(); err != nil {
			return err
		}
	}
	return nil
}

// another opens a second process over the same configuration, as a second machine would run it.
func (pl *pipeline) another(t *testing.T, log *slog.Logger) *roles.Process {
	t.Helper()
	cfg := pl.p.Config
	p, err := roles.Open(cfg, software, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// newRequest is a request as the web shop makes it, of somebody whose identity it has verified.
func newRequest(kind dsr.Kind, by []dsr.Identifier) dsr.SubjectRequest {
	now := time.Now().UTC().Truncate(time.Microsecond)
	r := dsr.SubjectRequest{
		RequestID: dsr.RequestID(uuid.NewString()), Kind: kind, ReceivedAt: now, Capacity: "customer", Channel: "web form", Identifiers: by,
		Requester: &dsr.Requester{Role: "data_subject"}, Identity: &dsr.Identity{Method: "login", VerifiedAt: now},
		Decision: &dsr.Decision{Decision: dsr.Granted, ByRole: "privacy desk", At: now},
	}
	if kind == dsr.Erasure {
		r.Ground = &dsr.Ground{Article: "GDPR 17(1)(b)", Note: "consent withdrawn"}
	}
	return r
}

// ask publishes requests as an upstream system does, and returns the id of the first.
func (pl *pipeline) ask(t testing.TB, rs ...dsr.SubjectRequest) dsr.RequestID {
	t.Helper()
	if err := pl.pub.Publish(t.Context(), rs...); err != nil {
		t.Fatal(err)
	}
	return rs[0].RequestID
}

// warm waits until every role serves: each has its part in a request of nobody.
func (pl *pipeline) warm(t testing.TB) {
	t.Helper()
	for _, kind := range []dsr.Kind{dsr.Erasure, dsr.Access} {
		if r := pl.record(t, pl.ask(t, newRequest(kind, []dsr.Identifier{{Kind: "customer_id", Value: "4711"}})), 0); r.Result != dsr.NothingFound {
			t.Fatalf("the %s of nobody is %s", kind, r.Result)
		}
	}
}

func (pl *pipeline) logger() *slog.Logger {
	return telemetry.Logger(pl.log, config.Log{Level: slog.LevelDebug, Format: config.LogText})
}

// logBuffer keeps what was logged: to be searched, and to be shown when a test fails.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) last(n int) string {
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
