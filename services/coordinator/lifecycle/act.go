package lifecycle

import (
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// startAct dispatches the first act to every system that the identifiers reach.
func (t *Turn) startAct(r *Request) error {
	reachable, inferred, err := t.split(r)
	if err != nil {
		return err
	}
	r.Progress.Inferred = inferred
	return t.act(r, reachable)
}

func (t *Turn) act(r *Request, systems []string) error {
	r.Progress.ActRound++
	t.enter(r, dsr.Acting, dsr.Act, r.Progress.ActRound, systems, t.Policy.Silence)
	if len(systems) == 0 {
		return nil
	}
	return t.dispatch(r, nil)
}

// acting waits until every system that was asked has answered, or the silence limit.
func (t *Turn) acting(r *Request) error {
	if t.waits(r) {
		return nil
	}
	if r.Kind.Exports() {
		return t.startPackage(r)
	}
	looked := answered(r)
	for _, s := range looked {
		addLate(r, s)
	}
	return t.afterAct(r)
}

// dispatch publishes the current phase and round to the systems expected in it.
func (t *Turn) dispatch(r *Request, fill func(*dsr.Dispatch)) error {
	p := &r.Progress
	q := &r.Frozen.Request
	d := dsr.Dispatch{
		Tenant: r.Tenant, RequestID: r.RequestID, Kind: r.Kind, Phase: p.Phase, Round: p.Round, Attempt: max(1, p.Attempt),
		Systems: p.Expect, SubjectRef: r.Frozen.SubjectRef, Capacity: q.Capacity, Regulation: q.Regulation, Scope: q.Scope,
		MapHash: r.Frozen.MapSHA256, ReceivedAt: q.ReceivedAt, DispatchedAt: t.Now, AsOf: t.Now, NotAfter: t.Now.Add(t.Policy.NotAfter),
		Priority: q.Priority, ParentRequestID: q.ParentRequestID, Instance: t.Policy.Instance, Environment: t.Policy.Environment,
		DispatchID: dispatchID(r),
	}
	if p.Phase != dsr.Package {
		sealed, keyID, err := t.Vault.Dispatch(r.ID, r.Identifiers, p.Phase)
		if err != nil {
			return fmt.Errorf("seal identifiers for phase %s: %w", p.Phase, err)
		}
		d.SealedIdentifiers, d.KeyID = sealed, keyID
	}
	if p.Phase == dsr.Verify || p.Phase == dsr.Act && p.Round > 1 {
		keys, err := t.sealedKeys(r)
		if err != nil {
			return err
		}
		d.SealedKeys = keys
	}
	if fill != nil {
		fill(&d)
	}
	r.Progress.NotAfter = d.NotAfter
	t.Out = append(t.Out, Outgoing{ID: r.ID, Trace: t.requests[r.ID].trace, MessageID: d.DispatchID, Dispatch: &d})
	return nil
}

// sealedKeys collects, for the systems about to be asked, the keys that each froze in its first act that found any.
func (t *Turn) sealedKeys(r *Request) ([]dsr.SealedKeys, error) {
	var out []dsr.SealedKeys
	for _, st := range r.Steps { // by round within the phase: the first act comes first
		if st.Phase != dsr.Act || !slices.Contains(r.Progress.Expect, st.System) {
			continue
		}
		a, err := st.Acknowledgement(t.Decode)
		if err != nil {
			return nil, err
		}
		if len(a.SealedKeys) > 0 && !slices.ContainsFunc(out, func(k dsr.SealedKeys) bool { return k.System == st.System }) {
			out = append(out, dsr.SealedKeys{System: st.System, Value: a.SealedKeys})
		}
	}
	return out, nil
}
