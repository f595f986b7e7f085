package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// deleteOf deletes what some requests have in a table, under their locks. Each is looked up by the index: these tables are empty at times,
// and whoever takes statistics then makes the server believe that they are, which compares every row with every key as soon as there are
// some. OFFSET 0 keeps it from joining in any other way.
func deleteOf(table string) string {
	return `DELETE FROM ` + table + ` WHERE ctid = ANY (ARRAY(
		SELECT d.ctid FROM unnest($1::text[], $2::uuid[]) AS k(tenant, request_id)
		CROSS JOIN LATERAL (SELECT r.ctid FROM ` + table + ` r WHERE r.tenant = k.tenant AND r.request_id = k.request_id OFFSET 0) AS d))`
}

// seal queues what moves requests from the open ones to their records, and back.
func (t *tx) seal(s *rowset.Set) {
	if len(s.Delete) > 0 {
		keys := keysBy(s.Delete, func(id *lifecycle.ID) lifecycle.ID { return *id })
		t.queue.exec("delete requests", deleteOf("request"), keys.tenants, keys.ids)
		t.queue.exec("delete details", deleteOf("request_detail"), keys.tenants, keys.ids)
		t.queue.exec("delete steps", deleteOf("step"), keys.tenants, keys.ids)
	}
	if len(s.Sealed)+len(s.Unsealed) > 0 {
		sealed := append([]rowset.Sealed{}, s.Sealed...)
		for _, id := range s.Unsealed {
			sealed = append(sealed, rowset.Sealed{ID: id}) // the zero time is null: open again
		}
		keys := keysBy(sealed, func(s *rowset.Sealed) lifecycle.ID { return s.ID })
		t.queue.exec("seal request ids", `
			UPDATE request_key r SET sealed_at = k.sealed_at FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS k(tenant, request_id, sealed_at)
			WHERE r.tenant = k.tenant AND r.request_id = k.request_id`,
			keys.tenants, keys.ids, column(sealed, func(s *rowset.Sealed) pgtype.Timestamptz { return instant(s.At) }))
	}
	if rs := s.Records; len(rs) > 0 {
		keys := keysBy(rs, func(r *rowset.Record) lifecycle.ID { return r.ID })
		t.queue.exec("insert records", `
			INSERT INTO record (tenant, request_id, record_id, number, sealed_at, result, envelope, sha256, previous_sha256, archive)
			SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::integer[], $5::timestamptz[], $6::text[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[])`,
			keys.tenants, keys.ids, column(rs, func(r *rowset.Record) string { return r.RecordID }),
			column(rs, func(r *rowset.Record) int32 { return r.Number }),
			column(rs, func(r *rowset.Record) pgtype.Timestamptz { return instant(r.SealedAt) }),
			column(rs, func(r *rowset.Record) string { return string(r.Result) }),
			column(rs, func(r *rowset.Record) []byte { return packEnvelope(orEmpty(r.Envelope)) }),
			column(rs, func(r *rowset.Record) []byte { return orEmpty(r.SHA256) }),
			column(rs, func(r *rowset.Record) []byte { return r.PreviousSHA256 }),
			column(rs, func(r *rowset.Record) []byte { return packArchive(r.Archive) }))
	}
}

// writeRejections queues the messages that were not taken, and what corrects earlier ones.
func (t *tx) writeRejections(s *rowset.Set) {
	if rs := s.Rejections; len(rs) > 0 {
		text := func(value func(*dsr.Rejection) string) []string { return column(rs, value) }
		at := func(value func(*dsr.Rejection) pgtype.Timestamptz) []pgtype.Timestamptz { return column(rs, value) }
		t.queue.exec("insert rejections", `
			INSERT INTO rejection (topic, partition, "offset", tenant, request_id, kind, reason, message, sha256, received_at, due_at, rejected_at, environment)
			SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::bytea[],
				$10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[])
			ON CONFLICT DO NOTHING`,
			text(func(r *dsr.Rejection) string { return r.Topic }), column(rs, func(r *dsr.Rejection) int32 { return r.Partition }),
			column(rs, func(r *dsr.Rejection) int64 { return r.Offset }), text(func(r *dsr.Rejection) string { return r.Tenant }),
			column(rs, func(r *dsr.Rejection) pgtype.UUID { return uuid(r.RequestID) }), text(func(r *dsr.Rejection) string { return string(r.Kind) }),
			text(func(r *dsr.Rejection) string { return r.Reason }), text(func(r *dsr.Rejection) string { return r.Message }),
			column(rs, func(r *dsr.Rejection) []byte { return r.SHA256 }),
			at(func(r *dsr.Rejection) pgtype.Timestamptz { return instant(r.ReceivedAt) }),
			at(func(r *dsr.Rejection) pgtype.Timestamptz { return instant(r.DueAt) }),
			at(func(r *dsr.Rejection) pgtype.Timestamptz { return instant(r.RejectedAt) }),
			text(func(r *dsr.Rejection) string { return r.Environment }))
	}
	if ids := s.Corrected; len(ids) > 0 {
		keys := keysBy(ids, func(id *lifecycle.ID) lifecycle.ID { return *id })
		t.queue.exec("close rejections", `
			UPDATE rejection r SET corrected_at = transaction_timestamp() FROM unnest($1::text[], $2::uuid[]) AS k(tenant, request_id)
			WHERE r.tenant = k.tenant AND r.request_id = k.request_id AND r.corrected_at IS NULL`, keys.tenants, keys.ids)
	}
}
