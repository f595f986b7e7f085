package lifecycle_test

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

func TestGate(t *testing.T) {
	number := []string{"customer_id"}
	t.Run("an_erasure_waits_for_an_earlier_access_of_the_same_person", func(t *testing.T) {
		w := newWorld(t)
		w.admit("access", dsr.Access, "7", number, "shop")
		e := w.admit("erase", dsr.Erasure, "7", number, "shop")
		if e.State != dsr.Waiting || e.Progress.WaitsFor != "access" {
			t.Fatalf("erasure is %s, waits for %q", e.State, e.Progress.WaitsFor)
		}
		w.ack("access", "shop", dsr.Act, 1)
		w.ack("access", dsr.Packager, dsr.Package, 1)
		w.tickAt(10 * time.Second)
		w.want("access", "act1(shop) package1(lethe.packager) complete#0")
		w.want("erase", "act1(shop)")
	})
	t.Run("what_changes_nothing_does_not_put_off_one_that_may_go_on", func(t *testing.T) {
		w := newWorld(t)
		w.admit("access", dsr.Access, "7", number, "shop")
		e := w.admit("erase", dsr.Erasure, "7", number, "shop")
		e.WakeAt = w.now // as a seal leaves those that wait
		if v := w.ack("erase", "shop", dsr.Act, 1); v != lifecycle.Unasked || !e.WakeAt.Equal(w.now) {
			t.Errorf("%s, and it is due at %s, not at once", v, e.WakeAt)
		}
	})
	t.Run("an_access_waits_for_an_earlier_erasure", func(t *testing.T) {
		w := newWorld(t)
		w.admit("erase", dsr.Erasure, "7", number, "shop")
		w.admit("access", dsr.Access, "7", number, "shop")
		w.want("access", "")
	})
	t.Run("nobody_waits_for_a_later_request_or_another_person_or_the_same_kind", func(t *testing.T) {
		w := newWorld(t)
		w.admit("erase", dsr.Erasure, "7", number, "shop")
		w.admit("other", dsr.Access, "8", number, "shop")
		w.admit("again", dsr.Erasure, "7", number, "shop")
		w.want("erase", "act1(shop)")
		w.want("other", "act1(shop)")
		w.want("again", "act1(shop)")
	})
	t.Run("two_that_are_admitted_in_one_turn_see_each_other", func(t *testing.T) {
		w := newWorld(t)
		w.turn(func(turn *lifecycle.Turn) error {
			for i, k := range []dsr.Kind{dsr.Access, dsr.Erasure} {
				id := dsr.RequestID(k)
				if _, err := turn.Admit(lifecycle.Admission{
					ID: lifecycle.ID{RequestID: id}, Seq: int64(i + 1), Kinds: number, Refs: []lifecycle.Ref{"7"},
					Frozen: lifecycle.Frozen{Request: dsr.SubjectRequest{Kind: k, ReceivedAt: start}, Systems: []string{"shop"}, DueAt: start.Add(720 * time.Hour)},
				}); err != nil {
					return err
				}
			}
			return nil
		})
		w.want("access", "act1(shop)")
		w.want("erasure", "")
	})
	t.Run("identifiers_learnt_by_resolution_count", func(t *testing.T) {
		w := newWorld(t)
		w.admit("access", dsr.Access, "7", number, "shop")
		w.admit("erase", dsr.Erasure, "p@x", []string{"email"}, "chats", "shop")
		w.ack("erase", "shop", dsr.Resolve, 1, learnt("7"))
		w.want("erase", "resolve1(shop)")
		if s := w.open["erase"]; s.State != dsr.Waiting {
			t.Errorf("erasure is %s", s.State)
		}
	})
	t.Run("an_erasure_waits_until_an_earlier_access_that_it_cannot_be_compared_with_is_resolved", func(t *testing.T) {
		w := newWorld(t)
		w.admit("access", dsr.Access, "p@x", []string{"email"}, "chats", "shop")
		same := w.admit("erase", dsr.Erasure, "7", number, "shop")
		other := w.admit("other", dsr.Erasure, "8", number, "shop")
		mail := w.admit("mail", dsr.Erasure, "q@x", []string{"email"}, "shop") // comparable, and another person
		if same.State != dsr.Waiting || other.State != dsr.Waiting || same.Progress.WaitsFor != "" || mail.State != dsr.Acting {
			t.Fatalf("erasures are %s, %s, %s; the first waits for %q", same.State, other.State, mail.State, same.Progress.WaitsFor)
		}
		w.ack("access", "shop", dsr.Resolve, 1, learnt("7"))
		w.tickAt(10 * time.Second)
		w.want("other", "act1(shop)")
		if s := w.open["erase"]; s.State != dsr.Waiting || s.Progress.WaitsFor != "access" {
			t.Errorf("the erasure of the same person is %s and waits for %q", s.State, s.Progress.WaitsFor)
		}
	})
	for _, kinds := range [][2]dsr.Kind{{dsr.Access, dsr.Erasure}, {dsr.Erasure, dsr.Portability}} {
		t.Run("an_earlier_"+string(kinds[0])+"_waits_for_a_later_"+string(kinds[1])+"_that_has_passed_without_seeing_it", func(t *testing.T) {
			w := newWorld(t)
			w.seq = 1 // the numbers of two that are admitted at once say nothing about who commits first
			w.admit("second", kinds[1], "7", number, "shop")
			w.seq = 0
			first := w.admit("first", kinds[0], "p@x", []string{"email"}, "chats", "shop")
			w.ack("first", "shop", dsr.Resolve, 1, learnt("7"))
			w.want("first", "resolve1(shop)")
			if first.State != dsr.Waiting || first.Progress.WaitsFor != "second" {
				t.Errorf("the first is %s, waits for %q", first.State, first.Progress.WaitsFor)
			}
			w.ack("second", "shop", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("second", "shop", dsr.Verify, 1)
			w.ack("second", dsr.Packager, dsr.Package, 1)
			w.tickAt(10 * time.Second)
			w.want("first", "resolve1(shop) act1(chats+shop)")
		})
	}
	t.Run("the_wait_ends_a_margin_before_the_due_date", func(t *testing.T) {
		w := newWorld(t)
		w.m.Policy.Silence = 365 * 24 * time.Hour
		w.admit("access", dsr.Access, "7", number, "shop")
		e := w.admit("erase", dsr.Erasure, "7", number, "shop")
		if want := start.Add(27 * 24 * time.Hour); !e.Progress.Until.Equal(want) {
			t.Errorf("waits until %s, want %s", e.Progress.Until, want)
		}
	})
}
