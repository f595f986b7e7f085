package completion

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func TestCollectionOf(t *testing.T) {
	until := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)
	got := CollectionOf(dsr.Collection{
		Name: "invoice", Categories: []string{"user.financial"}, Outcome: dsr.Retained, Counts: dsr.Counts{Found: 4, Retained: 4},
		Method: "keep", MethodVersion: "sql/1", Ground: &dsr.Ground{Article: "GDPR 17(3)(b)", Law: "tax law", Note: "n"}, Until: &until,
		Restricted: "finance role only",
	})
	want := Collection{
		Name: "invoice", Categories: []string{"user.financial"}, Outcome: dsr.Retained, Counts: Counts{Found: 4, Retained: 4},
		CountQuality: dsr.CountsExact, Method: "keep", MethodVersion: "sql/1", Ground: &Ground{Article: "GDPR 17(3)(b)", Law: "tax law", Note: "n"},
		Until: "2036-12-31", Restricted: &Restricted{Yes: true, How: "finance role only"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A responder that sends nonsense must not keep a request from being sealed, and never closes a line by it.
func TestWhateverAResponderSendsCanBeSealed(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "erased", "retained", "nonsense", "exact"})
	rapid.Check(t, func(t *rapid.T) {
		in := dsr.Collection{
			Name: word.Draw(t, "name"), Categories: []string{word.Draw(t, "category")}, Outcome: dsr.Outcome(word.Draw(t, "outcome")),
			Counts: dsr.Counts{Found: rapid.Int64().Draw(t, "found"), Remaining: rapid.Int64().Draw(t, "remaining")}, CountQuality: word.Draw(t, "quality"),
			Ground: &dsr.Ground{Article: word.Draw(t, "article")}, Restricted: word.Draw(t, "restricted"),
		}
		if rapid.Bool().Draw(t, "until?") {
			v := time.Unix(rapid.Int64().Draw(t, "until"), 0)
			in.Until = &v
		}
		c := CollectionOf(in)
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		if !in.Outcome.Valid() && c.Outcome.Group() != dsr.GroupOpen {
			t.Fatalf("%q became %s", in.Outcome, c.Outcome)
		}
	})
}
