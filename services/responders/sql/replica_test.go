package sql_test

import (
	"bytes"
	"context"
	stdsql "database/sql"
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
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
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

// standby is a replica of the database at a place.
type standby struct {
	*servers.Server
	primary       place
	replica       place
	db            *stdsql.DB // the replica, as the responder has it
	reads         func() int64
	pause, resume string
}

func TestExportsReadFromAReplica(t *testing.T) {
	t.Run("postgres", func(t *testing.T) { exportsFromReplica(t, postgresStandby(t)) })
	t.Run("mariadb", func(t *testing.T) { exportsFromReplica(t, mariadbStandby(t)) })
	for _, d := range []sql.Dialect{sql.SQLite, sql.MySQL} {
		t.Run("refused_on_"+string(d)+"_as_it_is", func(t *testing.T) {
			w := newPlace(t, d).shop(t)
			c := w.config(w.loadMap(t, "shop.yml"))
			c.Replica = w.db
			if _, err := sql.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), map[sql.Dialect]string{
				sql.SQLite: "one of PostgreSQL or MariaDB", sql.MySQL: "writes no binary log",
			}[d]) {
				t.Errorf("it started: %v", err)
			}
		})
	}
}

func postgresStandby(t *testing.T) standby {
	p := newPlace(t, sql.Postgres)
	server, err := servers.StartReplica(t.Context(), servers.Options{}, os.Getenv("LETHE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = server.Addr
	parsed, err := pgx.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	there := &reads{}
	parsed.Tracer = there
	db := stdlib.OpenDB(*parsed)
	t.Cleanup(func() { _ = db.Close() })
	return standby{
		Server: server, primary: p, replica: place{sql.Postgres, p.schema, u.String()}, db: db, reads: there.n.Load,
		pause: "SELECT pg_wal_replay_pause()", resume: "SELECT pg_wal_replay_resume()",
	}
}

// mariadbStandby has both servers to itself: that of the other tests writes no binary log.
func mariadbStandby(t *testing.T) standby {
	primary, err := servers.StartMariaDB(t.Context(), servers.Options{Settings: map[string]string{"log-bin": "log", "server-id": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	server, err := servers.StartMariaDBReplica(t.Context(), servers.Options{Settings: map[string]string{"userstat": "ON"}}, primary.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("LETHE_TEST_MARIADB", primary.URL)
	p := newPlace(t, sql.MySQL)
	r := place{sql.MySQL, p.schema, server.URL + p.schema}
	admin, err := ledger.OpenMySQL(server.URL + "mysql")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return standby{
		Server: server, primary: p, replica: r, db: r.open(t),
		reads: func() (n int64) {
			const sum = "SELECT coalesce(sum(rows_read), 0) FROM information_schema.table_statistics WHERE table_name = 'customers'"
			if err := admin.QueryRowContext(t.Context(), sum).Scan(&n); err != nil {
				return 0 // it is away, and begins from 0
			}
			return n
		},
		pause: "STOP SLAVE SQL_THREAD", resume: "START SLAVE SQL_THREAD",
	}
}

func exportsFromReplica(t *testing.T, standby standby) {
	p := standby.primary
	w := p.shop(t)
	w.people()
	admin := &world{t, standby.replica, standby.replica.open(t)}

	log := &bytes.Buffer{}
	c := w.config(p.loadMap(t, "shop.yml"))
	c.Replica, c.ReplicaWait, c.Logger = standby.db, 30*time.Second, slog.New(slog.NewTextHandler(log, nil))
	s := w.newSystem(c)
	log.Reset() // hints
	c.ReplicaWait = 200 * time.Millisecond
	hasty := w.newSystem(c)
	log.Reset()
	// written adds a message of Anna's and demands it in an export that begins right afterwards, and that it was read where from says.
	written := func(t *testing.T, s *sql.System, body string, from string) {
		t.Helper()
		before := standby.reads()
		w.exec("INSERT INTO messages VALUES (1, ?)", body)
		d := ask(dsr.Act, 1, customer("1"))
		d.Kind = dsr.Access
		parts, _ := export(t, s, d)
		if !strings.Contains(parts["messages"], body) {
			t.Errorf("the export lacks what was written before it began: %s", parts["messages"])
		}
		read, said := standby.reads() > before, strings.Contains(log.String(), "an export reads from the primary and not from the replica")
		if read != (from == "replica") || said != (from == "primary") {
			t.Errorf("read from the replica: %v, said that it was not: %v; want the %s\n%s", read, said, from, log)
		}
		log.Reset()
	}
	t.Run("that_has_caught_up", func(t *testing.T) { written(t, s, "first", "replica") })
	t.Run("not_where_the_replay_is_paused", func(t *testing.T) {
		admin.exec(standby.pause)
		written(t, hasty, "second", "primary")
		looked := ask(dsr.Verify, 1, customer("1"))
		before := standby.reads()
		if n := lines(look(t, hasty, looked)[0])["messages"].Counts.Remaining; n != 4 || standby.reads() != before {
			t.Errorf("a look finds %d messages, want the primary's 4", n)
		}
		admin.exec(standby.resume)
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
}
