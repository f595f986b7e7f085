package lifecycle

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Admission is a request that passed every check and whose id was claimed.
type Admission struct {
	ID
	Seq         int64
	Frozen      Frozen
	Kinds       []string // of the identifiers
	Refs        []Ref
	Identifiers []byte // as stored
	Trace       string
}

// Admit takes in a new request and takes it as far as it goes by itself.
func (t *Turn) Admit(a Admission) (*Request, error) {
	refs := slices.Clone(a.Refs)
	slices.Sort(refs)
	r := &Request{
		ID: a.ID, Seq: a.Seq, Kind: a.Frozen.Request.Kind, Frozen: a.Frozen, Identifiers: a.Identifiers,
		Refs: slices.Compact(refs), Trace: a.Trace, Fresh: true, Dirty: true, RefsDirty: true, IdentDirty: true,
	}
	r.Progress.Kinds = slices.Clone(a.Kinds)
	t.touch(r, a.Trace)
	t.changed(r)
	for _, ref := range r.Refs {
		t.addNeighbour(Neighbour{ID: r.ID, Ref: ref, Seq: r.Seq, Kind: r.Kind, State: dsr.Held})
	}
	if d := r.Frozen.Request.Decision; d != nil && d.Decision == dsr.Refused {
		return r, t.seal(r)
	}
	if t.mustHold(r) {
		t.enter(r, dsr.Held, "", 0, nil, t.Policy.Held)
		return r, nil
	}
	if err := t.startResolution(r); err != nil {
		return r, err
	}
	return r, t.advance(r)
}

func (t *Turn) mustHold(r *Request) bool {
	hold := false
	id := r.Frozen.Request.Identity
	doubted := id != nil && !id.DoubtsRaisedAt.IsZero() && id.ResolvedAt.IsZero()
	if doubted || t.Policy.NeedIdentity && (id == nil || id.VerifiedAt.IsZero()) {
		note(r, NoteIdentity)
		hold = true
	}
	if t.Policy.NeedDecision && r.Frozen.Request.Decision == nil {
		note(r, NoteDecision)
		hold = true
	}
	return hold
}

// held waits for a person; when nobody came in time the record says so.
func (t *Turn) held(r *Request) error {
	if !t.past(r.Progress.Until) {
		return nil
	}
	return t.seal(r)
}
