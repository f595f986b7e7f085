package postgres_test

import (
	"context"
	"slices"
	"testing"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
)

// TestEveryKeyIsLookedUpByTheIndex takes requests through a store whose server believes that the tables are empty, as it does after a vacuum in a
// quiet moment, and counts what the statements read of them: some rows for each key, and not every row for each.
func TestEveryKeyIsLookedUpByTheIndex(t *testing.T) {
	const requests, batch = 1000, 250
	schema := newSchema(t)
	s := openConfig(t, postgres.Config{Schema: schema, CacheBytes: -1}) // everything is loaded
	side := openSide(t, schema)
	tables := []string{"request", "request_detail", "request_subject", "subject", "step", "outbox"}
	for _, table := range tables { // else autovacuum would find out
		side.exec(`ALTER TABLE ` + table + ` SET (autovacuum_enabled = off)`)
	}
	believe := func() {
		side.exec(`UPDATE pg_class SET reltuples = 0, relpages = greatest(relpages, 1) WHERE oid = ANY ($1::text[]::regclass[])
			OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[]))`, tables)
	}
	var ids []lifecycle.ID
	for range requests {
		ids = append(ids, newID())
	}
	for part := range slices.Chunk(ids, batch) {
		believe()
		admit(t, s, part...)
	}
	sealed := map[lifecycle.ID]bool{}
	for range 3 {
		for part := range slices.Chunk(ids, batch) {
			believe()
			if err := s.Tx(t.Context(), func(ctx context.Context, tx store.Tx) error {
				subjects, err := tx.Refs(ctx, part)
				if err != nil {
					return err
				}
				if err := tx.LockSubjects(ctx, subjects); err != nil {
					return err
				}
				if _, err := tx.Neighbours(ctx, subjects); err != nil {
					return err
				}
				return changeAtRandom(ctx, tx, part, sealed)
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil { // a connection that ends tells what it has counted
		t.Fatal(err)
	}
	for _, table := range tables {
		read := side.number(`SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)::bigint
			FROM pg_stat_user_tables t WHERE relid = $1::regclass`, table)
		t.Logf("%s: %d rows", table, read)
		if read > requests*60 {
			t.Errorf("%s: %d rows were read for %d requests, four times each", table, read, requests)
		}
	}
}
