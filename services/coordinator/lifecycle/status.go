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
	newest := latest(r)
	for _, name := range r.Frozen.Systems {
		s.Systems = append(s.Systems, t.systemStatus(r, name, newest[name]))
	}
	if st := newest[dsr.Packager]; st != nil {
		s.Systems = append(s.Systems, t.systemStatus(r, dsr.Packager, st))
	}
	return s
}

// systemStatus is the state of one system, whose newest step is st, nil where it has none.
func (t *Turn) systemStatus(r *Request, name string, st *Step) dsr.SystemStatus {
	if o, ok := r.Progress.Inferred[name]; ok {
		return dsr.SystemStatus{Name: name, State: o, Outcome: dsr.Outcome(o)}
	}
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

// latest is the newest accepted acknowledgement of each system in the order in which the phases follow each other.
func latest(r *Request) map[string]*Step {
	out := make(map[string]*Step, len(r.Frozen.Systems)+1)
	for _, st := range r.Steps {
		if best := out[st.System]; best == nil || later(st, best) {
			out[st.System] = st
		}
	}
	return out
}

// phaseOrder is the order of the phases within a round: a look of round n follows the act of a round no higher than n; an act of a later round
// follows that look.
var phaseOrder = map[dsr.Phase]int32{dsr.Resolve: 0, dsr.Act: 1, dsr.Verify: 2, dsr.Package: 3}

func later(a, b *Step) bool {
	if a.Phase == b.Phase {
		return a.Round > b.Round
	}
	if a.Round == b.Round || a.Phase == dsr.Resolve || b.Phase == dsr.Resolve {
		return phaseOrder[a.Phase] > phaseOrder[b.Phase]
	}
	return a.Round > b.Round
}
