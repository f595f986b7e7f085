package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// Offset implements [store.Store].
func (s *Store) Offset(ctx context.Context, topic string, partition int) (from store.Source, ok bool, err error) {
	from = store.Source{Topic: topic, Partition: partition}
	if err := rowset.CheckPlace(topic, partition); err != nil {
		return from, false, err
	}
	err = s.pool.QueryRow(ctx, `SELECT next_offset, mark FROM source_offset WHERE topic = $1 AND partition = $2`, topic, partition).Scan(&from.Next, &from.Mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return from, false, nil
	}
	return from, err == nil && from.Next > 0, classify("read source offset", err)
}

// Offsets implements [store.Store].
func (s *Store) Offsets(ctx context.Context, topic string) (next map[int]int64, now time.Time, err error) {
	if err := rowset.CheckPlace(topic, 0); err != nil {
		return nil, now, err
	}
	next = map[int]int64{}
	rows, err := s.pool.Query(ctx, `SELECT clock_timestamp(), o.partition, o.next_offset FROM (SELECT) c LEFT JOIN source_offset o ON o.topic = $1 AND o.next_offset > 0`, topic)
	if err != nil {
		return nil, now, classify("read source offsets", err)
	}
	var partition *int
	var offset *int64
	_, err = pgx.ForEachRow(rows, []any{&now, &partition, &offset}, func() error {
		if partition != nil {
			next[*partition] = *offset
		}
		return nil
	})
	return next, now.UTC(), classify("read source offsets", err)
}

// SetOffset implements [store.Store].
func (s *Store) SetOffset(ctx context.Context, topic string, partition int, from, to int64) (ok bool, err error) {
	if err := rowset.CheckPlace(topic, partition); err != nil {
		return false, err
	}
	tag, err := s.pool.Exec(ctx, `UPDATE source_offset SET next_offset = $4, mark = '' WHERE topic = $1 AND partition = $2 AND next_offset = $3`, topic, partition, from, to)
	return tag.RowsAffected() == 1, classify("set source offset", err)
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, limit int) ([]lifecycle.ID, error) {
	return s.ids(ctx, "list due requests", `SELECT tenant, request_id FROM request WHERE wake_at <= clock_timestamp() ORDER BY wake_at LIMIT $1`, limit)
}

// Open implements [store.Store].
func (s *Store) Open(ctx context.Context, after lifecycle.ID, limit int) ([]lifecycle.ID, error) {
	const doing = "list open requests"
	if after == (lifecycle.ID{}) {
		return s.ids(ctx, doing, `SELECT tenant, request_id FROM request ORDER BY request_id, tenant LIMIT $1`, limit)
	}
	id, err := rowset.UUID(after.RequestID)
	if err != nil {
		return nil, err
	}
	return s.ids(ctx, doing, `SELECT tenant, request_id FROM request WHERE (request_id, tenant) > ($2, $3) ORDER BY request_id, tenant LIMIT $1`, limit, pgtype.UUID{Bytes: id, Valid: true}, after.Tenant)
}

// Records implements [store.Store].
func (s *Store) Records(ctx context.Context, after store.Record, limit int) ([]store.Sealed, error) {
	from := pgtype.UUID{Valid: true}
	if after.RequestID != "" {
		var err error
		if from.Bytes, err = rowset.UUID(after.RequestID); err != nil {
			return nil, err
		}
	}
	rows, err := s.pool.Query(ctx, `
		SELECT tenant, request_id, record_id, number, sealed_at, result, envelope, sha256, previous_sha256, archive FROM record
		WHERE (sealed_at, request_id, tenant, number) > ($2, $3, $4, $5) ORDER BY sealed_at, request_id, tenant, number LIMIT $1`,
		limit, after.SealedAt, from, after.Tenant, after.Number-first(after))
	if err != nil {
		return nil, classify("list records", err)
	}
	var out []store.Sealed
	var r store.Record
	var id pgtype.UUID
	var archive []byte
	_, err = pgx.ForEachRow(rows, []any{&r.Tenant, &id, &r.RecordID, &r.Number, &r.SealedAt, &r.Result, &r.Envelope, &r.SHA256, &r.PreviousSHA256, &archive}, func() error {
		r.RequestID, r.SealedAt = rowset.RequestID(id.Bytes), r.SealedAt.UTC()
		var err error
		if r.Envelope, err = unpackEnvelope(r.Envelope); err != nil {
			return fmt.Errorf("record %s: %w", r.RecordID, err)
		}
		q, err := unpackArchive(r.ID, archive)
		out = append(out, store.Sealed{Record: r, Request: q})
		return err
	})
	return out, classify("list records", err)
}

// first is 1 for what stands before every record of an instant, so that number 0 comes after it.
func first(after store.Record) int32 {
	if after.RequestID == "" {
		return 1
	}
	return 0
}

func (s *Store) ids(ctx context.Context, doing, query string, args ...any) ([]lifecycle.ID, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, classify(doing, err)
	}
	var out []lifecycle.ID
	var tenant string
	var id pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&tenant, &id}, func() error {
		out = append(out, lifecycle.ID{Tenant: tenant, RequestID: rowset.RequestID(id.Bytes)})
		return nil
	})
	return out, classify(doing, err)
}

// NextWake implements [store.Store].
func (s *Store) NextWake(ctx context.Context) (in time.Duration, ok bool, err error) {
	var micros *int64
	err = s.pool.QueryRow(ctx, `SELECT (extract(epoch FROM min(wake_at) - clock_timestamp()) * 1000000)::bigint FROM request WHERE wake_at IS NOT NULL`).Scan(&micros)
	if err != nil || micros == nil {
		return 0, false, classify("read the next wake-up", err)
	}
	return time.Duration(*micros) * time.Microsecond, true, nil
}

// Counts implements [store.Store].
func (s *Store) Counts(ctx context.Context) (open, overdue int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE due_at < clock_timestamp()) FROM request`).Scan(&open, &overdue)
	return open, overdue, classify("count requests", err)
}

// Backlog implements [store.Store].
func (s *Store) Backlog(ctx context.Context) (b store.Backlog, err error) {
	var age int64
	err = s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM outbox),
		(SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000000, 0)::bigint FROM outbox),
		(SELECT count(*) FROM outbox_parked), (SELECT count(*) FROM rejection WHERE corrected_at IS NULL)`).Scan(&b.Outbox, &age, &b.Parked, &b.Rejections)
	b.OutboxAge = time.Duration(age) * time.Microsecond
	return b, classify("measure the backlog", err)
}
