package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

func TestErasure(t *testing.T) {
	byMail, byNumber := []string{"email"}, []string{"customer_id"}
	tests := map[string]struct {
		run  func(w *world)
		want string
	}{
		"acts_settles_looks_and_seals": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
			w.ack("a", "chats", dsr.Verify, 1)
		}, "act1(chats+shop) verify1(chats+shop) complete#0"},
		"does_not_look_before_the_settle_time_ended": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(24*time.Hour - time.Second)
		}, "act1(shop)"},
		"erases_again_what_a_look_finds_and_looks_again": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1, remaining(2))
			w.ack("a", "chats", dsr.Verify, 1)
			w.ack("a", "shop", dsr.Act, 2)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 2)
		}, "act1(chats+shop) verify1(chats+shop) act2(shop) verify2(shop) complete#0"},
		"gives_up_with_residue_after_the_last_look": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			for n := int32(1); n <= 3; n++ {
				w.ack("a", "shop", dsr.Act, n)
				w.tickAt(24 * time.Hour)
				w.ack("a", "shop", dsr.Verify, n, remaining(1))
			}
		}, "act1(shop) verify1(shop) act2(shop) verify2(shop) act3(shop) verify3(shop) incomplete#0"},
		"looks_at_those_that_answered_when_another_stays_silent": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(7 * 24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
		}, "act1(chats+shop) verify1(shop) incomplete#0"},
		"turns_complete_by_an_addendum_when_the_silent_one_answers_late": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(7 * 24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "chats", dsr.Verify, 2)
		}, "act1(chats+shop) verify1(shop) incomplete#0 verify2(chats) complete#1"},
		"keeps_the_better_answer_whatever_comes_after_it": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1)
			if v := w.ack("a", "shop", dsr.Act, 1, state(dsr.AckFailed, 1)); v != lifecycle.Duplicate {
				w.t.Errorf("a failed after an answered of the same attempt: %s", v)
			}
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
		}, "act1(shop) verify1(shop) complete#0"},
		"counts_an_answer_after_a_redriven_failure": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1, state(dsr.AckFailed, 1))
			w.ack("a", "shop", dsr.Act, 1, state(dsr.AckAnswered, 2))
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 2-1)
		}, "act1(shop) incomplete#0 verify1(shop) complete#1"},
		"waits_for_a_system_that_said_delayed": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1, state(dsr.Delayed, 1))
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
		}, "act1(shop) verify1(shop) complete#0"},
		"asks_who_the_person_is_before_anything_is_erased": {func(w *world) {
			w.admit("a", dsr.Erasure, "p@x", byMail, "chats", "shop")
			w.ack("a", "shop", dsr.Resolve, 1, learnt("7"))
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
			w.ack("a", "chats", dsr.Verify, 1)
		}, "resolve1(shop) act1(chats+shop) verify1(chats+shop) complete#0"},
		"infers_not_found_only_when_the_source_looked": {func(w *world) {
			w.admit("a", dsr.Erasure, "p@x", byMail, "chats", "shop")
			w.ack("a", "shop", dsr.Resolve, 1, learnt())
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
		}, "resolve1(shop) act1(shop) verify1(shop) complete#0"},
		"is_incomplete_when_the_source_stayed_silent": {func(w *world) {
			w.admit("a", dsr.Erasure, "p@x", byMail, "chats", "shop")
			w.tickAt(time.Hour)
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1)
		}, "resolve1(shop) act1(shop) verify1(shop) incomplete#0"},
		"refuses_an_answer_to_a_question_never_asked": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			for _, k := range []struct {
				s string
				p dsr.Phase
				r int32
			}{{"chats", dsr.Act, 1}, {"shop", dsr.Verify, 1}, {"shop", dsr.Act, 2}, {"shop", dsr.Act, 0}, {"shop", "other", 1}} {
				if v := w.ack("a", k.s, k.p, k.r); v != lifecycle.Unasked {
					w.t.Errorf("%v: %s", k, v)
				}
			}
		}, "act1(shop)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.run(w)
			w.want("a", tt.want)
		})
	}
}

// TestNobodyIsSilentWhoWasNotHeard: a coordinator that was away, or whose partition is halted, does not know who answered.
func TestNobodyIsSilentWhoWasNotHeard(t *testing.T) {
	for name, tc := range map[string]struct {
		kind  dsr.Kind
		by    string
		kinds []string
		until func(*world) // into the phase that waits
		heard string       // what had come of the request when it turned out that nobody answered
	}{
		"resolution": {dsr.Erasure, "p@x", []string{"email"}, func(*world) {}, "resolve1(shop) act1(shop)"},
		"act":        {dsr.Erasure, "7", []string{"customer_id"}, func(*world) {}, "act1(shop) incomplete#0"},
		"look": {dsr.Erasure, "7", []string{"customer_id"}, func(w *world) {
			w.ack("a", "shop", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
		}, "act1(shop) verify1(shop) incomplete#0"},
		"package": {dsr.Access, "7", []string{"customer_id"}, func(w *world) {
			w.ack("a", "shop", dsr.Act, 1, func(in *lifecycle.Incoming) { in.Ack.Parts = []dsr.Part{{Path: "parts/x", Collection: "c"}} })
		}, "act1(shop) package1(lethe.packager) complete#0"}, // the tally counts no packages
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			systems := []string{"shop"}
			if tc.kinds[0] == "email" {
				systems = []string{"chats", "shop"}
			}
			r := w.admit("a", tc.kind, tc.by, tc.kinds, systems...)
			tc.until(w)
			before, state := w.story("a"), r.State
			w.deaf = true
			for range 3 { // long past the limit
				w.tickAt(8 * 24 * time.Hour)
				if w.story("a") != before || r.State != state || !r.WakeAt.Equal(w.now.Add(time.Second)) {
					t.Fatalf("it went on to %q and is %s until %s", w.story("a"), r.State, r.WakeAt)
				}
			}
			w.deaf = false
			w.tickAt(time.Second)
			w.want("a", tc.heard)
		})
	}
}

func TestExport(t *testing.T) {
	number := []string{"customer_id"}
	part := func(in *lifecycle.Incoming) { in.Ack.Parts = []dsr.Part{{Path: "parts/x", Collection: "c"}} }
	t.Run("packages_what_was_exported", func(t *testing.T) {
		w := newWorld(t)
		w.admit("a", dsr.Portability, "7", number, "chats", "shop")
		w.ack("a", "shop", dsr.Act, 1, part)
		w.ack("a", "chats", dsr.Act, 1)
		d := w.out[len(w.out)-2].Dispatch
		if d == nil || len(d.Parts) != 1 || d.Parts[0].System != "shop" || len(d.Pending) != 1 {
			t.Fatalf("packaging dispatch: %+v", d)
		}
		w.ack("a", dsr.Packager, dsr.Package, 1)
		w.want("a", "act1(chats+shop) package1(lethe.packager) complete#0")
	})
	t.Run("packages_again_when_an_export_comes_while_the_packager_works", func(t *testing.T) {
		w := newWorld(t)
		w.admit("a", dsr.Access, "7", number, "shop")
		w.ack("a", "shop", dsr.Act, 1, state(dsr.AckFailed, 1))
		w.ack("a", "shop", dsr.Act, 1, part, state(dsr.AckAnswered, 2))
		w.ack("a", dsr.Packager, dsr.Package, 1)
		w.ack("a", dsr.Packager, dsr.Package, 2)
		w.want("a", "act1(shop) package1(lethe.packager) package2(lethe.packager) complete#0")
	})
	t.Run("a_late_export_gives_an_addendum_with_a_package_of_its_own", func(t *testing.T) {
		w := newWorld(t)
		w.admit("a", dsr.Access, "7", number, "shop")
		w.tickAt(7 * 24 * time.Hour)
		w.ack("a", dsr.Packager, dsr.Package, 1)
		w.ack("a", "shop", dsr.Act, 1, part)
		w.ack("a", dsr.Packager, dsr.Package, 2)
		w.want("a", "act1(shop) package1(lethe.packager) incomplete#0 package2(lethe.packager) complete#1")
	})
}

func TestStatus(t *testing.T) {
	t.Run("versions_rise_by_one_with_each_turn_that_changed_something", func(t *testing.T) {
		w := newWorld(t)
		w.admit("a", dsr.Erasure, "7", []string{"customer_id"}, "shop")
		w.ack("a", "shop", dsr.Act, 1)
		w.ack("a", "shop", dsr.Act, 1) // changes nothing
		w.tickAt(24 * time.Hour)
		w.ack("a", "shop", dsr.Verify, 1)
		var got []string
		for _, o := range w.out {
			if s := o.Status; s != nil {
				got = append(got, fmt.Sprintf("%d %s %s", s.Version, s.State, s.Systems[0].State))
			}
		}
		want := []string{"1 acting expected", "2 settling answered", "3 verifying answered", "4 sealed answered"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
