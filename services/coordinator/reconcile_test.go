package coordinator

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// published takes everything out of the outbox.
func (r *rig) published(t *testing.T) (ms []store.Message) {
	t.Helper()
	ctx := testContext(t)
	out, err := r.store.Outbox(ctx)
	must(t, err)
	defer out.Close() // it was only read
	all := make([]int, r.cfg.Shards)
	for i := range all {
		all[i] = i
	}
	var held []int
	for len(held) < len(all) { // a server needs a moment to take the locks from a connection that was closed
		held, err = out.Acquire(ctx, all)
		must(t, err)
	}
	for {
		rows, err := out.Fetch(ctx, held, 1<<20)
		must(t, err)
		if len(rows) == 0 {
			return ms
		}
		var ids []int64
		for _, row := range rows {
			ids = append(ids, row.ID)
			ms = append(ms, row.Messages...)
		}
		must(t, out.Delete(ctx, ids))
	}
}

// dispatched takes everything out of the outbox and returns its dispatches, as texts.
func (r *rig) dispatched(t *testing.T) (texts []string) {
	t.Helper()
	for _, m := range r.published(t) {
		if d, err := r.cfg.Codec.DecodeDispatch(m.Value); err == nil {
			texts = append(texts, fmt.Sprintf("%s %s%d.%d %v", d.RequestID, d.Phase, d.Round, d.Attempt, d.Systems))
		}
	}
	slices.Sort(texts)
	return texts
}

// TestReconcile: requests in several phases are asked for again, those that somebody owes an answer; more than one batch of them; and
// one that cannot be read does not hold up the others.
func TestReconcile(t *testing.T) {
	for name, s := range map[string]store.Store{"postgres": openPostgres(t), "sqlite": openSQLite(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, s, func(c *Config) { c.Batch = 2 })
			var want []string
			erase := func(n int) lifecycle.ID {
				id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: fmt.Sprint(4711 + n)})
				r.deliver(t, dsr.TopicRequests, value)
				return id
			}
			var open []lifecycle.ID
			for n := range 5 {
				id := erase(n)
				open = append(open, id)
				r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Act))
				want = append(want, fmt.Sprintf("%s act1.2 [crm]", id.RequestID))
			}
			settling := erase(5)
			r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, settling, "shop", dsr.Act), acknowledgement(t, settling, "crm", dsr.Act))
			byMail, value := request(t, dsr.Access, dsr.Identifier{Kind: dsr.Email, Value: "ada@post.example"})
			r.deliver(t, dsr.TopicRequests, value)
			want = append(want, fmt.Sprintf("%s resolve1.2 [shop]", byMail.RequestID))
			r.dispatched(t)

			asked, err := r.Reconcile(testContext(t), false)
			must(t, err)
			if d := cmp.Diff([]Asked{{"crm", dsr.Act, 5}, {"shop", dsr.Resolve, 1}}, asked); d != "" {
				t.Errorf("asked (-want +got):\n%s", d)
			}
			slices.Sort(want)
			if d := cmp.Diff(want, r.dispatched(t)); d != "" {
				t.Errorf("dispatched (-want +got):\n%s", d)
			}

			must(t, r.store.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error { // identifiers that no key opens
				rs, err := tx.Requests(ctx, open[2:3])
				if err != nil {
					return err
				}
				bad := rs[open[2]]
				bad.Identifiers, bad.IdentDirty, bad.Dirty = []byte("not sealed by anybody"), true, true
				return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{bad}})
			}))
			asked, err = r.Reconcile(testContext(t), false)
			if d := cmp.Diff([]Asked{{"crm", dsr.Act, 4}, {"shop", dsr.Resolve, 1}}, asked); d != "" || err == nil {
				t.Errorf("%v; asked (-want +got):\n%s", err, d)
			}
			if n := len(r.dispatched(t)); n != 5 {
				t.Errorf("%d were dispatched", n)
			}

			// The first answer comes after all, and then the one to the second question: one counts.
			r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, open[0], "crm", dsr.Act),
				acknowledgement(t, open[0], "crm", dsr.Act, func(a *dsr.Acknowledgement) { a.Attempt = 1 }))
			if got := r.state(t, open[0]); got.State != dsr.Settling || len(got.Steps) != 2 {
				t.Errorf("the request is %s with %d steps", got.State, len(got.Steps))
			}
		})
	}
}
