package storetest

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var recordCases = []testCase{
	{"all_are_listed_once_by_the_instant_with_their_requests", func(t *testing.T, s store.Store) {
		want := map[string]lifecycle.ID{}
		var third time.Time
		for n := range 7 {
			id := newID()
			admit(t, s, []lifecycle.ID{id}, nil)
			update(t, s, id, func(r *lifecycle.Request, now time.Time, ch *store.Changes) {
				acknowledge(r, "shop", dsr.Act, 1, 1, dsr.AckAnswered)
				rec := seal(r, now)
				ch.Records = append(ch.Records, rec)
				want[rec.RecordID] = id
				if n == 2 {
					third = rec.SealedAt
				}
			})
		}
		if got := listed(t, s, time.Time{}); len(got) != len(want) {
			t.Errorf("%d of %d are listed", len(got), len(want))
		} else {
			for i, r := range got {
				if want[r.RecordID] != r.ID || r.Request.ID != r.ID || len(r.Request.Steps) != 1 || len(r.Envelope) == 0 || len(r.SHA256) == 0 {
					t.Errorf("%+v", r)
				}
				if i > 0 && r.SealedAt.Before(got[i-1].SealedAt) {
					t.Error("an earlier one comes later")
				}
			}
		}
		if got := listed(t, s, third); len(got) != 5 || !got[0].SealedAt.Equal(third) {
			t.Errorf("%d are listed from the third on", len(got))
		}
		if got := listed(t, s, third.Add(24*time.Hour)); len(got) != 0 {
			t.Errorf("%d are listed of tomorrow", len(got))
		}
	}},
}

// listed pages through the records.
func listed(t *testing.T, s store.Store, since time.Time) (all []store.Sealed) {
	t.Helper()
	after := store.Record{SealedAt: since}
	for {
		page, err := s.Records(testContext(t), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Record
	}
}
