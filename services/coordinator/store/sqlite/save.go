package sqlite

import (
	"context"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// Save implements [store.Tx].
func (t *tx) Save(ctx context.Context, c store.Changes) error {
	if t.err != nil {
		return t.err
	}
	if t.saved != nil {
		return t.fail(errTwice)
	}
	s, err := rowset.Of(c, t.known)
	if err != nil {
		return t.fail(err)
	}
	t.saved = s
	for _, write := range []func(context.Context, *rowset.Set) error{
		t.writeSources, t.insertRequests, t.updateRequests, t.writeRefs, t.writeSteps, t.deleteRequests, t.writeRecords, t.writeRejections, t.wake, t.writeOutbox,
	} {
		if err := write(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) writeSources(ctx context.Context, s *rowset.Set) error {
	return t.each(ctx, "save source offsets", len(s.Sources), `
		INSERT INTO source_offset (topic, partition, next_offset, mark) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, mark = excluded.mark WHERE next_offset < excluded.next_offset`,
		func(i int) []any {
			from := &s.Sources[i]
			return []any{from.Topic, from.Partition, from.Next, from.Mark}
		})
}

func (t *tx) insertRequests(ctx context.Context, s *rowset.Set) error {
	err := t.each(ctx, "insert requests", len(s.Insert), `
		INSERT INTO request (tenant, request_id, seq, version, wake_at, due_at, state, kind, progress) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		func(i int) []any {
			r := &s.Insert[i]
			return []any{r.Tenant, string(r.RequestID), r.Seq, r.Version, micros(r.WakeAt), micros(r.DueAt), r.State, r.Kind, r.Progress}
		})
	if err != nil {
		return err
	}
	return t.each(ctx, "insert details", len(s.Insert), `
		INSERT INTO request_detail (tenant, request_id, trace, refs, identifiers, frozen) VALUES (?, ?, ?, ?, ?, ?)`,
		func(i int) []any {
			r := &s.Insert[i]
			return []any{r.Tenant, string(r.RequestID), r.Trace, orEmpty(r.Refs), orNull(r.Identifiers), r.Frozen}
		})
}

func (t *tx) updateRequests(ctx context.Context, s *rowset.Set) error {
	err := t.each(ctx, "update requests", len(s.Update), `
		UPDATE request SET version = ?, state = ?, wake_at = ?, progress = ? WHERE tenant = ? AND request_id = ?`,
		func(i int) []any {
			r := &s.Update[i]
			return []any{r.Version, r.State, micros(r.WakeAt), r.Progress, r.Tenant, string(r.RequestID)}
		})
	if err != nil {
		return err
	}
	err = t.each(ctx, "update identifiers", len(s.Identifier), `UPDATE request_detail SET identifiers = ? WHERE tenant = ? AND request_id = ?`,
		func(i int) []any {
			d := &s.Identifier[i]
			return []any{orNull(d.Sealed), d.Tenant, string(d.RequestID)}
		})
	if err != nil {
		return err
	}
	return t.each(ctx, "update pseudonyms", len(s.Refs), `UPDATE request_detail SET refs = ? WHERE tenant = ? AND request_id = ?`,
		func(i int) []any {
			d := &s.Refs[i]
			return []any{orEmpty(d.Refs), d.Tenant, string(d.RequestID)}
		})
}

func (t *tx) writeRefs(ctx context.Context, s *rowset.Set) error {
	row := func(rs []rowset.Ref) func(int) []any {
		return func(i int) []any { return []any{rs[i].Tenant, []byte(rs[i].Ref), string(rs[i].RequestID)} }
	}
	err := t.each(ctx, "insert pseudonyms", len(s.AddRefs), `
		INSERT INTO request_subject (tenant, ref, request_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, row(s.AddRefs))
	if err != nil {
		return err
	}
	return t.each(ctx, "delete pseudonyms", len(s.DropRefs), `DELETE FROM request_subject WHERE tenant = ? AND ref = ? AND request_id = ?`, row(s.DropRefs))
}

// writeSteps moves forward only: an acknowledgement that is not higher in (attempt, rank) than what stands changes nothing.
func (t *tx) writeSteps(ctx context.Context, s *rowset.Set) error {
	return t.each(ctx, "save steps", len(s.Steps), `
		INSERT INTO step (tenant, request_id, system, phase, round, attempt, rank, state, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET attempt = excluded.attempt, rank = excluded.rank, state = excluded.state, body = excluded.body
		WHERE (excluded.attempt, excluded.rank) > (attempt, rank)`,
		func(i int) []any {
			st := &s.Steps[i]
			return []any{st.Tenant, string(st.RequestID), st.System, st.Phase, st.Round, st.Attempt, st.Rank, st.State, orEmpty(st.Body)}
		})
}

func (t *tx) deleteRequests(ctx context.Context, s *rowset.Set) error {
	for _, table := range []string{"request", "request_detail", "step"} {
		err := t.each(ctx, "delete requests", len(s.Delete), `DELETE FROM `+table+` WHERE tenant = ? AND request_id = ?`,
			func(i int) []any { return []any{s.Delete[i].Tenant, string(s.Delete[i].RequestID)} })
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) writeRecords(ctx context.Context, s *rowset.Set) error {
	const key = `UPDATE request_key SET sealed_at = ? WHERE tenant = ? AND request_id = ?`
	err := t.each(ctx, "seal request ids", len(s.Sealed), key,
		func(i int) []any {
			return []any{micros(s.Sealed[i].At), s.Sealed[i].Tenant, string(s.Sealed[i].RequestID)}
		})
	if err != nil {
		return err
	}
	err = t.each(ctx, "open request ids", len(s.Unsealed), key,
		func(i int) []any { return []any{nil, s.Unsealed[i].Tenant, string(s.Unsealed[i].RequestID)} })
	if err != nil {
		return err
	}
	return t.each(ctx, "insert records", len(s.Records), `
		INSERT INTO record (tenant, request_id, record_id, number, sealed_at, result, envelope, sha256, previous_sha256, archive) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		func(i int) []any {
			r := &s.Records[i]
			return []any{
				r.Tenant, string(r.RequestID), r.RecordID, r.Number, micros(r.SealedAt), string(r.Result), orEmpty(r.Envelope), orEmpty(r.SHA256),
				orNull(r.PreviousSHA256), r.Archive,
			}
		})
}

func (t *tx) writeRejections(ctx context.Context, s *rowset.Set) error {
	err := t.each(ctx, "insert rejections", len(s.Rejections), `
		INSERT INTO rejection (topic, partition, "offset", tenant, request_id, kind, reason, message, sha256, received_at, due_at, rejected_at, environment)
		VALUES (?, ?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		func(i int) []any {
			r := &s.Rejections[i]
			return []any{
				r.Topic, r.Partition, r.Offset, r.Tenant, string(r.RequestID), string(r.Kind), r.Reason, r.Message, orNull(r.SHA256),
				micros(r.ReceivedAt), micros(r.DueAt), micros(r.RejectedAt), r.Environment,
			}
		})
	if err != nil {
		return err
	}
	return t.each(ctx, "close rejections", len(s.Corrected), `
		UPDATE rejection SET corrected_at = ? WHERE tenant = ? AND request_id = ? AND corrected_at IS NULL`,
		func(i int) []any {
			return []any{t.now.UnixMicro(), s.Corrected[i].Tenant, string(s.Corrected[i].RequestID)}
		})
}

// wake makes waiting requests due.
func (t *tx) wake(ctx context.Context, s *rowset.Set) error {
	return t.each(ctx, "wake waiting requests", len(s.Wake), `
		UPDATE request SET wake_at = ?1 WHERE state = ?2 AND (wake_at > ?1 OR wake_at IS NULL)
		AND (tenant, request_id) IN (SELECT tenant, request_id FROM request_subject WHERE tenant = ?3 AND ref = ?4)`,
		func(i int) []any {
			return []any{t.now.UnixMicro(), string(dsr.Waiting), s.Wake[i].Tenant, []byte(s.Wake[i].Ref)}
		})
}

func (t *tx) writeOutbox(ctx context.Context, s *rowset.Set) error {
	return t.each(ctx, "insert outbox", len(s.Outbox), `INSERT INTO outbox (created_at, shard, body) VALUES (?, ?, ?)`,
		func(i int) []any { return []any{t.now.UnixMicro(), s.Outbox[i].Shard, s.Outbox[i].Body} })
}

// orNull makes nil null; database/sql would write an empty blob.
func orNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
