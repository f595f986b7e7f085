package lifecycle

import (
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Restate publishes the state of an open request once more, as a version of its own.
func (t *Turn) Restate(r *Request) {
	t.touch(r, "")
	t.changed(r)
}

// RestateSealed publishes the last status of a sealed request once more, as it was.
func (t *Turn) RestateSealed(a *Archive) {
	s := t.status(&a.Request)
	s.UpdatedAt = a.SealedAt
	t.Out = append(t.Out, Outgoing{ID: a.ID, Trace: a.Trace, MessageID: statusID(&a.Request), Status: &s})
}

// statusID is the ce_id of the status of a request's version.
func statusID(r *Request) string { return fmt.Sprintf("%s/status/%d", r.RequestID, r.Version) }

// status is the full state of the request, for people who follow it.
func (t *Turn) status(r *Request) dsr.Status {
	p := &r.Progress
	s := dsr.Status{
		Tenant: r.Tenant, RequestID: r.RequestID, Version: r.Version, State: r.State, Kind: r.Kind, SubjectRef: r.Frozen.SubjectRef,
		Phase: p.Phase, Round: p.Round, WaitsFor: p.WaitsFor, Reasons: p.Notes,
		ReceivedAt: r.Frozen.Request.ReceivedAt, AdmittedAt: r.Frozen.AdmittedAt, UpdatedAt: t.Now, DueAt: r.Frozen.DueAt, NextAt: r.WakeAt,
		Environment: t.Policy.Environment,
	}
	if r.State == dsr.Sealed {
		s.Result = p.Result
		s.RecordID = p.Previous.RecordID
		s.Number = p.Number - 1
	}
	s.Systems = make([]dsr.SystemStatus, 0, len(r.Frozen.Systems))
	for _, name := range r.Frozen.Systems {
		s.Systems = append(s.Systems, t.systemStatus(r, name))
	}
	if st := latest(r, dsr.Packager); st != nil {
		s.Systems = append(s.Systems, t.systemStatus(r, dsr.Packager))
	}
	return s
}

func (t *Turn) systemStatus(r *Request, name string) dsr.SystemStatus {
	if o, ok := r.Progress.Inferred[name]; ok {
		return dsr.SystemStatus{Name: name, State: o, Outcome: dsr.Outcome(o)}
	}
	st := latest(r, name)
	if st == nil {
		s := dsr.SystemStatus{Name: name, Phase: r.Progress.Phase, Round: r.Progress.Round, State: "expected"}
		if r.State == dsr.Sealed {
			s.State, s.Outcome = string(dsr.NoAnswer), dsr.NoAnswer
		}
		return s
	}
	s := dsr.SystemStatus{Name: name, Phase: st.Phase, Round: st.Round, State: string(st.State)}
	if a, err := st.Acknowledgement(t.Decode); err == nil {
		s.At = a.DoneAt
		if st.State != dsr.Delayed {
			s.Outcome = a.Outcome()
		}
	}
	return s
}

// latest is the newest accepted acknowledgement of a system in the order in which the phases follow each other.
func latest(r *Request, system string) *Step {
	var best *Step
	for _, st := range r.Steps {
		if st.System == system && (best == nil || later(st, best)) {
			best = st
		}
	}
	return best
}

func later(a, b *Step) bool {
	if a.Phase == b.Phase {
		return a.Round > b.Round
	}
	// A look of round n follows the act of a round no higher than n; an act of a later round follows that look.
	order := map[dsr.Phase]int32{dsr.Resolve: 0, dsr.Act: 1, dsr.Verify: 2, dsr.Package: 3}
	if a.Round == b.Round || a.Phase == dsr.Resolve || b.Phase == dsr.Resolve {
		return order[a.Phase] > order[b.Phase]
	}
	return a.Round > b.Round
}
