package responder_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// resolving is a scripted system that knows customer ids.
type resolving struct {
	*scripted
	asked []responder.Dispatch
}

func (r *resolving) Resolve(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	r.asked = append(r.asked, ds...)
	return responder.Each(context.Background(), ds, func(_ context.Context, d responder.Dispatch) (responder.Answer, error) {
		a := responder.Answer{Collections: []dsr.Collection{{Name: "customer", Outcome: dsr.NotFound}}}
		if d.RequestID == person(1).Request {
			a.Collections[0].Outcome, a.Collections[0].Counts.Found = dsr.OutOfScope, 1
			a.Resolved = []dsr.Identifier{{Kind: "customer_id", Value: "7"}, {Kind: "device_id", Value: "d1"}, {Kind: "device_id", Value: "d2"}}
		}
		return a, nil
	})
}

func TestIdentifiersLearntTravelSealed(t *testing.T) {
	r := newRig(t, &scripted{})
	s := &resolving{scripted: r.scripted}
	i := r.Bench.Responder(t, s, r.ledger)
	ask := func(d *dsr.Dispatch) { d.Phase, d.Want = dsr.Resolve, []string{"customer_id", "device_id"} }
	result := r.Deliver(t, i, r.Dispatch(t, person(1), ask), r.Dispatch(t, person(2), ask))
	a := ack(t, result, 1)
	want := []dsr.Identifier{{Kind: "customer_id", Value: "7"}, {Kind: "device_id", Value: "d1"}, {Kind: "device_id", Value: "d2"}}
	if d := cmp.Diff(want, r.OpenResolved(t, a)); d != "" {
		t.Errorf("learnt, -want +got:\n%s", d)
	}
	if !slices.Equal(a.ResolvedKinds, []string{"customer_id", "device_id"}) || a.KeyID != r.Keys.KeyID() {
		t.Errorf("kinds %v under key %q", a.ResolvedKinds, a.KeyID)
	}
	if b := ack(t, result, 2); b.Outcome() != dsr.NotFound || b.SealedResolved != nil || b.ResolvedKinds != nil {
		t.Errorf("who is not known is %s, with kinds %v", b.Outcome(), b.ResolvedKinds)
	}
	if len(s.asked) != 2 || !slices.Equal(s.asked[0].Want, []string{"customer_id", "device_id"}) {
		t.Errorf("asked %+v", s.asked)
	}
}

// packing is a system that assembles exports.
type packing struct {
	responder.NoErasure
	saw []responder.Dispatch
}

func (p *packing) Package(_ context.Context, d responder.Dispatch) (responder.Answer, error) {
	p.saw = append(p.saw, d)
	if d.RequestID == person(2).Request {
		return responder.Answer{}, responder.Permanent(errors.New("a part is missing"))
	}
	return responder.Answer{
		Collections: []dsr.Collection{{Name: "package", Outcome: dsr.Exported, Counts: dsr.Counts{Found: 3, Exported: 3}}},
		Parts:       []dsr.Part{{System: dsr.Packager, Collection: "package", Path: "packages/x.zip", SHA256: make([]byte, 32), SizeBytes: 9, Records: 3}},
	}, nil
}

func (p *packing) Check(context.Context) error { return nil }

func TestAPackagerIsAResponderToo(t *testing.T) {
	b := respondertest.NewBench(t, dsr.Packager)
	p := &packing{}
	l := ledger.Beside(openSQLite(t, filepath.Join(t.TempDir(), "ledger.db")), ledger.SQLite)
	r := b.Responder(t, p, l)
	parts := []dsr.Part{{System: "shop", Collection: "customer", Path: "parts/x", SHA256: make([]byte, 32), SizeBytes: 1, Records: 1}}
	pack := func(d *dsr.Dispatch) {
		d.Kind, d.Phase, d.Parts, d.Pending = dsr.Access, dsr.Package, parts, []dsr.Line{{System: "chats", Outcome: dsr.NotFound}}
	}
	result := b.Deliver(t, r, b.Dispatch(t, person(1), pack), b.Dispatch(t, person(2), pack), b.Dispatch(t, person(3)))
	a := ack(t, result, 1)
	if a.State != dsr.AckAnswered || len(a.Parts) != 1 || a.Parts[0].Path != "packages/x.zip" || a.Collections[0].Outcome != dsr.Exported {
		t.Errorf("acknowledged %+v", a)
	}
	if len(p.saw) == 0 || len(p.saw[0].Parts) != 1 || len(p.saw[0].Pending) != 1 || p.saw[0].Identifiers != nil {
		t.Errorf("the packager was given %+v", p.saw)
	}
	if a := ack(t, result, 2); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodePermanent {
		t.Errorf("person 2 is %s with code %q", a.State, a.ErrorCode)
	}
	if a := ack(t, result, 3); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeUnsupported {
		t.Errorf("an erasure by the packager is %s with code %q, want unsupported", a.State, a.ErrorCode)
	}
}

func TestListedSaysNotSearchedOfWhomItCannotLookFor(t *testing.T) {
	r := newRig(t, &scripted{})
	i := r.Bench.Responder(t, profiles(t.TempDir()), r.ledger)
	p := person(1)
	p.Identifiers = []dsr.Identifier{{Kind: "customer_id", Value: "7"}}
	for _, m := range []kafka.Message{r.Dispatch(t, p), r.Dispatch(t, p, respondertest.Look(1))} {
		if a := ack(t, r.Deliver(t, i, m), 1); a.Outcome() != dsr.NotSearched || len(a.IdentifierKinds) != 0 {
			t.Errorf("in phase %s it is %s, searched with %v", a.Phase, a.Outcome(), a.IdentifierKinds)
		}
	}
}

func TestABatcherIsGivenNoMoreAtOnceThanItWants(t *testing.T) {
	r := newRig(t, &scripted{})
	i := r.Bench.Responder(t, small{r.scripted}, r.ledger)
	if result := r.Deliver(t, i, r.dispatches(t, 0, 8)...); len(result.Acknowledgements) != 8 {
		t.Errorf("%d acknowledgements", len(result.Acknowledgements))
	}
	if got := r.sizes(); !slices.Equal(got, []int{3, 3, 2}) {
		t.Errorf("called with batches of %v, want three at most", got)
	}
}

type small struct{ *scripted }

func (small) MaxBatch() int { return 3 }
