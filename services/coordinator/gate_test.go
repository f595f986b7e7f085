package coordinator

import (
	"context"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// pausing calls the test back when a transaction has decided and before it writes.
type pausing struct {
	store.Store
	decided func()
}

type pausingTx struct {
	store.Tx
	decided func()
}

func (s pausing) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return s.Store.Tx(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, pausingTx{tx, s.decided}) })
}

func (t pausingTx) Save(ctx context.Context, c store.Changes) error {
	t.decided()
	return t.Tx.Save(ctx, c)
}

// TestTwoOfOnePersonThatAreAdmittedAtOnceNeverActAtOnce: an access by e-mail has to be resolved; before its transaction commits,
// another one admits an erasure by number, which cannot know of it. SQLite has one transaction at a time.
func TestTwoOfOnePersonThatAreAdmittedAtOnceNeverActAtOnce(t *testing.T) {
	r := newRig(t, openPostgres(t), nil)
	number := dsr.Identifier{Kind: "customer_id", Value: "4711"}
	access, byMail := request(t, dsr.Access, dsr.Identifier{Kind: dsr.Email, Value: "ada@post.example"})
	erasure, byNumber := request(t, dsr.Erasure, number)

	slow := *r.Coordinator
	slow.store = pausing{r.store, func() { r.deliver(t, dsr.TopicRequests, byNumber) }}
	(&rig{Coordinator: &slow, partition: 1, next: map[string]int64{}}).deliver(t, dsr.TopicRequests, byMail)
	a, e := r.state(t, access), r.state(t, erasure)
	if a.State != dsr.Resolving || e.State != dsr.Acting || a.Seq > e.Seq {
		t.Fatalf("the access is %s with number %d, the erasure %s with %d", a.State, a.Seq, e.State, e.Seq)
	}

	plain, err := r.cfg.Codec.EncodeIdentifiers([]dsr.Identifier{number})
	must(t, err)
	resolved, err := r.cfg.Keys.Topics.Seal(plain, sealing.ResolvedAD(access.RequestID))
	must(t, err)
	r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, access, "shop", dsr.Resolve, func(a *dsr.Acknowledgement) {
		a.Kind, a.SealedResolved, a.Collections[0].Outcome = dsr.Access, resolved, dsr.Exported
	}))
	if a = r.state(t, access); a.State != dsr.Waiting || a.Progress.WaitsFor != erasure.RequestID {
		t.Errorf("the access is %s and waits for %q", a.State, a.Progress.WaitsFor)
	}
}
