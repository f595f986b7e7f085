package coordinator

import (
	"context"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// spoil makes a request one that this build cannot decide about, as a newer build may have left it, or one whose identifiers cannot be opened.
func spoil(t *testing.T, r *rig, id lifecycle.ID) {
	t.Helper()
	must(t, r.store.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		q := open[id]
		q.State, q.WakeAt, q.Dirty = "newer", time.Now().Add(-time.Hour), true
		return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{q}})
	}))
}

func TestARequestThatCannotBeDecidedStopsNoClock(t *testing.T) {
	r := newRig(t, openSQLite(t), func(cfg *Config) { cfg.Policy.NeedIdentity, cfg.Policy.Held, cfg.Batch = true, 0, 2 })
	spoilt, one := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	good, two := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4712"})
	r.deliver(t, dsr.TopicRequests, one, two)
	spoil(t, r, spoilt)
	if more, err := r.tick(testContext(t)); !more || err == nil {
		t.Errorf("of a full batch one was worked and one was not: more %t, %v", more, err)
	}
	if q := r.state(t, good); q != nil {
		t.Errorf("the other request is due since %s and still %s", q.WakeAt, q.State)
	}
	if more, err := r.tick(testContext(t)); more || err == nil {
		t.Errorf("nothing was worked: more %t, %v", more, err)
	}
}
