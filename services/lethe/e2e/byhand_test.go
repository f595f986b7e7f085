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
		if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
		pl.c.othersUnchanged(t, erased...)
	})
}
