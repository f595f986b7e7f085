package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// Statements that look up many keys name json_each first and CROSS JOIN the table, which fixes the order: one probe of an index
// for each key.

// Sources implements [store.Tx].
func (t *tx) Sources(ctx context.Context, topic string, partitions []int) (map[int]int64, error) {
	out := make(map[int]int64, len(partitions))
	for _, p := range partitions {
		if err := rowset.CheckPlace(topic, p); err != nil {
			return nil, err
		}
		out[p] = 0
	}
	list, err := json.Marshal(partitions)
	if err != nil {
		return nil, err
	}
	var partition int
	var next int64
	err = t.query(ctx, "read source offsets", []any{&partition, &next}, func() error {
		out[partition] = next
		return nil
	}, `SELECT s.partition, s.next_offset FROM json_each(?) k CROSS JOIN source_offset s ON s.topic = ? AND s.partition = k.value`, string(list), topic)
	return out, err
}

// Refs implements [store.Tx].
func (t *tx) Refs(ctx context.Context, ids []lifecycle.ID) ([]store.Subject, error) {
	keys, err := idList(ids)
	if err != nil {
		return nil, err
	}
	var out []store.Subject
	var tenant string
	var refs []byte
	err = t.query(ctx, "read pseudonyms", []any{&tenant, &refs}, func() error {
		decoded, err := rowset.DecodeRefs(refs)
		for _, ref := range decoded {
			out = append(out, store.Subject{Tenant: tenant, Ref: ref})
		}
		return err
	}, `SELECT d.tenant, d.refs FROM json_each(?) k CROSS JOIN request_detail d ON d.tenant = k.value ->> 0 AND d.request_id = k.value ->> 1`, keys)
	return rowset.Subjects(out), err
}

// LockSubjects implements [store.Tx]: the transaction has everything to itself.
func (t *tx) LockSubjects(_ context.Context, subjects []store.Subject) error {
	for _, s := range subjects {
		if err := rowset.CheckSubject(s); err != nil {
			return err
		}
	}
	return t.err
}

// Keys implements [store.Tx].
func (t *tx) Keys(ctx context.Context, claims []store.Key) (map[lifecycle.ID]store.Key, error) {
	ids := make([]lifecycle.ID, len(claims))
	for i, k := range claims {
		ids[i] = k.ID
	}
	keys, err := idList(ids)
	if err != nil {
		return nil, err
	}
	taken := map[lifecycle.ID]store.Key{}
	var i int
	var mac []byte
	var sealed sql.NullInt64
	err = t.query(ctx, "read request ids", []any{&i, &mac, &sealed}, func() error {
		taken[ids[i]] = store.Key{ID: ids[i], MAC: mac, SealedAt: instant(sealed)}
		return nil
	}, `SELECT k.key, r.content_mac, r.sealed_at FROM json_each(?) k CROSS JOIN request_key r ON r.tenant = k.value ->> 0 AND r.request_id = k.value ->> 1`, keys)
	if err != nil {
		return nil, err
	}
	free := slices.DeleteFunc(slices.Clone(claims), func(k store.Key) bool { _, ok := taken[k.ID]; return ok })
	t.known.Claimed = make(map[lifecycle.ID]bool, len(free))
	err = t.each(ctx, "claim request ids", len(free), `INSERT INTO request_key (tenant, request_id, content_mac) VALUES (?, ?, ?)`, func(i int) []any {
		t.known.Claimed[free[i].ID] = true
		return []any{free[i].Tenant, string(free[i].RequestID), orEmpty(free[i].MAC)}
	})
	return taken, err
}

// Seq implements [store.Tx].
func (t *tx) Seq(ctx context.Context, n int) (int64, error) {
	if n < 1 || n > store.MaxSeq {
		return 0, fmt.Errorf("allot admission numbers: %d at once, 1 to %d are possible", n, store.MaxSeq)
	}
	var last int64
	err := t.query(ctx, "allot admission numbers", []any{&last}, func() error { return nil }, `UPDATE admission SET last = last + ? RETURNING last`, n)
	if err == nil && last == 0 {
		err = t.fail(errors.New("allot admission numbers: the counter's row is missing"))
	}
	return last - int64(n) + 1, err
}

// Requests implements [store.Tx].
func (t *tx) Requests(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Request, error) {
	ids = rowset.IDs(ids)
	keys, err := idList(ids)
	if err != nil {
		return nil, err
	}
	out := make(map[lifecycle.ID]*lifecycle.Request, len(ids))
	t.known.Open = make(map[lifecycle.ID]bool, len(ids))
	if err := t.loadRequests(ctx, ids, keys, out); err != nil {
		return nil, err
	}
	if err := t.loadSteps(ctx, ids, keys, out); err != nil {
		return nil, err
	}
	for id, r := range out {
		t.known.Open[id] = true
		slices.SortFunc(r.Steps, (*lifecycle.Step).Compare)
	}
	return out, nil
}

func (t *tx) loadRequests(ctx context.Context, ids []lifecycle.ID, keys string, out map[lifecycle.ID]*lifecycle.Request) error {
	var i int
	var seq, version int64
	var wake sql.NullInt64
	var state, kind, trace string
	var progress, refs, identifiers, frozen []byte
	return t.query(ctx, "load requests", []any{&i, &seq, &version, &wake, &state, &kind, &progress, &trace, &refs, &identifiers, &frozen}, func() error {
		r := &lifecycle.Request{
			ID: ids[i], Seq: seq, Version: version, State: dsr.State(state), Kind: dsr.Kind(kind), WakeAt: instant(wake), Trace: trace, Identifiers: identifiers,
		}
		out[r.ID] = r
		var err error
		if r.Refs, err = rowset.DecodeRefs(refs); err != nil {
			return err
		}
		if err := rowset.DecodeProgress(progress, &r.Progress); err != nil {
			return err
		}
		return rowset.DecodeFrozen(frozen, &r.Frozen)
	}, `SELECT k.key, r.seq, r.version, r.wake_at, r.state, r.kind, r.progress, d.trace, d.refs, d.identifiers, d.frozen
		FROM json_each(?) k CROSS JOIN request r ON r.tenant = k.value ->> 0 AND r.request_id = k.value ->> 1
		CROSS JOIN request_detail d ON d.tenant = r.tenant AND d.request_id = r.request_id`, keys)
}

func (t *tx) loadSteps(ctx context.Context, ids []lifecycle.ID, keys string, out map[lifecycle.ID]*lifecycle.Request) error {
	var i int
	var system, phase, state string
	var round, attempt int32
	var body []byte
	return t.query(ctx, "load steps", []any{&i, &system, &phase, &round, &attempt, &state, &body}, func() error {
		if r := out[ids[i]]; r != nil {
			r.Steps = append(r.Steps, &lifecycle.Step{
				System: system, Phase: dsr.Phase(phase), Round: round, Attempt: attempt, State: dsr.AckState(state), Body: body,
			})
		}
		return nil
	}, `SELECT k.key, s.system, s.phase, s.round, s.attempt, s.state, s.body
		FROM json_each(?) k CROSS JOIN step s ON s.tenant = k.value ->> 0 AND s.request_id = k.value ->> 1`, keys)
}

// Archived implements [store.Tx].
func (t *tx) Archived(ctx context.Context, ids []lifecycle.ID) (map[lifecycle.ID]*lifecycle.Archive, error) {
	ids = rowset.IDs(ids)
	keys, err := idList(ids)
	if err != nil {
		return nil, err
	}
	out := map[lifecycle.ID]*lifecycle.Archive{}
	t.known.Archived = map[lifecycle.ID]bool{}
	var i int
	var recordID string
	var sealed int64
	var archive []byte
	err = t.query(ctx, "load sealed requests", []any{&i, &recordID, &sealed, &archive}, func() error {
		r, err := rowset.DecodeArchive(ids[i], archive)
		if err != nil {
			return err
		}
		out[r.ID] = &lifecycle.Archive{Request: *r, RecordID: recordID, SealedAt: time.UnixMicro(sealed).UTC()} // of one request in order of number: the last one stays
		t.known.Archived[r.ID] = true
		return nil
	}, `SELECT k.key, d.record_id, d.sealed_at, d.archive FROM json_each(?) k
		CROSS JOIN request_key r ON r.tenant = k.value ->> 0 AND r.request_id = k.value ->> 1
		CROSS JOIN record d ON d.sealed_at = r.sealed_at AND d.tenant = r.tenant AND d.request_id = r.request_id
		ORDER BY k.key, d.number`, keys)
	return out, err
}

// Neighbours implements [store.Tx].
func (t *tx) Neighbours(ctx context.Context, subjects []store.Subject) ([]lifecycle.Neighbour, error) {
	subjects = rowset.Subjects(subjects)
	keys, err := subjectList(subjects)
	if err != nil {
		return nil, err
	}
	var out []lifecycle.Neighbour
	var i int
	var seq int64
	var id, kind, state string
	err = t.query(ctx, "read neighbours", []any{&i, &id, &seq, &kind, &state}, func() error {
		s := subjects[i]
		out = append(out, lifecycle.Neighbour{
			ID: lifecycle.ID{Tenant: s.Tenant, RequestID: dsr.RequestID(id)}, Ref: s.Ref, Seq: seq, Kind: dsr.Kind(kind), State: dsr.State(state),
		})
		return nil
	}, `SELECT k.key, r.request_id, r.seq, r.kind, r.state FROM json_each(?) k
		CROSS JOIN request_subject s ON s.tenant = k.value ->> 0 AND s.ref = unhex(k.value ->> 1)
		CROSS JOIN request r ON r.tenant = s.tenant AND r.request_id = s.request_id
		ORDER BY k.key, r.seq`, keys)
	return out, err
}

// orEmpty keeps nil from becoming null in a column that has none.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
