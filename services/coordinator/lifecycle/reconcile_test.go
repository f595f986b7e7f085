package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// reconcile asks again for a request, and returns whom.
func (w *world) reconcile(id dsr.RequestID, delayed bool) (systems string, last *dsr.Dispatch) {
	w.t.Helper()
	before := len(w.out)
	w.turn(func(t *lifecycle.Turn) error {
		asked, err := t.Reconcile(w.open[id], delayed)
		systems = strings.Join(asked, "+")
		return err
	})
	for _, o := range w.out[before:] {
		if o.Dispatch == nil {
			w.t.Errorf("something else than a dispatch was published: %+v", o)
		}
		last = o.Dispatch
	}
	if (last == nil) != (systems == "") {
		w.t.Errorf("%q were asked, by %+v", systems, last)
	}
	return systems, last
}

func TestReconcile(t *testing.T) {
	byMail, byNumber := []string{"email"}, []string{"customer_id"}
	part := func(in *lifecycle.Incoming) { in.Ack.Parts = []dsr.Part{{Path: "parts/x", Collection: "c"}} }
	for name, c := range map[string]struct {
		run     func(w *world)
		delayed bool
		asks    string
	}{
		"asks_in_an_act_those_that_have_not_answered": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
		}, false, "act1 chats"},
		"asks_in_a_look": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "chats", dsr.Verify, 1)
		}, false, "verify1 shop"},
		"asks_in_a_second_round_those_of_that_round_alone": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1)
			w.tickAt(24 * time.Hour)
			w.ack("a", "shop", dsr.Verify, 1, remaining(2))
			w.ack("a", "chats", dsr.Verify, 1)
		}, false, "act2 shop"},
		"asks_who_the_person_is": {func(w *world) { w.admit("a", dsr.Erasure, "p@x", byMail, "chats", "shop") }, false, "resolve1 shop"},
		"asks_the_packager": {func(w *world) {
			w.admit("a", dsr.Access, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1, part)
		}, false, "package1 lethe.packager"},
		"asks_nobody_while_it_settles": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1)
		}, false, ""},
		"asks_nobody_after_the_seal": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
			w.ack("a", "shop", dsr.Act, 1, state(dsr.AckFailed, 1))
		}, false, ""},
		"asks_nobody_at_the_gate": {func(w *world) {
			w.admit("b", dsr.Access, "7", byNumber, "shop")
			w.admit("a", dsr.Erasure, "7", byNumber, "shop")
		}, false, ""},
		"passes_over_who_has_put_its_answer_off": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1, state(dsr.Delayed, 1))
		}, false, "act1 chats"},
		"asks_those_too_where_their_ledger_was_lost": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "shop")
			w.ack("a", "shop", dsr.Act, 1, state(dsr.Delayed, 1))
		}, true, "act1 chats+shop"},
		"passes_over_who_has_answered_whatever_was_lost": {func(w *world) {
			w.admit("a", dsr.Erasure, "7", byNumber, "chats", "crm", "shop")
			w.ack("a", "shop", dsr.Act, 1)
			w.ack("a", "chats", dsr.Act, 1, state(dsr.Delayed, 1))
		}, true, "act1 chats"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.run(w)
			phase, want, _ := strings.Cut(c.asks, " ")
			version := w.open["a"].Version
			for attempt := int32(2); attempt <= 3; attempt++ {
				asked, d := w.reconcile("a", c.delayed)
				if asked != want {
					t.Fatalf("asked %q, want %q", asked, want)
				}
				if d == nil {
					return
				}
				first := w.out[slices.IndexFunc(w.out, func(o lifecycle.Outgoing) bool {
					return o.Dispatch != nil && o.RequestID == "a" && o.Dispatch.Phase == d.Phase && o.Dispatch.Round == d.Round
				})].Dispatch
				again := *first
				again.Attempt, again.Systems, again.DispatchID = attempt, strings.Split(want, "+"), d.DispatchID
				again.DispatchedAt, again.AsOf, again.NotAfter = w.now, w.now, w.now.Add(30*24*time.Hour)
				again.SealedKeys = d.SealedKeys // of fewer systems
				if diff := cmp.Diff(again, *d); diff != "" || phase != string(d.Phase)+fmt.Sprint(d.Round) {
					t.Errorf("in %s, it asks for something else than at first (-want +got):\n%s", phase, diff)
				}
				if d.DispatchID == first.DispatchID {
					t.Error("two messages have one id")
				}
				if v := w.open["a"].Version; v != version {
					t.Errorf("the status went on to version %d", v)
				}
			}
		})
	}
}

func TestReconcileGivesTheLimitAnew(t *testing.T) {
	w := newWorld(t)
	r := w.admit("a", dsr.Erasure, "7", []string{"customer_id"}, "shop")
	w.now = w.now.Add(6 * 24 * time.Hour)
	w.reconcile("a", false)
	if want := w.now.Add(7 * 24 * time.Hour); !r.Progress.Until.Equal(want) || !r.WakeAt.Equal(want) {
		t.Errorf("it ends at %s and wakes at %s, want %s", r.Progress.Until, r.WakeAt, want)
	}
	w.tickAt(2 * 24 * time.Hour) // the first limit has passed
	w.want("a", "act1(shop) act1(shop)")
	w.ack("a", "shop", dsr.Act, 1) // of the first attempt, from the ledger
	w.now = start.Add(27*24*time.Hour + time.Minute)
	w.tickAt(0)
	w.reconcile("a", false)
	if want := start.Add(27 * 24 * time.Hour).Add(time.Minute + time.Hour); !r.Progress.Until.Equal(want) { // past the margin: the shortest wait
		t.Errorf("it ends at %s, want %s", r.Progress.Until, want)
	}
	w.ack("a", "shop", dsr.Verify, 1, state(dsr.AckAnswered, 2))
	w.ack("a", "shop", dsr.Verify, 1, state(dsr.AckAnswered, 1))
	w.want("a", "act1(shop) act1(shop) verify1(shop) verify1(shop) complete#0")
}
