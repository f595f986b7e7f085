package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/responders/sql"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// place is a fresh database of its own in one engine.
type place struct {
	dialect sql.Dialect
	schema  string
	dsn     string
}

// everywhere runs a test on every engine, beside other tests: each has databases of its own, and most of the time is spent waiting for one.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	t.Parallel()
	for _, d := range []sql.Dialect{sql.SQLite, sql.Postgres, sql.MySQL} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, d))
		})
	}
}

func newPlace(t testing.TB, d sql.Dialect) place {
	t.Helper()
	if d == sql.SQLite {
		return place{d, "main", sqliteDSN(filepath.Join(t.TempDir(), "shop.db"))}
	}
	if d == sql.MySQL {
		return newDatabase(t)
	}
	base := os.Getenv("LETHE_TEST_POSTGRES")
	if base == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	admin, err := stdsql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	schema := "sql_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return place{d, schema, u.String()}
}

// newDatabase makes a database in MariaDB, which compares text without case, accents and trailing spaces, as most do.
func newDatabase(t testing.TB) place {
	t.Helper()
	base := os.Getenv("LETHE_TEST_MARIADB")
	if base == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	admin, err := ledger.OpenMySQL(base + "mysql")
	if err != nil {
		t.Fatal(err)
	}
	name := "sql_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name)
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	return place{sql.MySQL, name, base + name}
}

func (p place) open(t testing.TB) *stdsql.DB {
	t.Helper()
	db, err := p.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (p place) connect() (*stdsql.DB, error) {
	switch p.dialect {
	case sql.MySQL:
		return ledger.OpenMySQL(p.dsn)
	case sql.Postgres:
		return stdsql.Open("pgx", p.dsn)
	}
	return stdsql.Open("sqlite", p.dsn)
}

func sqliteDSN(file string) string {
	return "file:" + file + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
}

// world is a database with tables in it.
type world struct {
	testing.TB
	place
	db *stdsql.DB
}

func (p place) world(t testing.TB, ddl string) *world {
	t.Helper()
	w := &world{t, p, p.open(t)}
	for s := range strings.SplitSeq(ddl, ";\n") {
		if strings.TrimSpace(s) != "" {
			w.exec(s)
		}
	}
	return w
}

func (p place) shop(t testing.TB) *world {
	t.Helper()
	ddl, err := os.ReadFile("testdata/shop_" + string(p.dialect) + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	return p.world(t, string(ddl))
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	if _, err := w.db.ExecContext(w.Context(), w.numbered(query), args...); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
}

// ledgerTables makes the tables of a ledger, statement by statement, as every driver can.
func (w *world) ledgerTables() {
	w.Helper()
	for q := range strings.SplitSeq(strings.TrimSuffix(ledger.Schema(ledger.Dialect(w.dialect)), ";\n"), ";\n") {
		w.exec(q)
	}
}

// numbered turns ? into $1, $2 … for PostgreSQL, and takes the offset of UTC from instants for MariaDB, which writes none.
func (w *world) numbered(query string) string {
	if w.dialect == sql.MySQL {
		return strings.ReplaceAll(query, "+00'", "'")
	}
	if w.dialect != sql.Postgres {
		return query
	}
	for n := 1; strings.Contains(query, "?"); n++ {
		query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
	}
	return query
}

// texts returns the first column of a query, as text.
func (w *world) texts(query string, args ...any) []string {
	w.Helper()
	rows, err := w.db.QueryContext(w.Context(), w.numbered(query), args...)
	if err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() // rows.Err is looked at
	out := []string{}
	for rows.Next() {
		var s stdsql.NullString
		if err := rows.Scan(&s); err != nil {
			w.Fatal(err)
		}
		if !s.Valid {
			s.String = "NULL"
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) count(from string, args ...any) int64 {
	w.Helper()
	var n int64
	if err := w.db.QueryRowContext(w.Context(), w.numbered("SELECT count(*) FROM "+from), args...).Scan(&n); err != nil {
		w.Fatalf("%s: %v", from, err)
	}
	return n
}

// loadMap reads a map of testdata for the place's schema.
func (p place) loadMap(t testing.TB, name string, change ...string) *datamap.Map {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return p.parse(t, strings.NewReplacer(change...).Replace(string(b)))
}

func (p place) parse(t testing.TB, text string) *datamap.Map {
	t.Helper()
	m, err := parseMap(strings.ReplaceAll(text, "SCHEMA", p.schema))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (w *world) config(m *datamap.Map) sql.Config {
	return sql.Config{
		DB: w.db, Dialect: w.dialect, Map: m, System: "shop", MaskKey: []byte(strings.Repeat("k", 32)),
		Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	}
}

func (w *world) system(m *datamap.Map) *sql.System {
	w.Helper()
	s, err := sql.New(w.Context(), w.config(m))
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// besideLedger is a ledger in a file of its own.
func besideLedger(t testing.TB, file string) *ledger.Ledger {
	t.Helper()
	db, err := stdsql.Open("sqlite", sqliteDSN(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return ledger.Beside(db, ledger.SQLite)
}

// ask makes the dispatch of one step of a request of its own.
func ask(phase dsr.Phase, round int32, ids ...dsr.Identifier) responder.Dispatch {
	return responder.Dispatch{
		Key:     dsr.Key{RequestID: dsr.RequestID(uuid.NewString()), System: "shop", Phase: phase, Round: round},
		Attempt: 1, Kind: dsr.Erasure, Capacity: "customer", Identifiers: ids,
	}
}

func email(v string) dsr.Identifier    { return dsr.Identifier{Kind: dsr.Email, Value: v} }
func customer(v string) dsr.Identifier { return dsr.Identifier{Kind: "customer_id", Value: v} }

func erase(t testing.TB, s *sql.System, ds ...responder.Dispatch) []responder.Answer {
	t.Helper()
	as, err := s.Erase(t.Context(), ds)
	if err != nil {
		t.Fatal(err)
	}
	return as
}

func look(t testing.TB, s *sql.System, ds ...responder.Dispatch) []responder.Answer {
	t.Helper()
	as, err := s.Verify(t.Context(), ds)
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// line is what a test compares of an acknowledged collection.
type line struct {
	Outcome dsr.Outcome
	Counts  dsr.Counts
	Note    string
}

func lines(a responder.Answer) map[string]line {
	out := map[string]line{}
	for _, c := range a.Collections {
		out[c.Name] = line{c.Outcome, c.Counts, c.Note}
	}
	return out
}

func (w *world) newSystem(c sql.Config) *sql.System {
	w.Helper()
	s, err := sql.New(w.Context(), c)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func parseMap(text string) (*datamap.Map, error) {
	return datamap.Parse(datamap.File{Name: "map.yml", Data: []byte(text)})
}
