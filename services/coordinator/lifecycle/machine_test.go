package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// company is a data map in miniature: shop knows people by e-mail and customer number, chats by customer number alone.
type company struct{}

func (company) Accepts(system, _ string) []string {
	return map[string][]string{"shop": {"email", "customer_id"}, "chats": {"customer_id"}, "crm": {"email"}}[system]
}

func (company) Kinds() []string { return []string{"customer_id", "email"} }

func (c company) Ask(_ string, systems, have []string) []lifecycle.Question {
	for _, s := range systems {
		if s == "chats" && !slices.Contains(have, "customer_id") && slices.Contains(have, "email") {
			return []lifecycle.Question{{System: "shop", Want: []string{"customer_id"}}}
		}
	}
	return nil
}

func (company) Sources(_, kind string) []string {
	if kind == "customer_id" {
		return []string{"shop"}
	}
	return nil
}

// plainVault keeps identifiers readable: what is sealed and how is package sealing's business.
type plainVault struct{}

func (plainVault) Dispatch(_ lifecycle.ID, stored []byte, _ dsr.Phase) ([]byte, string, error) {
	return stored, "k1", nil
}

func (plainVault) Add(_ lifecycle.ID, stored []byte, more []dsr.Identifier) ([]byte, error) {
	for _, i := range more {
		stored = append(stored, []byte(" "+i.Kind+"="+i.Value)...)
	}
	return stored, nil
}

// tally seals a result by the bare rules that the machine relies on.
type tally struct {
	decode func([]byte) (*dsr.Acknowledgement, error)
}

func (s tally) Seal(now time.Time, r *lifecycle.Request) (lifecycle.Sealed, error) {
	out := lifecycle.Sealed{RecordID: fmt.Sprintf("record-%d", r.Progress.Number), Number: r.Progress.Number, Type: "record", Result: dsr.Complete, SealedAt: now, SHA256: []byte{byte(r.Progress.Number)}}
	for _, sys := range r.Frozen.Systems {
		if o := r.Progress.Inferred[sys]; o != "" {
			if o != string(dsr.NotFound) {
				out.Result = dsr.Incomplete
			}
			continue
		}
		st := r.Step(sys, dsr.Act, 1)
		if st == nil || st.State != dsr.AckAnswered {
			out.Result = dsr.Incomplete
			continue
		}
		if r.Kind == dsr.Erasure {
			last := int64(-1)
			for _, v := range r.Steps {
				if v.Phase == dsr.Verify && v.System == sys && v.State == dsr.AckAnswered {
					a, err := v.Acknowledgement(s.decode)
					if err != nil {
						return out, err
					}
					last = a.Remaining()
				}
			}
			if last != 0 {
				out.Result = dsr.Incomplete
			}
		}
	}
	if len(r.Progress.Notes) > 0 && r.Progress.Notes[0] != lifecycle.NoteNewData {
		out.Result = dsr.Incomplete
	}
	return out, nil
}

func decodeJSON(b []byte) (*dsr.Acknowledgement, error) {
	var a dsr.Acknowledgement
	return &a, json.Unmarshal(b, &a)
}

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func newMachine() *lifecycle.Machine {
	return &lifecycle.Machine{
		Policy: lifecycle.Policy{
			Silence: 7 * 24 * time.Hour, Resolution: time.Hour, Settle: 24 * time.Hour, Margin: 72 * time.Hour, MinWait: time.Hour,
			GateRecheck: 10 * time.Second, NotAfter: 30 * 24 * time.Hour, Looks: 3, ResolvedMost: 100, Held: 7 * 24 * time.Hour,
		},
		Map: company{}, Vault: plainVault{}, Decode: decodeJSON, Sealer: tally{decodeJSON},
	}
}

// world drives a machine as the coordinator does: a turn an event, the clock set by hand.
type world struct {
	t    *testing.T
	m    *lifecycle.Machine
	now  time.Time
	deaf bool // nothing that was published after start has been taken in
	open map[dsr.RequestID]*lifecycle.Request
	out  []lifecycle.Outgoing
	seq  int64
}

func newWorld(t *testing.T) *world {
	return &world{t: t, m: newMachine(), now: start, open: map[dsr.RequestID]*lifecycle.Request{}}
}

func (w *world) heardUpTo() time.Time {
	if w.deaf {
		return start
	}
	return w.now
}

func (w *world) turn(do func(*lifecycle.Turn) error) {
	w.t.Helper()
	var ns []lifecycle.Neighbour
	for _, r := range w.open {
		if r.State == dsr.Sealed {
			continue
		}
		for _, ref := range r.Refs {
			ns = append(ns, lifecycle.Neighbour{ID: r.ID, Ref: ref, Seq: r.Seq, Kind: r.Kind, State: r.State})
		}
	}
	turn := w.m.NewTurn(w.now, w.heardUpTo(), ns)
	if err := do(turn); err != nil {
		w.t.Fatal(err)
	}
	for _, r := range turn.Finish() {
		r.Fresh, r.Dirty, r.Reopened, r.Closed = false, false, false, false
		w.open[r.RequestID] = r
	}
	w.out = append(w.out, turn.Out...)
}

func (w *world) admit(id dsr.RequestID, kind dsr.Kind, ref string, kinds []string, systems ...string) *lifecycle.Request {
	w.t.Helper()
	w.seq++
	var r *lifecycle.Request
	w.turn(func(t *lifecycle.Turn) (err error) {
		r, err = t.Admit(lifecycle.Admission{
			ID: lifecycle.ID{RequestID: id}, Seq: w.seq, Kinds: kinds, Refs: []lifecycle.Ref{lifecycle.Ref(ref)}, Identifiers: []byte(ref),
			Frozen: lifecycle.Frozen{Request: dsr.SubjectRequest{RequestID: id, Kind: kind, ReceivedAt: start}, Systems: systems, Kinds: kinds, AdmittedAt: w.now, DueAt: start.Add(30 * 24 * time.Hour)},
		})
		return err
	})
	return r
}

func (w *world) ack(id dsr.RequestID, system string, phase dsr.Phase, round int32, edit ...func(*lifecycle.Incoming)) lifecycle.Verdict {
	w.t.Helper()
	in := lifecycle.Incoming{Ack: &dsr.Acknowledgement{
		Key: dsr.Key{RequestID: id, System: system, Phase: phase, Round: round}, Attempt: 1, State: dsr.AckAnswered,
		Collections: []dsr.Collection{{Name: "c", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}}},
	}}
	if phase == dsr.Verify {
		in.Ack.Collections[0] = dsr.Collection{Name: "c"}
	}
	for _, e := range edit {
		e(&in)
	}
	body, err := json.Marshal(in.Ack)
	if err != nil {
		w.t.Fatal(err)
	}
	in.Body = body
	var v lifecycle.Verdict
	w.turn(func(t *lifecycle.Turn) (err error) {
		r := w.open[id]
		if r.State == dsr.Sealed {
			v, err = t.Reopen(r, in)
		} else {
			v, err = t.Acknowledge(r, in)
		}
		return err
	})
	return v
}

func (w *world) tickAt(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	for _, r := range w.open {
		if !r.WakeAt.IsZero() && !w.now.Before(r.WakeAt) {
			w.turn(func(t *lifecycle.Turn) error { return t.Tick(r) })
		}
	}
}

// story lists what was published, one word a message.
func (w *world) story(id dsr.RequestID) string {
	var s []string
	for _, o := range w.out {
		if o.RequestID != id {
			continue
		}
		switch {
		case o.Dispatch != nil:
			s = append(s, fmt.Sprintf("%s%d(%s)", o.Dispatch.Phase, o.Dispatch.Round, strings.Join(o.Dispatch.Systems, "+")))
		case o.Completion != nil:
			s = append(s, fmt.Sprintf("%s#%d", o.Completion.Result, o.Completion.Number))
		}
	}
	return strings.Join(s, " ")
}

func (w *world) want(id dsr.RequestID, story string) {
	w.t.Helper()
	if diff := cmp.Diff(story, w.story(id)); diff != "" {
		w.t.Errorf("story of %s (-want +got):\n%s", id, diff)
	}
}

func remaining(n int64) func(*lifecycle.Incoming) {
	return func(in *lifecycle.Incoming) { in.Ack.Collections[0].Counts = dsr.Counts{Found: n, Remaining: n} }
}

func state(s dsr.AckState, attempt int32) func(*lifecycle.Incoming) {
	return func(in *lifecycle.Incoming) { in.Ack.State, in.Ack.Attempt = s, attempt }
}

func learnt(refs ...string) func(*lifecycle.Incoming) {
	return func(in *lifecycle.Incoming) {
		in.Ack.Collections[0].Outcome = dsr.NotFound
		for _, r := range refs {
			in.Ack.Collections[0].Outcome = dsr.Exported
			in.Learnt.Identifiers = append(in.Learnt.Identifiers, dsr.Identifier{Kind: "customer_id", Value: r})
			in.Learnt.Refs = append(in.Learnt.Refs, lifecycle.Ref(r))
		}
	}
}

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
