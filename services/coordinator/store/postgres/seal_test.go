package postgres

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestWhatIsDeletedIsLookedUpByTheIndex although the server believes that the tables are empty, as it does after a vacuum in a quiet moment.
func TestWhatIsDeletedIsLookedUpByTheIndex(t *testing.T) {
	url := os.Getenv("LETHE_TEST_POSTGRES")
	if url == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: it names a PostgreSQL server, see go run ./scripts/servers postgres")
	}
	schema := "t_" + strings.ToLower(rand.Text())
	s, err := Open(t.Context(), Config{URL: url, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = conn.Exec(t.Context(), "DROP SCHEMA "+schema+" CASCADE")
		_ = conn.Close(t.Context())
	})
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("SET search_path = " + schema)
	exec(`INSERT INTO step (tenant, request_id, system, phase, round, attempt, rank, state, body)
		SELECT '', gen_random_uuid(), 'shop', 'act', 1, 1, 1, 'answered', '' FROM generate_series(1, 5000)`)
	exec(`UPDATE pg_class SET reltuples = 0, relpages = 1000 WHERE oid = 'step'::regclass`)
	rows, err := conn.Query(t.Context(), "EXPLAIN "+deleteOf("step"), []string{"", ""}, []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	plan := strings.Join(lines, "\n")
	if err != nil || strings.Contains(plan, "Join Filter") || strings.Contains(plan, "Hash") || !strings.Contains(plan, "Index Cond") {
		t.Errorf("steps are not looked up (%v):\n%s", err, plan)
	}
}
