package lifecycle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Acknowledgements may come in any order and any number of times: as long as all of them arrive before the silence limit, the
// request ends with the same record, once.
func TestOrderAndRepetitionChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		residue := rapid.Int64Range(0, 2).Draw(rt, "residue")
		w.admit("a", dsr.Erasure, "7", []string{"customer_id"}, "chats", "crm2", "shop")
		step := func(phase dsr.Phase, round int32, who []string, found int64) {
			var events []string
			for _, s := range who {
				for range rapid.IntRange(1, 3).Draw(rt, "copies") {
					events = append(events, s)
				}
			}
			events = rapid.Permutation(events).Draw(rt, "order")
			for _, s := range events {
				if phase == dsr.Verify && s == "shop" {
					w.ack("a", s, phase, round, remaining(found))
				} else {
					w.ack("a", s, phase, round)
				}
			}
		}
		reach := []string{"chats", "shop"} // crm2 accepts nothing that is at hand
		step(dsr.Act, 1, reach, 0)
		w.tickAt(24 * time.Hour)
		step(dsr.Verify, 1, reach, residue)
		want := "act1(chats+shop) verify1(chats+shop) incomplete#0"
		if residue > 0 {
			step(dsr.Act, 2, []string{"shop"}, 0)
			w.tickAt(24 * time.Hour)
			step(dsr.Verify, 2, []string{"shop"}, 0)
			want = "act1(chats+shop) verify1(chats+shop) act2(shop) verify2(shop) incomplete#0"
		}
		if got := w.story("a"); got != want {
			rt.Fatalf("got %q, want %q", got, want)
		}
		var versions []int64
		for _, o := range w.out {
			if o.Status != nil {
				versions = append(versions, o.Status.Version)
			}
		}
		if !slices.IsSorted(versions) || strings.Count(w.story("a"), "#") != 1 {
			rt.Fatalf("versions %v, story %q", versions, w.story("a"))
		}
	})
}
