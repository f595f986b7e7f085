package lifecycle

import (
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// seal ends the request: its record is signed and published, and it leaves the open ones in the same transaction.
func (t *Turn) seal(r *Request) error {
	s, err := t.Sealer.Seal(t.Now, r)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	s.ID = r.ID
	t.Sealed = append(t.Sealed, s)
	for _, ref := range r.Refs {
		t.Wake = append(t.Wake, Subject{r.Tenant, ref})
	}
	t.Out = append(t.Out, Outgoing{ID: r.ID, Trace: t.requests[r.ID].trace, MessageID: s.RecordID, Completion: &dsr.Completion{
		Tenant: r.Tenant, RequestID: r.RequestID, RecordID: s.RecordID, Number: s.Number, Type: s.Type, Kind: r.Kind,
		Result: s.Result, SealedAt: s.SealedAt, Envelope: s.Envelope, SHA256: s.SHA256, Environment: t.Policy.Environment,
	}})
	r.State = dsr.Sealed
	r.Closed = true
	r.Progress.Result = s.Result
	r.Progress.Previous = &Previous{RecordID: s.RecordID, SHA256: s.SHA256}
	r.Progress.Number = s.Number + 1
	r.Progress.Late = nil
	r.Progress.Notes = nil
	if s.Result != dsr.Incomplete { // nothing is asked of a system any more
		r.Identifiers, r.IdentDirty = nil, true
	}
	t.changed(r)
	return nil
}
