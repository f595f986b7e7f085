package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var requestCases = []testCase{
	{"come_back_as_they_were_saved", func(t *testing.T, s store.Store) {
		ids := []lifecycle.ID{newID(), {Tenant: tenant, RequestID: newID().RequestID}}
		want := map[lifecycle.ID]*lifecycle.Request{}
		admit(t, s, ids, func(r *lifecycle.Request) {
			acknowledge(r, "shop", dsr.Act, 1, 1, dsr.AckAnswered)
			r.Progress.Inferred = map[string]string{"vectors": "not_searched"}
			r.Progress.Notes = []string{"text with a NUL: \x00"} // inside a document it is no more than a character
			want[r.ID] = r
		})
		if d := diff(want, load(t, s, ids...)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}},
	{"with_nothing_optional_come_back_empty", func(t *testing.T, s store.Store) {
		id := newID()
		var want *lifecycle.Request
		admit(t, s, []lifecycle.ID{id}, func(r *lifecycle.Request) {
			*r = lifecycle.Request{ID: id, Version: 1, State: dsr.Held, Kind: dsr.Access, Fresh: true, Dirty: true}
			want = r
		})
		got := load(t, s, id)[id]
		if d := diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if !got.WakeAt.IsZero() {
			t.Errorf("wakes at %v", got.WakeAt)
		}
	}},
	{"change_by_what_is_dirty", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		var want *lifecycle.Request
		update(t, s, id, func(r *lifecycle.Request, now time.Time, _ *store.Changes) {
			acknowledge(r, "shop", dsr.Act, 1, 1, dsr.Delayed)
			acknowledge(r, "chats", dsr.Act, 1, 1, dsr.AckAnswered)
			r.State, r.WakeAt = dsr.Settling, now.Add(time.Hour)
			r.Progress.SettleAt = r.WakeAt
			r.Identifiers, r.IdentDirty = sealed(string(id.RequestID), 900), true
			r.Refs, r.RefsDirty = append(r.Refs, ref("device", string(id.RequestID))), true
			slices.Sort(r.Refs)
			want = r
		})
		if d := diff(want, load(t, s, id)[id]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
			r.Version++
			r.Identifiers = nil // not said to be dirty: stays
			want.Version++
		})
		if d := diff(want, load(t, s, id)[id]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
			r.Identifiers, r.IdentDirty = nil, true
			r.WakeAt = time.Time{}
			want.Identifiers, want.WakeAt = nil, time.Time{}
		})
		if d := diff(want, load(t, s, id)[id]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}},
	{"gain_and_lose_pseudonyms", func(t *testing.T, s store.Store) {
		id := newID()
		kept, lost, gained := ref("kept"), ref("lost"), ref("gained")
		admit(t, s, []lifecycle.ID{id}, func(r *lifecycle.Request) {
			r.Refs = []lifecycle.Ref{kept, lost}
			slices.Sort(r.Refs)
		})
		update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
			r.Refs, r.Dropped, r.RefsDirty = []lifecycle.Ref{kept, gained}, []lifecycle.Ref{lost, kept}, true // kept was lost and found again
			slices.Sort(r.Refs)
		})
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			refs, err := tx.Refs(ctx, []lifecycle.ID{id})
			must(t, err)
			neighbours, err := tx.Neighbours(ctx, []store.Subject{{Ref: kept}, {Ref: lost}, {Ref: gained}})
			must(t, err)
			found := map[lifecycle.Ref]bool{}
			for _, n := range neighbours {
				found[n.Ref] = true
			}
			if len(refs) != 2 || len(neighbours) != 2 || !found[kept] || !found[gained] {
				t.Errorf("pseudonyms are %x, neighbours %v", refs, neighbours)
			}
			return nil
		})
	}},
	{"that_are_clean_are_not_written", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) { r.Version, r.Dirty = 99, false })
		if got := load(t, s, id)[id].Version; got != 1 {
			t.Errorf("version %d was written", got)
		}
	}},
	{"keep_an_acknowledgement_until_a_higher_attempt_or_rank_replaces_it", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		for _, step := range []struct {
			attempt int32
			state   dsr.AckState
			stands  string
		}{
			{1, dsr.AckFailed, "1 failed"},
			{1, dsr.Delayed, "1 failed"},
			{1, dsr.AckAnswered, "1 answered"},
			{1, dsr.AckFailed, "1 answered"},
			{2, dsr.Delayed, "2 delayed"},
			{1, dsr.AckAnswered, "2 delayed"},
			{2, dsr.AckFailed, "2 failed"},
		} {
			update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
				acknowledge(r, "shop", dsr.Act, 1, step.attempt, step.state)
			})
			got := load(t, s, id)[id].Step("shop", dsr.Act, 1)
			if got := fmt.Sprintf("%d %s", got.Attempt, got.State); got != step.stands {
				t.Errorf("after %d %s: %s stands, want %s", step.attempt, step.state, got, step.stands)
			}
		}
	}},
	{"have_their_steps_sorted_by_phase_round_and_system", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		var want []*lifecycle.Step
		update(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
			for _, phase := range []dsr.Phase{dsr.Verify, dsr.Act} {
				for _, round := range []int32{2, 1, 10} {
					for _, system := range []string{"vectors", "Shop", "chats", "ärzte"} {
						acknowledge(r, system, phase, round, 1, dsr.AckAnswered)
					}
				}
			}
			want = r.Steps
		})
		if d := diff(want, load(t, s, id)[id].Steps); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}},
	{"are_loaded_once_whatever_the_order_of_the_ids", func(t *testing.T, s store.Store) {
		ids := newIDs(20)
		admit(t, s, ids, nil)
		asked := append(slices.Clone(ids), ids...)
		slices.Reverse(asked)
		if got := load(t, s, append(asked, newID())...); len(got) != len(ids) {
			t.Errorf("%d of %d were loaded", len(got), len(ids))
		}
	}},
	{"tell_their_pseudonyms_sorted_and_once", func(t *testing.T, s store.Store) {
		ids := newIDs(2)
		shared := ref("one person")
		var want []store.Subject
		admit(t, s, ids, func(r *lifecycle.Request) {
			r.Refs = []lifecycle.Ref{shared, ref("own", string(r.RequestID))}
			slices.Sort(r.Refs)
			want = append(want, subjectsOf(r)...)
		})
		slices.SortFunc(want, func(a, b store.Subject) int { return cmpString(string(a.Ref), string(b.Ref)) })
		want = slices.Compact(want)
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Refs(ctx, ids)
			if d := diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			return err
		})
	}},
	{"are_counted_open_and_overdue", func(t *testing.T, s store.Store) {
		ids := newIDs(5)
		admit(t, s, ids, func(r *lifecycle.Request) {
			if r.ID == ids[0] || r.ID == ids[1] {
				r.Frozen.DueAt = r.Frozen.AdmittedAt.Add(-time.Hour)
			}
		})
		update(t, s, ids[0], func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
		})
		open, overdue, err := s.Counts(testContext(t))
		if open != 4 || overdue != 1 || err != nil {
			t.Errorf("%d open, %d overdue, %v; want 4 and 1", open, overdue, err)
		}
	}},
}

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
