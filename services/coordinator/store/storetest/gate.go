package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var gateCases = []testCase{
	{"neighbours_are_all_open_requests_of_the_subjects", func(t *testing.T, s store.Store) {
		ids := newIDs(4)
		person, device := ref("person"), ref("device")
		refs := map[lifecycle.ID][]lifecycle.Ref{
			ids[0]: {person}, ids[1]: {person, device}, ids[2]: {ref("somebody else")}, ids[3]: {device},
		}
		var want []lifecycle.Neighbour
		admit(t, s, ids, func(r *lifecycle.Request) {
			r.Refs = slices.Clone(refs[r.ID])
			slices.Sort(r.Refs)
			if r.ID == ids[1] {
				r.Kind, r.State = dsr.Access, dsr.Waiting
			}
		})
		open := load(t, s, ids...)
		for _, id := range ids {
			for _, ref := range open[id].Refs {
				if ref == person || ref == device {
					want = append(want, lifecycle.Neighbour{ID: id, Ref: ref, Seq: open[id].Seq, Kind: open[id].Kind, State: open[id].State})
				}
			}
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Neighbours(ctx, []store.Subject{{Ref: person}, {Ref: device}, {Tenant: tenant, Ref: person}, {Ref: person}})
			byID := func(a, b lifecycle.Neighbour) int {
				if c := a.ID.Compare(b.ID); c != 0 {
					return c
				}
				return cmpString(string(a.Ref), string(b.Ref))
			}
			slices.SortFunc(got, byID)
			slices.SortFunc(want, byID)
			if d := diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			return err
		})
	}},
	{"sealing_makes_the_waiting_requests_of_the_subject_due", func(t *testing.T, s store.Store) {
		ids := newIDs(5)
		person := ref("person")
		admit(t, s, ids, func(r *lifecycle.Request) {
			r.Refs = []lifecycle.Ref{person}
			switch r.ID {
			case ids[1]:
				r.State = dsr.Waiting
			case ids[2]:
				r.State, r.WakeAt = dsr.Waiting, time.Time{}
			case ids[4]:
				r.State, r.Refs = dsr.Waiting, []lifecycle.Ref{ref("somebody else")}
			}
		})
		update(t, s, ids[0], func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
			ch.Wake = append(subjectsOf(r), subjectsOf(r)...)
		})
		due, err := s.Due(testContext(t), 10)
		slices.SortFunc(due, lifecycle.ID.Compare)
		if d := diff(ids[1:3], due); d != "" || err != nil {
			t.Errorf("due (-want +got):\n%s%v", d, err)
		}
	}},
	{"a_subject_is_locked_whether_it_was_known_or_not", func(t *testing.T, s store.Store) {
		known, unknown := store.Subject{Ref: ref("known")}, store.Subject{Tenant: tenant, Ref: ref("unknown")}
		for range 2 {
			run(t, s, func(ctx context.Context, tx store.Tx) error {
				if err := tx.LockSubjects(ctx, []store.Subject{unknown, known, known}); err != nil {
					return err
				}
				_, err := tx.Neighbours(ctx, []store.Subject{known})
				return err
			})
		}
	}},
	{"upkeep_removes_subjects_without_an_open_request_and_only_those", func(t *testing.T, s store.Store) {
		// Rows of subjects cannot be seen through the contract; that everything still works afterwards can.
		ids := newIDs(2)
		admit(t, s, ids, nil)
		update(t, s, ids[0], func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
		})
		for range 2 {
			must(t, s.Upkeep(testContext(t)))
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			refs, err := tx.Refs(ctx, ids)
			must(t, err)
			must(t, tx.LockSubjects(ctx, refs))
			neighbours, err := tx.Neighbours(ctx, refs)
			if len(neighbours) != 2 || err != nil {
				t.Errorf("neighbours are %v, %v", neighbours, err)
			}
			return nil
		})
		if archived(t, s, ids[0])[ids[0]] == nil {
			t.Error("the archive is gone")
		}
	}},
}

var clockCases = []testCase{
	{"due_lists_what_has_passed_the_longest_due_first", func(t *testing.T, s store.Store) {
		ids := newIDs(5)
		admit(t, s, ids, func(r *lifecycle.Request) {
			now := r.Frozen.AdmittedAt
			r.WakeAt = map[lifecycle.ID]time.Time{
				ids[0]: now.Add(-time.Second), ids[1]: now.Add(-time.Hour), ids[2]: now.Add(time.Hour), ids[3]: {}, ids[4]: now,
			}[r.ID]
		})
		for n, want := range map[int][]lifecycle.ID{10: {ids[1], ids[0], ids[4]}, 2: {ids[1], ids[0]}} {
			got, err := s.Due(testContext(t), n)
			if d := diff(want, got); d != "" || err != nil {
				t.Errorf("limit %d (-want +got):\n%s%v", n, d, err)
			}
		}
	}},
	{"the_next_wake_up_is_the_earliest", func(t *testing.T, s store.Store) {
		if in, ok, err := s.NextWake(testContext(t)); ok || err != nil {
			t.Errorf("an empty store wakes in %v, %v", in, err)
		}
		ids := newIDs(3)
		admit(t, s, ids, func(r *lifecycle.Request) {
			r.WakeAt = map[lifecycle.ID]time.Time{ids[0]: r.Frozen.AdmittedAt.Add(2 * time.Hour), ids[1]: r.Frozen.AdmittedAt.Add(3 * time.Hour)}[r.ID]
		})
		in, ok, err := s.NextWake(testContext(t))
		if !ok || err != nil || in > 2*time.Hour || in < 2*time.Hour-time.Minute {
			t.Errorf("wakes in %v, %v, %v", in, ok, err)
		}
		update(t, s, ids[1], func(r *lifecycle.Request, now time.Time, _ *store.Changes) { r.WakeAt = now.Add(-time.Hour) })
		in, ok, err = s.NextWake(testContext(t))
		if !ok || err != nil || in > -time.Hour || in < -time.Hour-time.Minute {
			t.Errorf("wakes in %v, %v, %v", in, ok, err)
		}
	}},
	{"all_open_requests_are_listed_once_page_by_page", func(t *testing.T, s store.Store) {
		ids := newIDs(7)
		other := lifecycle.ID{Tenant: tenant, RequestID: ids[3].RequestID}
		admit(t, s, append(slices.Clone(ids), other), nil)
		update(t, s, ids[6], func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
		})
		seen := map[lifecycle.ID]int{}
		var after lifecycle.ID
		for pages := 0; ; pages++ {
			page, err := s.Open(testContext(t), after, 3)
			if err != nil || len(page) > 3 || pages > 3 {
				t.Fatalf("page %d has %d requests: %v", pages, len(page), err)
			}
			if len(page) == 0 {
				break
			}
			for _, id := range page {
				seen[id]++
			}
			after = page[len(page)-1]
		}
		want := map[lifecycle.ID]int{other: 1}
		for _, id := range ids[:6] {
			want[id] = 1
		}
		if d := diff(want, seen); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}},
}
