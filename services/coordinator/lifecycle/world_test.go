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
