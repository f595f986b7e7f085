package roles

import (
	"os"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/services/internal/config"
)

// TestDatabasesAreOpenedByTheirURL: the scheme decides the driver and the dialect, and every pool is bounded.
func TestDatabasesAreOpenedByTheirURL(t *testing.T) {
	maria := os.Getenv("LETHE_TEST_MARIADB")
	if maria == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	postgres := os.Getenv("LETHE_TEST_POSTGRES")
	if postgres == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	for _, c := range []struct {
		url     string
		dialect ledger.Dialect
		pool    int
	}{
		{maria + "mysql", ledger.MySQL, poolSize},
		{postgres, ledger.Postgres, poolSize},
		{"sqlite://" + t.TempDir() + "/shop.db", ledger.SQLite, 1},
	} {
		t.Run(string(c.dialect), func(t *testing.T) {
			d, err := config.ParseDatabase(c.url)
			if err != nil {
				t.Fatal(err)
			}
			db, dialect, err := openSQL(d)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if dialect != c.dialect || db.Stats().MaxOpenConnections != c.pool {
				t.Errorf("dialect %s, %d connections; want %s, %d", dialect, db.Stats().MaxOpenConnections, c.dialect, c.pool)
			}
			if err := db.PingContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
