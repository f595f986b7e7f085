package coordinator

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// told sorts what was published: the last status of each request and every record, by their bytes.
func (r *rig) told(t *testing.T) (statuses map[dsr.RequestID]dsr.Status, bytes map[string]string, n int) {
	t.Helper()
	statuses, bytes = map[dsr.RequestID]dsr.Status{}, map[string]string{}
	for _, m := range r.published(t) {
		switch m.Topic {
		case "lethe." + dsr.TopicStatus:
			s, err := r.cfg.Codec.DecodeStatus(m.Value)
			must(t, err)
			statuses[s.RequestID] = s
			bytes["status of "+string(s.RequestID)] = string(m.Value)
		case "lethe." + dsr.TopicCompletions:
			c, err := r.cfg.Codec.DecodeCompletion(m.Value)
			must(t, err)
			bytes[fmt.Sprintf("record %d of %s", c.Number, c.RequestID)] = string(m.Key) + string(m.Value)
			n++
		}
	}
	return statuses, bytes, n
}

// TestRepublish: what was told of sealed requests is told again with the same bytes, an addendum with the record that it follows; of
// an open request, what is so now.
func TestRepublish(t *testing.T) {
	for name, s := range map[string]store.Store{"postgres": openPostgres(t), "sqlite": openSQLite(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, s, func(c *Config) { c.Batch, c.Policy.Settle, c.Policy.MinWait = 2, time.Nanosecond, time.Nanosecond })
			erase := func(n int) lifecycle.ID {
				id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: fmt.Sprint(4711 + n)})
				r.deliver(t, dsr.TopicRequests, value)
				return id
			}
			nothing := func(a *dsr.Acknowledgement) {
				a.Collections[0].Outcome, a.Collections[0].Counts = dsr.NotFound, dsr.Counts{}
			}
			answer := func(id lifecycle.ID, phase dsr.Phase, systems ...string) {
				for _, system := range systems {
					r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, system, phase, nothing))
				}
			}
			var id lifecycle.ID
			for n := range 3 {
				id = erase(n)
				answer(id, dsr.Act, "shop", "crm")
				_, _ = r.tick(testContext(t)) // no broker answers it, which the look need not wait for
				answer(id, dsr.Verify, "shop", "crm")
			}
			r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Act, func(a *dsr.Acknowledgement) { // after the seal
				a.Attempt, a.State, a.ErrorCode, a.ErrorClass, a.Collections = 2, dsr.AckFailed, dsr.CodeOversize, "permanent", nil
			}))
			first := erase(3)
			_, before, records := r.told(t)
			if records != 4 || before["record 1 of "+string(id.RequestID)] == "" || r.state(t, first) == nil {
				t.Fatalf("%d records before", records)
			}
			for range 2 {
				done, err := r.Republish(testContext(t), time.Time{})
				must(t, err)
				statuses, again, n := r.told(t)
				if done != (Republished{Records: 4, Statuses: 4}) || n != 4 {
					t.Errorf("it says %+v, and %d records came", done, n)
				}
				if got := statuses[first.RequestID]; got.State != dsr.Acting {
					t.Errorf("the open request is %s", got.State)
				}
				open := "status of " + string(first.RequestID)
				want := maps.Clone(before)
				delete(want, open)
				delete(again, open)
				if d := cmp.Diff(want, again); d != "" {
					t.Errorf("other bytes (-want +got):\n%s", d)
				}
			}
			done, err := r.Republish(testContext(t), time.Now().Add(time.Hour))
			if must(t, err); done != (Republished{Statuses: 1}) {
				t.Errorf("of records of the future it says %+v", done)
			}
		})
	}
}
