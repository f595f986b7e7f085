package sql_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/scripts/servers/servers"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

// reads counts the statements that read the customers.
type reads struct{ n atomic.Int64 }

func (r *reads) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, `"customers"`) {
		r.n.Add(1)
	}
	return ctx
}

func (r *reads) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestExportsReadFromAReplica(t *testing.T) {
	p := newPlace(t, sql.Postgres)
	w := p.shop(t)
	w.people()
	standby, err := servers.StartReplica(t.Context(), servers.Options{}, os.Getenv("LETHE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = standby.Addr
	parsed, err := pgx.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	there := &reads{}
	parsed.Tracer = there
	replica := stdlib.OpenDB(*parsed)
	t.Cleanup(func() { _ = replica.Close() })
	admin := &world{t, place{sql.Postgres, p.schema, u.String()}, place{sql.Postgres, p.schema, u.String()}.open(t)}

	log := &bytes.Buffer{}
	c := w.config(p.loadMap(t, "shop.yml"))
	c.Replica, c.ReplicaWait, c.Logger = replica, 30*time.Second, slog.New(slog.NewTextHandler(log, nil))
	s := w.newSystem(c)
	log.Reset() // hints
	c.ReplicaWait = 200 * time.Millisecond
	hasty := w.newSystem(c)
	log.Reset()
	// written adds a message of Anna's and demands it in an export that begins right afterwards, and that it was read where from says.
	written := func(t *testing.T, s *sql.System, body string, from string) {
		t.Helper()
		before := there.n.Load()
		w.exec("INSERT INTO messages VALUES (1, ?)", body)
		d := ask(dsr.Act, 1, customer("1"))
		d.Kind = dsr.Access
		parts, _ := export(t, s, d)
		if !strings.Contains(parts["messages"], body) {
			t.Errorf("the export lacks what was written before it began: %s", parts["messages"])
		}
		read, said := there.n.Load() > before, strings.Contains(log.String(), "an export reads from the primary and not from the replica")
		if read != (from == "replica") || said != (from == "primary") {
			t.Errorf("read from the replica: %v, said that it was not: %v; want the %s\n%s", read, said, from, log)
		}
		log.Reset()
	}
	t.Run("that_has_caught_up", func(t *testing.T) { written(t, s, "first", "replica") })
	t.Run("not_where_the_replay_is_paused", func(t *testing.T) {
		admin.exec("SELECT pg_wal_replay_pause()")
		written(t, hasty, "second", "primary")
		looked := ask(dsr.Verify, 1, customer("1"))
		before := there.n.Load()
		if n := lines(look(t, hasty, looked)[0])["messages"].Counts.Remaining; n != 4 || there.n.Load() != before {
			t.Errorf("a look finds %d messages, want the primary's 4", n)
		}
		admin.exec("SELECT pg_wal_replay_resume()")
		written(t, s, "third", "replica")
	})
	t.Run("not_where_it_is_away", func(t *testing.T) {
		standby.Kill()
		written(t, hasty, "fourth", "primary")
		started := w.newSystem(c) // and it starts without it
		log.Reset()
		written(t, started, "fifth", "primary")
		if err := standby.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		written(t, s, "sixth", "replica")
	})
	t.Run("not_from_another_database", func(t *testing.T) {
		other := w.config(p.loadMap(t, "shop.yml"))
		other.Replica = w.db
		if _, err := sql.New(t.Context(), other); err == nil || !strings.Contains(err.Error(), "the replica for exports is none") {
			t.Errorf("it started with the primary: %v", err)
		}
	})
	for _, d := range []sql.Dialect{sql.SQLite, sql.MySQL} {
		t.Run("refused_on_"+string(d), func(t *testing.T) {
			w := newPlace(t, d).shop(t)
			c := w.config(w.loadMap(t, "shop.yml"))
			c.Replica = w.db
			if _, err := sql.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "one of PostgreSQL alone") {
				t.Errorf("it started: %v", err)
			}
		})
	}
}
