package postgres

import (
	"context"

	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// upkeepRows is how many rows one transaction of the upkeep removes.
const upkeepRows = 5000

// Upkeep implements [store.Store].
func (s *Store) Upkeep(ctx context.Context) error {
	if err := s.makePartitions(ctx); err != nil {
		return classify("make partitions", err)
	}
	// A subject's row is only there to be locked, and one that goes is made again by the next who locks it, so it does not matter
	// that a request of the subject may be admitted while this runs.
	err := s.removeAll(ctx, `DELETE FROM subject WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM subject s
		WHERE NOT EXISTS (SELECT FROM request_subject r WHERE r.tenant = s.tenant AND r.ref = s.ref OFFSET 0) LIMIT $1 FOR UPDATE SKIP LOCKED))`)
	if err != nil {
		return classify("remove subjects", err)
	}
	err = s.removeAll(ctx, `DELETE FROM rejection WHERE ctid = ANY (ARRAY(SELECT ctid FROM rejection
		WHERE corrected_at < clock_timestamp() - $2 * interval '1 second' ORDER BY corrected_at LIMIT $1 FOR UPDATE SKIP LOCKED))`, s.retention.Seconds())
	if err != nil {
		return classify("remove corrected rejections", err)
	}
	// A parked message holds identifiers, sealed, and goes as it would have gone from its topic.
	err = s.removeAll(ctx, `DELETE FROM outbox_parked WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox_parked
		WHERE parked_at < clock_timestamp() - $2 * interval '1 second' LIMIT $1 FOR UPDATE SKIP LOCKED))`, s.parked.Seconds())
	return classify("remove parked messages", err)
}

// removeAll repeats a statement, each time a transaction, until it finds less than it may remove.
func (s *Store) removeAll(ctx context.Context, sql string, args ...any) error {
	for {
		tag, err := s.pool.Exec(ctx, sql, append([]any{upkeepRows}, args...)...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() < upkeepRows {
			return nil
		}
	}
}

// Outbox implements [store.Store].
func (s *Store) Outbox(ctx context.Context) (store.Outbox, error) { return s.openOutbox(ctx) }
