package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// write queues the statements of a batch: one a table and kind of change, rows in key order.
func (t *tx) write(s *rowset.Set) {
	t.writeSources(s.Sources)
	t.insertRequests(s.Insert)
	t.updateRequests(s)
	t.writeRefs(s)
	t.writeSteps(s)
	t.seal(s)
	t.writeRejections(s)
	t.wake(s.Wake)
	t.writeOutbox(s.Outbox)
}

func (t *tx) insertRequests(rs []rowset.Request) {
	if len(rs) == 0 {
		return
	}
	keys := keysBy(rs, func(r *rowset.Request) lifecycle.ID { return r.ID })
	t.queue.exec("insert requests", `
		INSERT INTO request (tenant, request_id, seq, version, wake_at, due_at, state, kind, progress, rev)
		SELECT *, $10 FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[], $9::text[])`,
		keys.tenants, keys.ids, column(rs, func(r *rowset.Request) int64 { return r.Seq }),
		column(rs, func(r *rowset.Request) int64 { return r.Version }),
		column(rs, func(r *rowset.Request) pgtype.Timestamptz { return instant(r.WakeAt) }),
		column(rs, func(r *rowset.Request) pgtype.Timestamptz { return instant(r.DueAt) }),
		column(rs, func(r *rowset.Request) string { return r.State }), column(rs, func(r *rowset.Request) string { return r.Kind }),
		column(rs, func(r *rowset.Request) []byte { return r.Progress }), t.rev)
	t.queue.exec("insert details", `
		INSERT INTO request_detail (tenant, request_id, trace, refs, identifiers, frozen)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::text[])`,
		keys.tenants, keys.ids, column(rs, func(r *rowset.Request) string { return r.Trace }),
		column(rs, func(r *rowset.Request) []byte { return r.Refs }), column(rs, func(r *rowset.Request) []byte { return r.Identifiers }),
		column(rs, func(r *rowset.Request) []byte { return r.Frozen }))
}

func (t *tx) updateRequests(s *rowset.Set) {
	if rs := s.Update; len(rs) > 0 {
		keys := keysBy(rs, func(r *rowset.Request) lifecycle.ID { return r.ID })
		t.queue.exec("update requests", `
			UPDATE request r SET version = k.version, state = k.state, wake_at = k.wake_at, progress = k.progress, rev = $7
			FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[])
				AS k(tenant, request_id, version, state, wake_at, progress)
			CROSS JOIN LATERAL (SELECT ctid FROM request WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) o
			WHERE r.ctid = o.ctid`,
			keys.tenants, keys.ids, column(rs, func(r *rowset.Request) int64 { return r.Version }),
			column(rs, func(r *rowset.Request) string { return r.State }),
			column(rs, func(r *rowset.Request) pgtype.Timestamptz { return instant(r.WakeAt) }),
			column(rs, func(r *rowset.Request) []byte { return r.Progress }), t.rev)
	}
	if is := s.Identifier; len(is) > 0 {
		keys := keysBy(is, func(i *rowset.Identifiers) lifecycle.ID { return i.ID })
		t.queue.exec("update identifiers", `
			UPDATE request_detail d SET identifiers = k.identifiers
			FROM unnest($1::text[], $2::uuid[], $3::bytea[]) AS k(tenant, request_id, identifiers)
			CROSS JOIN LATERAL (SELECT ctid FROM request_detail WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) o
			WHERE d.ctid = o.ctid`,
			keys.tenants, keys.ids, column(is, func(i *rowset.Identifiers) []byte { return i.Sealed }))
	}
	if rs := s.Refs; len(rs) > 0 {
		keys := keysBy(rs, func(r *rowset.Refs) lifecycle.ID { return r.ID })
		t.queue.exec("update pseudonyms", `
			UPDATE request_detail d SET refs = k.refs
			FROM unnest($1::text[], $2::uuid[], $3::bytea[]) AS k(tenant, request_id, refs)
			CROSS JOIN LATERAL (SELECT ctid FROM request_detail WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) o
			WHERE d.ctid = o.ctid`,
			keys.tenants, keys.ids, column(rs, func(r *rowset.Refs) []byte { return r.Refs }))
	}
}

// writeRefs adds what a request did not have when it was loaded: under its lock nobody else can have added it.
func (t *tx) writeRefs(s *rowset.Set) {
	added := slices.DeleteFunc(s.AddRefs, func(r rowset.Ref) bool {
		m := t.loaded[lifecycle.ID{Tenant: r.Tenant, RequestID: r.RequestID}]
		return m != nil && slices.Contains(m.refs, r.Ref)
	})
	if len(added) > 0 {
		tenants, refs, ids := splitRefs(added)
		t.queue.exec("insert pseudonyms", `
			INSERT INTO request_subject (tenant, ref, request_id) SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[])`, tenants, refs, ids)
	}
	if len(s.DropRefs) > 0 {
		tenants, refs, ids := splitRefs(s.DropRefs)
		t.queue.exec("delete pseudonyms", `
			DELETE FROM request_subject WHERE ctid = ANY (ARRAY(
				SELECT s.ctid FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS k(tenant, ref, request_id)
				CROSS JOIN LATERAL (SELECT ctid FROM request_subject WHERE tenant = k.tenant AND ref = k.ref AND request_id = k.request_id OFFSET 0) s))`, tenants, refs, ids)
	}
}

// writeSteps inserts steps that a request did not have when it was loaded and moves the others forward only: an acknowledgement that
// is not higher in (attempt, rank) than what stands changes nothing. Which is which is known under the request's lock, and an
// insert that need not expect a rival costs little more than half of one that must.
func (t *tx) writeSteps(s *rowset.Set) {
	var added, moved []rowset.Step
	for _, st := range s.Steps {
		if t.loaded[st.ID].has(&st) {
			moved = append(moved, st)
		} else {
			added = append(added, st)
		}
	}
	if len(added) > 0 {
		t.queue.exec("insert steps", `
			INSERT INTO step (tenant, request_id, system, phase, round, attempt, rank, state, body)
			SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::smallint[], $8::text[], $9::bytea[])`,
			stepColumns(added)...)
	}
	if len(moved) > 0 {
		t.queue.tagged("move steps", func(tag pgconn.CommandTag) error {
			t.forward = tag.RowsAffected() == int64(len(moved))
			return nil
		}, `
			UPDATE step s SET attempt = k.attempt, rank = k.rank, state = k.state, body = k.body
			FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::smallint[], $8::text[], $9::bytea[])
				AS k(tenant, request_id, system, phase, round, attempt, rank, state, body)
			CROSS JOIN LATERAL (SELECT ctid FROM step
				WHERE tenant = k.tenant AND request_id = k.request_id AND phase = k.phase AND round = k.round AND system = k.system OFFSET 0) o
			WHERE s.ctid = o.ctid AND (k.attempt, k.rank) > (s.attempt, s.rank)`,
			stepColumns(moved)...)
	}
}

func stepColumns(ss []rowset.Step) []any {
	keys := keysBy(ss, func(s *rowset.Step) lifecycle.ID { return s.ID })
	return []any{
		keys.tenants, keys.ids, column(ss, func(s *rowset.Step) string { return s.System }),
		column(ss, func(s *rowset.Step) string { return s.Phase }), column(ss, func(s *rowset.Step) int32 { return s.Round }),
		column(ss, func(s *rowset.Step) int32 { return s.Attempt }), column(ss, func(s *rowset.Step) int16 { return s.Rank }),
		column(ss, func(s *rowset.Step) string { return s.State }), column(ss, func(s *rowset.Step) []byte { return orEmpty(s.Body) }),
	}
}

// wake makes waiting requests due. Rows that another transaction has locked are passed over: it holds them to decide about them,
// and what it misses the next look at the gate finds; so it does what another has changed since this statement began.
func (t *tx) wake(subjects []store.Subject) {
	if len(subjects) == 0 {
		return
	}
	tenants, refs := splitSubjects(subjects)
	t.queue.exec("wake waiting requests", `
		UPDATE request SET wake_at = transaction_timestamp() WHERE ctid = ANY (ARRAY(
			SELECT r.ctid FROM unnest($1::text[], $2::bytea[]) AS k(tenant, ref)
			CROSS JOIN LATERAL (SELECT request_id FROM request_subject WHERE tenant = k.tenant AND ref = k.ref OFFSET 0) s
			CROSS JOIN LATERAL (SELECT ctid FROM request WHERE tenant = k.tenant AND request_id = s.request_id
				AND state = $3 AND (wake_at > transaction_timestamp() OR wake_at IS NULL) OFFSET 0 FOR UPDATE SKIP LOCKED) r))`,
		tenants, refs, string(dsr.Waiting))
}

func (t *tx) writeOutbox(rows []rowset.OutboxRow) {
	if len(rows) == 0 {
		return
	}
	t.queue.exec("insert outbox", `
		INSERT INTO outbox (shard, size, body) SELECT shard, size, body
		FROM unnest($1::smallint[], $2::integer[], $3::bytea[]) WITH ORDINALITY AS k(shard, size, body, i) ORDER BY i`,
		column(rows, func(r *rowset.OutboxRow) int16 { return int16(r.Shard) }), column(rows, func(r *rowset.OutboxRow) int32 { return int32(len(r.Body)) }),
		column(rows, func(r *rowset.OutboxRow) []byte { return packFrame(r.Body) }))
}

func (t *tx) writeSources(from []store.Source) {
	if len(from) == 0 {
		return
	}
	t.queue.exec("save source offsets", `
		INSERT INTO source_offset AS s (topic, partition, next_offset, mark)
		SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[])
		ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, mark = excluded.mark WHERE s.next_offset < excluded.next_offset`,
		column(from, func(f *store.Source) string { return f.Topic }), column(from, func(f *store.Source) int32 { return int32(f.Partition) }),
		column(from, func(f *store.Source) int64 { return f.Next }), column(from, func(f *store.Source) string { return f.Mark }))
}

func column[R, V any](rows []R, value func(*R) V) []V {
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = value(&rows[i])
	}
	return out
}

// keysBy is [keysOf] for rows that were checked.
func keysBy[R any](rows []R, id func(*R) lifecycle.ID) keyArrays {
	out := keyArrays{make([]string, len(rows)), make([]pgtype.UUID, len(rows))}
	for i := range rows {
		k := id(&rows[i])
		out.tenants[i], out.ids[i] = k.Tenant, uuid(k.RequestID)
	}
	return out
}

// uuid makes an empty or unusable id null.
func uuid(id dsr.RequestID) pgtype.UUID {
	u, err := rowset.UUID(id)
	return pgtype.UUID{Bytes: u, Valid: err == nil}
}

// instant makes the zero time null.
func instant(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

func splitRefs(rs []rowset.Ref) (tenants []string, refs [][]byte, ids []pgtype.UUID) {
	return column(rs, func(r *rowset.Ref) string { return r.Tenant }), column(rs, func(r *rowset.Ref) []byte { return []byte(r.Ref) }),
		column(rs, func(r *rowset.Ref) pgtype.UUID { return uuid(r.RequestID) })
}
