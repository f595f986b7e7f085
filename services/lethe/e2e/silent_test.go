package e2e_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestSilentSystems: nobody runs a responder. The record names the system and says incomplete, never more than was answered;
// when the responder runs again, an addendum says what it found.
func TestSilentSystems(t *testing.T) { // not beside others: the limits are short
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 40, limits{silence: "5s", resolution: "2s"}).start("coordinator", "packager", "shop", "chats")
		erased, sees, unknown := pl.c.cast(t, buyer), pl.c.cast(t, buyer), pl.c.cast(t, visitor)

		var first, export dsr.RequestID
		t.Run("erasure_without_an_answer_is_incomplete", func(t *testing.T) {
			first = pl.ask(t, newRequest(dsr.Erasure, erased.byMail()))
			r := pl.record(t, first, 0)
			want := erasureOf(erased)
			delete(want, "crm.contacts")
			delete(want, "crm.tickets")
			want["crm."+completion.AllCollections] = line{Outcome: dsr.NoAnswer, Quality: dsr.CountsUnknown}
			reports(t, r, dsr.Incomplete, want)
			names(t, r, completion.ReasonNoAnswer, "crm")
			if looks := system(t, r, "shop").Looks; len(looks) != 1 || looks[0].Found != 0 {
				t.Errorf("the system that answered was looked at: %+v", looks)
			}
		})
		t.Run("access_without_an_answer_is_incomplete_and_has_a_package", func(t *testing.T) {
			export = pl.ask(t, newRequest(dsr.Access, sees.byMail()))
			r := pl.record(t, export, 0)
			if r.Result != dsr.Incomplete || r.Delivery == nil || len(r.Delivery.PackageSHA256) == 0 {
				t.Errorf("the result is %s, delivery %+v", r.Result, r.Delivery)
			}
			names(t, r, completion.ReasonNoAnswer, "crm")
		})
		pl.start("crm")
		t.Run("late_answer_makes_an_addendum_that_is_complete", func(t *testing.T) {
			r := pl.record(t, first, 1)
			reports(t, r, dsr.Partial, erasureOf(erased))
			chain := pl.chain(t, first)
			if len(chain) != 2 || r.Type != completion.TypeAddendum || r.Previous == nil || r.Previous.RecordID != chain[0].Record.RecordID {
				t.Errorf("%d records; the last is %s after %+v", len(chain), r.Type, r.Previous)
			}
			if looks := system(t, r, "crm").Looks; len(looks) != 1 || looks[0].Found != 0 {
				t.Errorf("what came late was looked at: %+v", looks)
			}
			if d := cmp.Diff(erased.left(), of(pl.c.read(t), erased)); d != "" {
				t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
			}
		})
		t.Run("late_export_makes_an_addendum_with_a_new_package", func(t *testing.T) {
			r := pl.record(t, export, 1)
			before := pl.chain(t, export)[0].Record
			if r.Result != dsr.Complete || slices.Equal(r.Delivery.PackageSHA256, before.Delivery.PackageSHA256) {
				t.Errorf("the result is %s, the package the same: %v", r.Result, slices.Equal(r.Delivery.PackageSHA256, before.Delivery.PackageSHA256))
			}
			for name, n := range sees.had() {
				if got := lines(r)[name].Exposed; got != n {
					t.Errorf("the addendum counts %d of %s exported, want %d", got, name, n)
				}
			}
		})
		t.Run("what_only_a_silent_system_could_name_is_not_searched", func(t *testing.T) {
			pl.stop(t, "shop")
			id := pl.ask(t, newRequest(dsr.Erasure, unknown.byMail()))
			r := pl.record(t, id, 0)
			reports(t, r, dsr.Incomplete, map[string]line{
				"shop." + completion.AllCollections:  {Outcome: dsr.NoAnswer, Quality: dsr.CountsUnknown},
				"crm." + completion.AllCollections:   {Outcome: dsr.NotSearched, Quality: dsr.CountsUnknown},
				"chats." + completion.AllCollections: {Outcome: dsr.NotSearched, Quality: dsr.CountsUnknown},
			})
			names(t, r, completion.ReasonNotSearched, "crm")
			pl.start("shop")
			late := pl.record(t, id, 1)
			want := erasureOf(unknown)
			for _, name := range []string{"crm.contacts", "crm.tickets", "chats.conversations"} {
				delete(want, name)
			}
			for _, name := range []string{"crm.", "chats."} {
				want[name+completion.AllCollections] = line{Outcome: dsr.NotSearched, Quality: dsr.CountsUnknown}
			}
			reports(t, late, dsr.Incomplete, want)
		})

		pl.c.othersUnchanged(t, erased, unknown)
		pl.nothingInClear(t, erased, sees, unknown)
	})
}

// names demands a reason of a system, with a next step for a person.
func names(t *testing.T, r *completion.Record, code, system string) {
	t.Helper()
	for _, reason := range r.Reasons {
		if reason.Code == code && string(reason.System) == system {
			if reason.NextStep == "" {
				t.Errorf("reason %s of %s has no next step", code, system)
			}
			return
		}
	}
	t.Errorf("no reason %s names %s: %v", code, system, codes(r))
}
