package responder_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// synchronous(OFF) survives the death of a process, and none of these tests pulls the plug.
const pragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"

func openSQLite(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestTheExampleConforms(t *testing.T) {
	respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture {
		dir, book := t.TempDir(), filepath.Join(t.TempDir(), "ledger.db")
		of := func(id dsr.Identifier) string { return filepath.Join(dir, url.PathEscape(id.Value)) }
		return respondertest.Fixture{
			Open: func(t *testing.T) (responder.System, responder.Ledger) {
				return profiles(dir), ledger.Beside(openSQLite(t, book), ledger.SQLite)
			},
			Seed: func(t *testing.T, id dsr.Identifier) {
				if err := os.MkdirAll(of(id), 0o700); err != nil {
					t.Fatal(err)
				}
				f, err := os.CreateTemp(of(id), "*.json")
				if err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
			},
			Left: func(t *testing.T, id dsr.Identifier) int64 {
				es, err := os.ReadDir(of(id))
				if os.IsNotExist(err) {
					return 0
				}
				if err != nil {
					t.Fatal(err)
				}
				return int64(len(es)) + 1 // the folder itself, which bears the address
			},
		}
	}})
}

// TestTheExampleSaysNotFoundOnlyWhereItCouldLook: an error of the disk is an error, never a person about whom nothing is there.
func TestTheExampleSaysNotFoundOnlyWhereItCouldLook(t *testing.T) {
	asked := []responder.Dispatch{{Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: "zoe@example.org"}}}}
	for name, dir := range map[string]func(dir string) error{
		"the_directory_is_away":        os.Remove,
		"the_directory_is_no_more_one": func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
		"a_folder_cannot_be_read":      func(dir string) error { return os.Symlink("zoe@example.org", filepath.Join(dir, "zoe@example.org")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "profiles")
			if err := errors.Join(os.Mkdir(path, 0o700), dir(path)); err != nil {
				t.Fatal(err)
			}
			for what, do := range map[string]func(context.Context, []responder.Dispatch) ([]responder.Answer, error){
				"Verify": profiles(path).Verify, "Erase": profiles(path).Erase,
			} {
				as, err := do(t.Context(), asked)
				if err == nil && as[0].Err == nil && as[0].Collections[0].Counts.Found+as[0].Collections[0].Counts.Remaining == 0 {
					t.Errorf("%s: %+v, and it could not look", what, as[0].Collections)
				}
			}
		})
	}
}

// notes is a table in a database that also holds the ledger: everything is one transaction.
type notes struct {
	db     *sql.DB
	dollar bool // placeholders as PostgreSQL has them
}

func (n notes) sql(query string) string {
	if n.dollar {
		return strings.ReplaceAll(query, "?", "$1")
	}
	return query
}

func (n notes) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return n.each(ctx, ds, "DELETE FROM notes WHERE author = ?", responder.Erased)
}

func (n notes) Verify(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return n.each(ctx, ds, "UPDATE notes SET author = author WHERE author = ?", responder.Remaining)
}

func (n notes) each(ctx context.Context, ds []responder.Dispatch, query string, answer func(string, int64) responder.Answer) ([]responder.Answer, error) {
	return responder.Each(ctx, ds, func(ctx context.Context, d responder.Dispatch) (responder.Answer, error) {
		var count int64
		for _, email := range d.Values(dsr.Email) {
			res, err := ledger.Tx(ctx).ExecContext(ctx, n.sql(query), email)
			if err != nil {
				return responder.Answer{}, ledger.Classified(err)
			}
			affected, err := res.RowsAffected()
			if err != nil {
				return responder.Answer{}, err
			}
			count += affected
		}
		return answer("notes", count), nil
	})
}

func (n notes) Export(ctx context.Context, d responder.Dispatch, s *responder.Sink) (responder.Answer, error) {
	var texts []string
	for _, email := range d.Values(dsr.Email) {
		rows, err := ledger.Tx(ctx).QueryContext(ctx, n.sql("SELECT text FROM notes WHERE author = ? ORDER BY text"), email)
		if err != nil {
			return responder.Answer{}, ledger.Classified(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return responder.Answer{}, err
			}
			texts = append(texts, text)
		}
		if err := rows.Err(); err != nil {
			return responder.Answer{}, err
		}
	}
	c := dsr.Collection{Name: "notes", Outcome: dsr.NotFound, Method: "select"}
	if len(texts) > 0 {
		c.Outcome, c.Counts.Found, c.Counts.Exported = dsr.Exported, int64(len(texts)), int64(len(texts))
		err := s.Records(ctx, "notes", func(p *responder.Part) error {
			for _, text := range texts {
				if err := p.Record(map[string]string{"text": text}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return responder.Answer{}, err
		}
	}
	return responder.Answer{Collections: []dsr.Collection{c}}, nil
}

func (n notes) Check(ctx context.Context) error { return n.db.PingContext(ctx) }

func TestASystemWithTheLedgerInItsTransactionConforms(t *testing.T) {
	for dialect, fresh := range map[ledger.Dialect]func(t *testing.T) func(*testing.T) *sql.DB{
		ledger.SQLite: func(t *testing.T) func(*testing.T) *sql.DB {
			path := filepath.Join(t.TempDir(), "notes.db")
			return func(t *testing.T) *sql.DB { return openSQLite(t, path) }
		},
		ledger.Postgres: postgresSchema,
		ledger.MySQL:    mariadbDatabase,
	} {
		t.Run(string(dialect), func(t *testing.T) {
			respondertest.Run(t, respondertest.Harness{New: func(t *testing.T) respondertest.Fixture {
				open := fresh(t)
				db := open(t)
				if _, err := db.ExecContext(t.Context(), "CREATE TABLE notes (author TEXT, text TEXT)"); err != nil {
					t.Fatal(err)
				}
				own := notes{db, dialect == ledger.Postgres}
				n := 0
				return respondertest.Fixture{
					Exact: true,
					Open: func(t *testing.T) (responder.System, responder.Ledger) {
						db := open(t)
						return notes{db, own.dollar}, ledger.InTransaction(db, dialect)
					},
					Seed: func(t *testing.T, id dsr.Identifier) {
						n++
						if _, err := db.ExecContext(t.Context(), own.sql(fmt.Sprintf("INSERT INTO notes VALUES (?, 'note %d')", n)), id.Value); err != nil {
							t.Fatal(err)
						}
					},
					Left: func(t *testing.T, id dsr.Identifier) (left int64) {
						if err := db.QueryRowContext(t.Context(), own.sql("SELECT count(*) FROM notes WHERE author = ?"), id.Value).Scan(&left); err != nil {
							t.Fatal(err)
						}
						return left
					},
				}
			}})
		})
	}
}

// postgresSchema makes a schema of its own in the PostgreSQL of the tests and returns how to connect to it.
func postgresSchema(t *testing.T) func(*testing.T) *sql.DB {
	t.Helper()
	base := os.Getenv("LETHE_TEST_POSTGRES")
	if base == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	connect := func(t *testing.T, dsn string) *sql.DB {
		t.Helper()
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	admin, schema := connect(t, base), fmt.Sprintf("responder_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
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
	return func(t *testing.T) *sql.DB { return connect(t, u.String()) }
}

// mariadbDatabase makes a database of its own in the MariaDB of the tests and returns how to connect to it.
func mariadbDatabase(t *testing.T) func(*testing.T) *sql.DB {
	t.Helper()
	base := os.Getenv("LETHE_TEST_MARIADB")
	if base == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	connect := func(t *testing.T, url string) *sql.DB {
		t.Helper()
		db, err := ledger.OpenMySQL(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	admin, name := connect(t, base+"mysql"), fmt.Sprintf("responder_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	})
	return func(t *testing.T) *sql.DB { return connect(t, base+name) }
}
