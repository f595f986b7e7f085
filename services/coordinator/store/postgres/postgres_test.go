package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
	"github.com/lethe-dsr/lethe/services/coordinator/store/storetest"
)

// serverURL is where the tests find a server; a missing one fails them.
func serverURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("LETHE_TEST_POSTGRES")
	if url == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: it names a PostgreSQL server, see go run ./scripts/servers postgres")
	}
	return url
}

// newSchema names a schema of the test's own, which is dropped when it ends.
func newSchema(t testing.TB) string {
	t.Helper()
	schema := "t_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	t.Cleanup(func() {
		conn := connect(t)
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return schema
}

func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), serverURL(t))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return conn
}

func open(t testing.TB) store.Store { return openConfig(t, postgres.Config{}) }

func openConfig(t testing.TB, c postgres.Config) *postgres.Store {
	t.Helper()
	if c.URL == "" {
		c.URL = serverURL(t)
	}
	if c.Schema == "" {
		c.Schema = newSchema(t)
	}
	s, err := postgres.Open(context.Background(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func BenchmarkStore(b *testing.B) {
	for _, load := range []storetest.Load{{Workers: 1}, {Workers: 4}, {Workers: 4, Together: true}} {
		b.Run(fmt.Sprintf("workers_%d_together_%v", load.Workers, load.Together), func(b *testing.B) { storetest.Bench(b, open, load) })
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }
