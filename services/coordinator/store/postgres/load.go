package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// Requests implements [store.Tx]. All are locked by one statement; documents and steps are read by later ones, which begin when the
// locks are held and so see what was written by whoever held them before. Those in the cache are not read at all where the
// revision is the one that they were written under.
func (t *tx) Requests(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Request, error) {
	ids = rowset.IDs(ids)
	keys, err := keysOf(ids)
	if err != nil {
		return nil, err
	}
	l := &loader{ids: ids, rows: make([]row, len(ids))}
	if len(ids) > 0 {
		if err := t.load(ctx, l, keys); err != nil {
			return nil, err
		}
	}
	out := make(map[lifecycle.ID]*lifecycle.Request, len(ids))
	t.known.Open, t.asked = make(map[lifecycle.ID]bool, len(ids)), map[lifecycle.ID]bool{}
	t.loaded = make(map[lifecycle.ID]*image, len(ids))
	for i, row := range l.rows {
		id := ids[i]
		if !row.locked || row.image == nil {
			t.asked[id] = true
			continue
		}
		r := row.image.request()
		r.WakeAt = row.wake
		out[id], t.loaded[id], t.known.Open[id] = r, row.image, true
	}
	return out, nil
}

// loader collects the requests of one call.
type loader struct {
	ids  []lifecycle.ID
	rows []row
}

type row struct {
	locked bool
	rev    int64
	wake   time.Time
	image  *image
}

func (t *tx) load(ctx context.Context, l *loader, keys keyArrays) error {
	kept := t.cache.get(l.ids)
	t.queueLocks(l, keys)
	t.queueLoads(l, func(i int) bool { return kept[i] == nil })
	if err := t.flush(ctx); err != nil {
		return err
	}
	stale := func(i int) bool { return kept[i] != nil && l.rows[i].locked && kept[i].rev != l.rows[i].rev }
	for i := range kept {
		if kept[i] != nil && l.rows[i].locked && !stale(i) {
			l.rows[i].image = kept[i]
		}
	}
	t.queueLoads(l, stale)
	return t.flush(ctx)
}

func (t *tx) queueLocks(l *loader, keys keyArrays) {
	var i, rev int64
	var wake pgtype.Timestamptz
	t.queue.query("lock requests", []any{&i, &rev, &wake}, func() error {
		l.rows[i-1] = row{locked: true, rev: rev}
		if wake.Valid {
			l.rows[i-1].wake = wake.Time.UTC()
		}
		return nil
	}, `SELECT k.i, r.rev, r.wake_at
		FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i)
		CROSS JOIN LATERAL (SELECT rev, wake_at FROM request WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0 FOR UPDATE) r`, keys.tenants, keys.ids)
}

// queueLoads reads the requests for which want says so.
func (t *tx) queueLoads(l *loader, want func(i int) bool) {
	var keys keyArrays
	var at []int // of each key, its place in the loader
	for i, id := range l.ids {
		if want(i) {
			keys.tenants, keys.ids = append(keys.tenants, id.Tenant), append(keys.ids, uuid(id.RequestID))
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return
	}
	t.queueRequests(l, keys, at)
	t.queueSteps(l, keys, at)
}

func (t *tx) queueRequests(l *loader, keys keyArrays, at []int) {
	var i, seq, version int64
	var state, kind, trace string
	var progress, refs, identifiers, frozen []byte
	t.queue.query("load requests", []any{&i, &seq, &version, &state, &kind, &progress, &trace, &refs, &identifiers, &frozen}, func() error {
		row := &l.rows[at[i-1]]
		if !row.locked {
			return nil // admitted between the two statements: it is not locked, so it is not loaded
		}
		row.image = &image{
			id: l.ids[at[i-1]], rev: row.rev, seq: seq, version: version, state: state, kind: kind, trace: trace, frozen: &lifecycle.Frozen{},
			identifiers: identifiers,
		}
		if err := rowset.DecodeProgress(progress, &row.image.progress); err != nil {
			return err
		}
		var err error
		if row.image.refs, err = rowset.DecodeRefs(refs); err != nil {
			return err
		}
		return rowset.DecodeFrozen(frozen, row.image.frozen)
	}, `SELECT k.i, r.seq, r.version, r.state, r.kind, r.progress, d.trace, d.refs, d.identifiers, d.frozen
		FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i)
		CROSS JOIN LATERAL (SELECT * FROM request WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) r
		CROSS JOIN LATERAL (SELECT * FROM request_detail WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) d`,
		keys.tenants, keys.ids)
}

func (t *tx) queueSteps(l *loader, keys keyArrays, at []int) {
	var i int64
	var system, phase, state string
	var round, attempt int32
	var body []byte
	t.queue.query("load steps", []any{&i, &system, &phase, &round, &attempt, &state, &body}, func() error {
		if m := l.rows[at[i-1]].image; m != nil {
			m.steps = append(m.steps, lifecycle.Step{System: system, Phase: dsr.Phase(phase), Round: round, Attempt: attempt, State: dsr.AckState(state), Body: body})
		}
		return nil
	}, `SELECT k.i, s.system, s.phase, s.round, s.attempt, s.state, s.body
		FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i)
		CROSS JOIN LATERAL (SELECT * FROM step WHERE tenant = k.tenant AND request_id = k.request_id OFFSET 0) s
		ORDER BY k.i, s.phase, s.round, s.system`,
		keys.tenants, keys.ids)
}

// Archived implements [store.Tx]. The lock on the key, not on the record, keeps two late acknowledgements from opening a request
// twice: the record changes with each addendum, the key stays. A key that is open although Requests did not find its request was
// opened in between, and the transaction begins again.
func (t *tx) Archived(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Archive, error) {
	ids = rowset.IDs(ids)
	if len(ids) == 0 {
		return map[lifecycle.ID]*lifecycle.Archive{}, nil
	}
	keys, err := keysOf(ids)
	if err != nil {
		return nil, err
	}
	out := map[lifecycle.ID]*lifecycle.Archive{}
	var i int64
	var sealed bool
	locked := make([]bool, len(ids))
	t.queue.query("lock sealed requests", []any{&i, &sealed}, func() error {
		locked[i-1] = sealed
		if !sealed && t.asked[ids[i-1]] {
			return errAgain
		}
		return nil
	}, `SELECT k.i, r.sealed_at IS NOT NULL
		FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i) JOIN request_key r USING (tenant, request_id)
		ORDER BY k.i FOR UPDATE OF r`, keys.tenants, keys.ids)
	var recordID string
	var archive []byte
	var sealedAt time.Time
	t.queue.query("load sealed requests", []any{&i, &recordID, &sealedAt, &archive}, func() error {
		if !locked[i-1] {
			return nil // claimed since
		}
		r, err := unpackArchive(ids[i-1], archive)
		if err != nil {
			return err
		}
		out[r.ID] = &lifecycle.Archive{Request: *r, RecordID: recordID, SealedAt: sealedAt.UTC()}
		return nil
	}, `SELECT DISTINCT ON (k.i) k.i, d.record_id, d.sealed_at, d.archive
		FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(tenant, request_id, i) JOIN request_key r USING (tenant, request_id)
		JOIN record d ON d.sealed_at = r.sealed_at AND d.tenant = r.tenant AND d.request_id = r.request_id
		ORDER BY k.i, d.number DESC`, keys.tenants, keys.ids)
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	t.known.Archived = make(map[lifecycle.ID]bool, len(out))
	for id := range out {
		t.known.Archived[id] = true
	}
	return out, nil
}

// Neighbours implements [store.Tx].
func (t *tx) Neighbours(ctx context.Context, subjects []store.Subject) ([]lifecycle.Neighbour, error) {
	for _, s := range subjects {
		if err := rowset.CheckSubject(s); err != nil {
			return nil, err
		}
	}
	subjects = rowset.Subjects(subjects)
	if len(subjects) == 0 {
		return nil, nil
	}
	tenants, refs := splitSubjects(subjects)
	var out []lifecycle.Neighbour
	var i, seq int64
	var id pgtype.UUID
	var kind, state string
	t.queue.query("read neighbours", []any{&i, &id, &seq, &kind, &state}, func() error {
		s := subjects[i-1]
		out = append(out, lifecycle.Neighbour{
			ID: lifecycle.ID{Tenant: s.Tenant, RequestID: rowset.RequestID(id.Bytes)}, Ref: s.Ref, Seq: seq, Kind: dsr.Kind(kind), State: dsr.State(state),
		})
		return nil
	}, `SELECT k.i, r.request_id, r.seq, r.kind, r.state
		FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS k(tenant, ref, i)
		CROSS JOIN LATERAL (SELECT tenant, request_id FROM request_subject WHERE tenant = k.tenant AND ref = k.ref OFFSET 0) s
		CROSS JOIN LATERAL (SELECT request_id, seq, kind, state FROM request WHERE tenant = s.tenant AND request_id = s.request_id OFFSET 0) r
		ORDER BY k.i, r.seq`, tenants, refs)
	return out, t.flush(ctx)
}
