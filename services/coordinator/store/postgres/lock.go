package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// Sources implements [store.Tx].
func (t *tx) Sources(ctx context.Context, topic string, partitions []int) (map[int]int64, error) {
	out := make(map[int]int64, len(partitions))
	ask := make([]int32, len(partitions))
	for i, p := range partitions {
		if err := rowset.CheckPlace(topic, p); err != nil {
			return nil, err
		}
		ask[i] = int32(p)
	}
	slices.Sort(ask)
	var partition int32
	var next int64
	found := func() error {
		out[int(partition)] = next
		return nil
	}
	t.queue.query("lock source offsets", []any{&partition, &next}, found,
		`SELECT partition, next_offset FROM source_offset WHERE topic = $1 AND partition = ANY ($2::integer[]) ORDER BY partition FOR UPDATE`, topic, ask)
	if err := t.flush(ctx); err != nil || len(out) == len(partitions) {
		return out, err
	}
	// The first time: the update that changes nothing locks and returns the row of a rival that was faster.
	ask = slices.DeleteFunc(ask, func(p int32) bool { _, ok := out[int(p)]; return ok })
	t.queue.query("make source offsets", []any{&partition, &next}, found, `
		INSERT INTO source_offset AS s (topic, partition, next_offset) SELECT $1::text, p, 0 FROM unnest($2::integer[]) p
		ON CONFLICT (topic, partition) DO UPDATE SET next_offset = s.next_offset RETURNING s.partition, s.next_offset`, topic, ask)
	return out, t.flush(ctx)
}

// Refs implements [store.Tx].
func (t *tx) Refs(ctx context.Context, ids []lifecycle.ID) ([]store.Subject, error) {
	keys, err := keysOf(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var out []store.Subject
	var tenant string
	var refs []byte
	t.queue.query("read pseudonyms", []any{&tenant, &refs}, func() error {
		decoded, err := rowset.DecodeRefs(refs)
		for _, ref := range decoded {
			out = append(out, store.Subject{Tenant: tenant, Ref: ref})
		}
		return err
	}, `SELECT d.tenant, d.refs FROM unnest($1::text[], $2::uuid[]) AS k(tenant, request_id)
		CROSS JOIN LATERAL (SELECT tenant, refs FROM request_detail WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) d`,
		keys.tenants, keys.ids)
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return rowset.Subjects(out), nil
}

// LockSubjects implements [store.Tx]. The one statement makes rows and locks those that are there ("DO UPDATE … WHERE false" locks
// and writes nothing); with two, Upkeep could remove a row in between and nothing would be locked.
func (t *tx) LockSubjects(_ context.Context, subjects []store.Subject) error {
	for _, s := range subjects {
		if err := rowset.CheckSubject(s); err != nil {
			return err
		}
	}
	subjects = rowset.Subjects(subjects)
	if len(subjects) == 0 {
		return nil
	}
	tenants, refs := splitSubjects(subjects)
	t.queue.exec("lock subjects", `
		INSERT INTO subject AS s (tenant, ref) SELECT tenant, ref FROM unnest($1::text[], $2::bytea[]) AS k(tenant, ref)
		ON CONFLICT (tenant, ref) DO UPDATE SET ref = excluded.ref WHERE false`, tenants, refs)
	return nil
}

// Keys implements [store.Tx]. An insert that meets the same key of a transaction under way waits for it; a later statement then
// sees what that one wrote. The block of admission numbers for [tx.Seq] comes along.
func (t *tx) Keys(ctx context.Context, claims []store.Key) (map[lifecycle.ID]store.Key, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b store.Key) int { return a.ID.Compare(b.ID) })
	ids, macs := make([]lifecycle.ID, len(claims)), make([][]byte, len(claims))
	for i, k := range claims {
		ids[i], macs[i] = k.ID, orEmpty(k.MAC)
	}
	keys, err := keysOf(ids)
	if err != nil {
		return nil, err
	}
	claimed := make(map[lifecycle.ID]bool, len(ids))
	var tenant string
	var id pgtype.UUID
	t.queue.query("claim request ids", []any{&tenant, &id}, func() error {
		claimed[lifecycle.ID{Tenant: tenant, RequestID: rowset.RequestID(id.Bytes)}] = true
		return nil
	}, `
		INSERT INTO request_key (tenant, request_id, content_mac)
		SELECT tenant, request_id, mac FROM unnest($1::text[], $2::uuid[], $3::bytea[]) AS k(tenant, request_id, mac)
		ON CONFLICT (tenant, request_id) DO NOTHING RETURNING tenant, request_id`, keys.tenants, keys.ids, macs)
	t.queue.query("allot admission numbers", []any{&t.block}, func() error { return nil }, `SELECT nextval('admission_block')`)
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	t.known.Claimed = claimed
	taken := slices.DeleteFunc(ids, func(id lifecycle.ID) bool { return claimed[id] })
	return t.keys(ctx, taken)
}

// keys reads what is known of request ids.
func (t *tx) keys(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]store.Key, error) {
	out := make(map[lifecycle.ID]store.Key, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	keys, err := keysOf(ids)
	if err != nil {
		return nil, err
	}
	var i int64
	var mac []byte
	var sealed pgtype.Timestamptz
	t.queue.query("read request ids", []any{&i, &mac, &sealed}, func() error {
		k := store.Key{ID: ids[i-1], MAC: mac}
		if sealed.Valid {
			k.SealedAt = sealed.Time.UTC()
		}
		out[k.ID] = k
		return nil
	}, `SELECT k.i, r.content_mac, r.sealed_at FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i)
		JOIN request_key r USING (tenant, request_id)`, keys.tenants, keys.ids)
	return out, t.flush(ctx)
}

// Seq implements [store.Tx]. A sequence never gives the same block twice and gives a higher one later, whoever asks.
func (t *tx) Seq(ctx context.Context, n int) (int64, error) {
	if n < 1 || n > store.MaxSeq {
		return 0, fmt.Errorf("allot admission numbers: %d at once, 1 to %d are possible", n, store.MaxSeq)
	}
	if t.block == 0 {
		t.queue.query("allot admission numbers", []any{&t.block}, func() error { return nil }, `SELECT nextval('admission_block')`)
		if err := t.flush(ctx); err != nil {
			return 0, err
		}
	}
	if t.block == 0 {
		return 0, errors.New("allot admission numbers: the sequence gave none")
	}
	first := t.block * store.MaxSeq
	t.block = 0
	return first, nil
}

// keyArrays are request ids as the arrays that a statement takes.
type keyArrays struct {
	tenants []string
	ids     []pgtype.UUID
}

func keysOf(ids []lifecycle.ID) (keyArrays, error) {
	out := keyArrays{make([]string, len(ids)), make([]pgtype.UUID, len(ids))}
	for i, id := range ids {
		if err := rowset.CheckID(id); err != nil {
			return out, err
		}
		u, err := rowset.UUID(id.RequestID)
		if err != nil {
			return out, err
		}
		out.tenants[i], out.ids[i] = id.Tenant, pgtype.UUID{Bytes: u, Valid: true}
	}
	return out, nil
}

func splitSubjects(subjects []store.Subject) (tenants []string, refs [][]byte) {
	tenants, refs = make([]string, len(subjects)), make([][]byte, len(subjects))
	for i, s := range subjects {
		tenants[i], refs[i] = s.Tenant, []byte(s.Ref)
	}
	return tenants, refs
}

// orEmpty keeps nil from becoming null in a column that has none.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
