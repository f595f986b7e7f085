package e2e_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestOffsetsSetByHand: somebody resets the offsets of every group with a tool for consumer groups. The coordinator's do not count;
// responders and the packager read everything again and answer from their ledgers.
func TestOffsetsSetByHand(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 60, limits{}).start(roleNames()...)
		erased := pl.crowd(t, 20, nil)
		pl.settled(t)
		for _, role := range roleNames() {
			pl.stop(t, role)
		}
		p := pl.c.cast(t, buyer)
		q := newRequest(dsr.Erasure, p.byMail())
		pl.ask(t, q)
		rows, statuses := pl.c.read(t), pl.versions()

		t.Run("to_the_end_nothing_is_left_out_by_the_coordinator", func(t *testing.T) {
			for _, topic := range []string{dsr.TopicRequests, dsr.TopicAcknowledgement} {
				pl.setGroup(t, "coordinator."+topic, topic, pl.ends(t, topic))
			}
			pl.start(roleNames()...)
			pl.holds(t, p, pl.record(t, q.RequestID, 0), of(pl.c.read(t), p))
			erased = append(erased, p)
		})
		t.Run("to_the_beginning_nothing_is_done_twice", func(t *testing.T) {
			for _, role := range roleNames() {
				pl.stop(t, role)
			}
			rows, statuses = pl.c.read(t), pl.versions()
			before := pl.acknowledgements(t)
			for _, topic := range []string{dsr.TopicRequests, dsr.TopicAcknowledgement} {
				pl.rewind(t, "coordinator."+topic, topic)
			}
			for _, topic := range []string{dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification} {
				for _, system := range []string{"shop", "crm", "chats"} {
					pl.rewind(t, system, topic)
				}
			}
			pl.rewind(t, "lethe.packager", dsr.TopicPackaging)
			pl.start(roleNames()...)
			pl.settled(t)
			if n := pl.acknowledgements(t) - before; n < 2*before/3 {
				t.Errorf("%d answers came again, of %d", n, before)
			}
			if d := cmp.Diff(rows, pl.c.read(t), cmp.AllowUnexported(row{})); d != "" {
				t.Errorf("rows have changed (-before +now):\n%s", d)
			}
			now := pl.versions()
			for id, v := range statuses {
				if now[id] != v {
					t.Errorf("request %s went on from version %d to %d", id, v, now[id])
				}
			}
			pl.lock.Lock()
			defer pl.lock.Unlock()
			for id, all := range pl.records {
				if len(all) != 1 {
					t.Errorf("request %s has %d records", id, len(all))
				}
			}
		})
		t.Run("what_was_told_is_told_again_with_the_same_bytes", func(t *testing.T) { pl.tellsAgain(t) })
		if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
		pl.c.othersUnchanged(t, erased...)
	})
}

// tellsAgain publishes every record and status again, as after the loss of their topics.
func (pl *pipeline) tellsAgain(t *testing.T) {
	t.Helper()
	if pl.mode.name == "embedded" { // its file has one user at a time
		pl.stop(t, "coordinator")
	}
	values := func() map[string]int {
		out := map[string]int{}
		for _, m := range pl.messages(t, dsr.TopicCompletions) {
			out[string(m.Key)+string(m.Value)]++
		}
		return out
	}
	before, statuses := values(), pl.versions()
	pl.lock.Lock()
	told := pl.twice
	pl.lock.Unlock()
	said := pl.jsonLines(t, "republish")
	if len(said) != 1 || said[0]["records"] != float64(len(before)) || said[0]["statuses"] != float64(len(before)) {
		t.Errorf("it says %v of %d records", said, len(before))
	}
	if pl.mode.name == "embedded" {
		pl.start("coordinator")
	}
	pl.until(t, "the records once more", func(w *watch) bool { return w.twice >= told+len(before) })
	after := values()
	for v := range before {
		if after[v] < 2 {
			t.Error("a record did not come again as it was")
		}
	}
	if d := cmp.Diff(statuses, pl.versions()); d != "" || len(after) != len(before) {
		t.Errorf("%d different messages, there were %d; versions (-before +now):\n%s", len(after), len(before), d)
	}
}
