package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// EncodeStatus frames the full state of a request. It demands request id, a version above 0, a state and a kind.
func (c *Codec) EncodeStatus(v dsr.Status) ([]byte, error) {
	m := c.messages[schemas.RequestStatus]
	w := m.writers.one()
	w.mustID("request_id", v.RequestID)
	if v.Version == 0 {
		w.fail("version", "not given")
	}
	w.mustSize("version", v.Version)
	w.must("state", string(v.State))
	w.must("kind", string(v.Kind))
	w.text("tenant", v.Tenant)
	w.text("subject_ref", v.SubjectRef)
	w.text("phase", string(v.Phase))
	w.int("round", v.Round)
	writeSystemStatuses(w, v.Systems)
	w.id("waits_for", v.WaitsFor)
	w.texts("reasons", v.Reasons)
	w.instant("received_at", v.ReceivedAt)
	w.instant("admitted_at", v.AdmittedAt)
	w.instant("updated_at", v.UpdatedAt)
	w.instant("due_at", v.DueAt)
	w.instant("next_at", v.NextAt)
	w.text("result", string(v.Result))
	w.text("record_id", v.RecordID)
	w.int("number", v.Number)
	w.text("environment", v.Environment)
	return m.write(w)
}

// DecodeStatus reads a framed status of any released version. What comes with an error is as in
// [Codec.DecodeSubjectRequest].
func (c *Codec) DecodeStatus(b []byte) (dsr.Status, error) {
	r, err := c.open(schemas.RequestStatus, b)
	if err != nil {
		return dsr.Status{}, err
	}
	v := dsr.Status{
		RequestID:   r.mustID("request_id"),
		Version:     r.mustSize("version"),
		State:       dsr.State(r.must("state")),
		Kind:        dsr.Kind(r.must("kind")),
		Tenant:      r.text("tenant"),
		SubjectRef:  r.text("subject_ref"),
		Phase:       dsr.Phase(r.text("phase")),
		Round:       r.int("round"),
		Systems:     readSystemStatuses(&r),
		WaitsFor:    r.id("waits_for"),
		Reasons:     r.texts("reasons"),
		ReceivedAt:  r.instant("received_at"),
		AdmittedAt:  r.instant("admitted_at"),
		UpdatedAt:   r.instant("updated_at"),
		DueAt:       r.instant("due_at"),
		NextAt:      r.instant("next_at"),
		Result:      dsr.Result(r.text("result")),
		RecordID:    r.text("record_id"),
		Number:      r.int("number"),
		Environment: r.text("environment"),
	}
	return v, r.close(schemas.RequestStatus)
}

func writeSystemStatuses(w *writer, systems []dsr.SystemStatus) {
	if !w.array("systems", len(systems)) {
		return
	}
	for _, s := range systems {
		w.item()
		w.must("name", s.Name)
		w.must("state", s.State)
		w.text("phase", string(s.Phase))
		w.int("round", s.Round)
		w.text("outcome", string(s.Outcome))
		w.instant("at", s.At)
	}
	w.end()
}

func readSystemStatuses(r *reader) []dsr.SystemStatus {
	n := r.array("systems")
	if n == 0 {
		return nil
	}
	systems := make([]dsr.SystemStatus, 0, n)
	for r.more() {
		systems = append(systems, dsr.SystemStatus{
			Name: r.must("name"), State: r.must("state"), Phase: dsr.Phase(r.text("phase")), Round: r.int("round"),
			Outcome: dsr.Outcome(r.text("outcome")), At: r.instant("at"),
		})
	}
	return systems
}
