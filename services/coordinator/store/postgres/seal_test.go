package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
)

// TestWhatIsDeletedIsLookedUpByTheIndex although the server believes that the table is empty, as it does after a vacuum in a quiet moment.
func TestWhatIsDeletedIsLookedUpByTheIndex(t *testing.T) {
	schema := newSchema(t)
	openConfig(t, postgres.Config{Schema: schema})
	side := openSide(t, schema)
	side.exec(`INSERT INTO step (tenant, request_id, system, phase, round, attempt, rank, state, body)
		SELECT '', gen_random_uuid(), 'shop', 'act', 1, 1, 1, 'answered', '' FROM generate_series(1, 5000)`)
	side.exec(`UPDATE pg_class SET reltuples = 0, relpages = 1000 WHERE oid = 'step'::regclass`)
	rows, err := side.Query(t.Context(), "EXPLAIN "+postgres.DeleteOf("step"), []string{"", ""}, []string{string(newID().RequestID), string(newID().RequestID)})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	plan := strings.Join(lines, "\n")
	if err != nil || strings.Contains(plan, "Join Filter") || strings.Contains(plan, "Hash") || !strings.Contains(plan, "Index Cond") {
		t.Errorf("steps are not looked up (%v):\n%s", err, plan)
	}
}
