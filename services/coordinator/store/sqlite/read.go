package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
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
	err = forEachRow(ctx, s.db, []any{&from.Next, &from.Mark}, func() error { return nil },
		`SELECT next_offset, mark FROM source_offset WHERE topic = ? AND partition = ?`, topic, partition)
	return from, err == nil && from.Next > 0, classify("read source offset", err)
}

// Offsets implements [store.Store].
func (s *Store) Offsets(ctx context.Context, topic string) (next map[int]int64, now time.Time, err error) {
	if err := rowset.CheckPlace(topic, 0); err != nil {
		return nil, now, err
	}
	now = time.UnixMicro(nowMicros()).UTC() // before the offsets: what they lack was taken in later
	next = map[int]int64{}
	var partition int
	var offset int64
	err = forEachRow(ctx, s.db, []any{&partition, &offset}, func() error {
		next[partition] = offset
		return nil
	}, `SELECT partition, next_offset FROM source_offset WHERE topic = ? AND next_offset > 0`, topic)
	return next, now, classify("read source offsets", err)
}

// SetOffset implements [store.Store].
func (s *Store) SetOffset(ctx context.Context, topic string, partition int, from, to int64) (ok bool, err error) {
	if err := rowset.CheckPlace(topic, partition); err != nil {
		return false, err
	}
	res, err := s.db.ExecContext(ctx, `UPDATE source_offset SET next_offset = ?, mark = '' WHERE topic = ? AND partition = ? AND next_offset = ?`, to, topic, partition, from)
	if err != nil {
		return false, classify("set source offset", err)
	}
	n, err := res.RowsAffected()
	return n == 1, classify("set source offset", err)
}

func nowMicros() int64 { return time.Now().UnixMicro() }

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, limit int) ([]lifecycle.ID, error) {
	return s.ids(ctx, "list due requests", `SELECT tenant, request_id FROM request WHERE wake_at <= ? ORDER BY wake_at LIMIT ?`, nowMicros(), limit)
}

// Open implements [store.Store].
func (s *Store) Open(ctx context.Context, after lifecycle.ID, limit int) ([]lifecycle.ID, error) {
	return s.ids(ctx, "list open requests", `SELECT tenant, request_id FROM request WHERE (tenant, request_id) > (?, ?) ORDER BY tenant, request_id LIMIT ?`, after.Tenant, string(after.RequestID), limit)
}

// Records implements [store.Store].
func (s *Store) Records(ctx context.Context, after store.Record, limit int) (out []store.Sealed, err error) {
	var tenant, id, recordID, result string
	var number int32
	var at int64
	var envelope, sum, previous, archive []byte
	err = forEachRow(ctx, s.db, []any{&tenant, &id, &recordID, &number, &at, &result, &envelope, &sum, &previous, &archive}, func() error {
		r := store.Record{
			ID: lifecycle.ID{Tenant: tenant, RequestID: dsr.RequestID(id)}, RecordID: recordID, Number: number, Result: dsr.Result(result),
			SealedAt: time.UnixMicro(at).UTC(), Envelope: envelope, SHA256: sum, PreviousSHA256: previous,
		}
		q, err := rowset.DecodeArchive(r.ID, archive)
		out = append(out, store.Sealed{Record: r, Request: q})
		envelope, sum, previous, archive = nil, nil, nil, nil
		return err
	}, `
		SELECT tenant, request_id, record_id, number, sealed_at, result, envelope, sha256, previous_sha256, archive FROM record
		WHERE (sealed_at, tenant, request_id, number) > (?, ?, ?, ?) ORDER BY sealed_at, tenant, request_id, number LIMIT ?`,
		max(0, after.SealedAt.UnixMicro()), after.Tenant, string(after.RequestID), after.Number, limit)
	return out, classify("list records", err)
}

func (s *Store) ids(ctx context.Context, doing, query string, args ...any) (out []lifecycle.ID, err error) {
	var tenant, id string
	err = forEachRow(ctx, s.db, []any{&tenant, &id}, func() error {
		out = append(out, lifecycle.ID{Tenant: tenant, RequestID: dsr.RequestID(id)})
		return nil
	}, query, args...)
	return out, classify(doing, err)
}

// NextWake implements [store.Store].
func (s *Store) NextWake(ctx context.Context) (in time.Duration, ok bool, err error) {
	var at sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT min(wake_at) FROM request WHERE wake_at IS NOT NULL`).Scan(&at)
	if err != nil || !at.Valid {
		return 0, false, classify("read the next wake-up", err)
	}
	return time.Duration(at.Int64-nowMicros()) * time.Microsecond, true, nil
}

// Counts implements [store.Store].
func (s *Store) Counts(ctx context.Context) (open, overdue int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE due_at < ?) FROM request`, nowMicros()).Scan(&open, &overdue)
	return open, overdue, classify("count requests", err)
}

// Backlog implements [store.Store].
func (s *Store) Backlog(ctx context.Context) (b store.Backlog, err error) {
	var since sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM outbox), (SELECT min(created_at) FROM outbox),
		(SELECT count(*) FROM outbox_parked), (SELECT count(*) FROM rejection WHERE corrected_at IS NULL)`).Scan(&b.Outbox, &since, &b.Parked, &b.Rejections)
	if since.Valid {
		b.OutboxAge = time.Duration(max(0, nowMicros()-since.Int64)) * time.Microsecond
	}
	return b, classify("measure the backlog", err)
}

// Upkeep implements [store.Store].
func (s *Store) Upkeep(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM rejection WHERE corrected_at < ?`, time.Now().Add(-s.retention).UnixMicro())
	if err != nil {
		return classify("remove corrected rejections", err)
	}
	// A parked message holds identifiers, sealed, and goes as it would have gone from its topic.
	_, err = s.db.ExecContext(ctx, `DELETE FROM outbox_parked WHERE parked_at < ?`, time.Now().Add(-s.parked).UnixMicro())
	if err != nil {
		return classify("remove parked messages", err)
	}
	_, err = s.db.ExecContext(ctx, `PRAGMA optimize`)
	return classify("optimize", err)
}
