package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var sealCases = []testCase{
	{"moves_a_request_from_the_open_ones_to_the_archive", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		var want lifecycle.Archive
		var subjects []store.Subject
		update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			acknowledge(r, "shop", dsr.Act, 1, 1, dsr.AckAnswered)
			acknowledge(r, "shop", dsr.Verify, 1, 1, dsr.AckAnswered)
			rec := seal(r, now)
			ch.Records = append(ch.Records, rec)
			want = lifecycle.Archive{Request: *r, RecordID: rec.RecordID, SealedAt: rec.SealedAt}
			subjects = subjectsOf(r)
		})
		if got := load(t, s, id); len(got) != 0 {
			t.Errorf("still open: %v", got)
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			refs, err := tx.Refs(ctx, []lifecycle.ID{id})
			must(t, err)
			neighbours, err := tx.Neighbours(ctx, subjects)
			must(t, err)
			if len(refs)+len(neighbours) != 0 {
				t.Errorf("pseudonyms are left: %v, %v", refs, neighbours)
			}
			return nil
		})
		got := archived(t, s, id, newID())
		if d := diff(map[lifecycle.ID]*lifecycle.Archive{id: &want}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if r := got[id]; r.Fresh || r.Dirty || r.Reopened || r.Closed || r.RefsDirty || r.IdentDirty {
			t.Errorf("a flag came back: %+v", r)
		}
	}},
	{"archives_identifiers_that_the_machine_kept", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			ch.Records = append(ch.Records, seal(r, now))
			r.Identifiers = sealed(string(id.RequestID), 400)
		})
		if got := archived(t, s, id)[id]; string(got.Identifiers) != string(sealed(string(id.RequestID), 400)) {
			t.Errorf("identifiers are %x", got.Identifiers)
		}
	}},
	{"in_the_batch_of_admission_never_opens_the_request", func(t *testing.T, s store.Store) {
		id := newID()
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			r := fresh(id, tx.Now(), 1)
			if _, err := tx.Keys(ctx, []store.Key{keyOf(id)}); err != nil {
				return err
			}
			rec := seal(r, tx.Now())
			return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}, Records: []store.Record{rec}})
		})
		if got := load(t, s, id); len(got) != 0 {
			t.Error("is open")
		}
		if got := archived(t, s, id); got[id] == nil {
			t.Error("is not archived")
		}
	}},
	{"reopening_puts_everything_back", func(t *testing.T, s store.Store) {
		id := newID()
		sealOne(t, s, id)
		var want *lifecycle.Request
		reopen(t, s, id, func(r *lifecycle.Request, now time.Time, _ *store.Changes) {
			r.State, r.WakeAt = dsr.Settling, now.Add(time.Hour)
			acknowledge(r, "chats", dsr.Act, 1, 1, dsr.AckAnswered)
			want = r
		})
		if d := diff(want, load(t, s, id)[id]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := archived(t, s, id); len(got) != 0 {
			t.Error("is archived while open")
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			neighbours, err := tx.Neighbours(ctx, subjectsOf(want))
			if len(neighbours) != 2 {
				t.Errorf("neighbours are %v", neighbours)
			}
			must(t, err)
			return nil
		})
	}},
	{"the_latest_record_is_the_one_that_is_opened", func(t *testing.T, s store.Store) {
		id := newID()
		first := sealOne(t, s, id)
		var second store.Record
		reopen(t, s, id, func(r *lifecycle.Request, _ time.Time, _ *store.Changes) {
			acknowledge(r, "chats", dsr.Act, 1, 1, dsr.AckAnswered)
		})
		update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			second = seal(r, now)
			ch.Records = append(ch.Records, second)
		})
		got := archived(t, s, id)[id]
		if got.RecordID != second.RecordID || second.Number != 1 || string(second.PreviousSHA256) != string(first.SHA256) {
			t.Errorf("record %s, number %d, after %x", got.RecordID, second.Number, second.PreviousSHA256)
		}
		if got.Step("chats", dsr.Act, 1) == nil || got.Step("shop", dsr.Act, 1) == nil {
			t.Errorf("steps are %v", got.Steps)
		}
	}},
	{"an_addendum_can_be_sealed_where_it_is_opened", func(t *testing.T, s store.Store) {
		id := newID()
		sealOne(t, s, id)
		var rec store.Record
		reopen(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
			acknowledge(r, "chats", dsr.Act, 1, 1, dsr.AckFailed)
			rec = seal(r, now)
			ch.Records = append(ch.Records, rec)
		})
		if got := load(t, s, id); len(got) != 0 {
			t.Error("is open")
		}
		got := archived(t, s, id)[id]
		if got == nil || got.RecordID != rec.RecordID || got.Progress.Number != 2 {
			t.Errorf("archived is %+v", got)
		}
	}},
	{"an_archive_that_is_not_reopened_stays", func(t *testing.T, s store.Store) {
		id := newID()
		rec := sealOne(t, s, id)
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.Requests(ctx, []lifecycle.ID{id}); err != nil {
				return err
			}
			old, err := tx.Archived(ctx, []lifecycle.ID{id})
			if err != nil {
				return err
			}
			return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{&old[id].Request}})
		})
		if got := archived(t, s, id)[id]; got == nil || got.RecordID != rec.RecordID {
			t.Errorf("archived is %+v", got)
		}
	}},
	{"a_record_without_its_request_is_refused_and_so_is_the_reverse", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		for name, change := range map[string]func(r *lifecycle.Request, ch *store.Changes){
			"closed_without_record": func(_ *lifecycle.Request, ch *store.Changes) { ch.Records = nil },
			"record_of_an_open_one": func(r *lifecycle.Request, _ *store.Changes) { r.Closed = false },
			"record_of_no_one":      func(_ *lifecycle.Request, ch *store.Changes) { ch.Requests = nil },
		} {
			err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
				open, err := tx.Requests(ctx, []lifecycle.ID{id})
				if err != nil {
					return err
				}
				r := open[id]
				ch := store.Changes{Records: []store.Record{seal(r, tx.Now())}, Requests: []*lifecycle.Request{r}}
				change(r, &ch)
				return tx.Save(ctx, ch)
			})
			if err == nil {
				t.Errorf("%s: was saved", name)
			}
		}
		if got := load(t, s, id); got[id] == nil {
			t.Error("the request is gone")
		}
	}},
}

// sealOne admits a request, answers it in one system and seals it.
func sealOne(t *testing.T, s store.Store, id lifecycle.ID) (rec store.Record) {
	t.Helper()
	admit(t, s, []lifecycle.ID{id}, nil)
	update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
		acknowledge(r, "shop", dsr.Act, 1, 1, dsr.AckAnswered)
		rec = seal(r, now)
		ch.Records = append(ch.Records, rec)
	})
	return rec
}
