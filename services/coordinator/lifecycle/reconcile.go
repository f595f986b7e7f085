package lifecycle

import (
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Reconcile asks again whoever owes the request an answer, because a topic may have lost the question or the answer: only them, in
// the phase and round at hand, as a new attempt, with the phase's limit running anew. A system that has done the step answers from its ledger,
// so that once too often changes nothing. One that has put its answer off has the question, and is asked again only where delayed
// says that its ledger was lost. It returns whom it asked.
func (t *Turn) Reconcile(r *Request, delayed bool) ([]string, error) {
	p := &r.Progress
	limit := t.Policy.Silence
	switch r.State {
	case dsr.Resolving:
		limit = t.Policy.Resolution
	case dsr.Acting, dsr.Verifying, dsr.Packaging:
	default:
		return nil, nil // nobody owes it anything
	}
	systems := slices.DeleteFunc(missing(r), func(s string) bool {
		return !delayed && r.Step(s, p.Phase, p.Round) != nil
	})
	if len(systems) == 0 || r.Identifiers == nil && p.Phase != dsr.Package {
		return nil, nil
	}
	fill, err := t.question(r)
	if err != nil || fill == nil {
		return nil, err
	}
	t.touch(r, "")
	p.Attempt = max(p.Attempt, 1) + 1
	if until := t.until(r, limit); until.After(p.Until) {
		p.Until = until
	}
	r.Dirty = true
	return systems, t.dispatch(r, func(d *dsr.Dispatch) {
		fill(d)
		d.Systems = systems
	})
}

// question is what the dispatch of the phase at hand carries beside what every dispatch does; nil where the data map does not know any
// more what was asked.
func (t *Turn) question(r *Request) (func(*dsr.Dispatch), error) {
	switch r.Progress.Phase {
	case dsr.Resolve:
		_, want := t.ask(r, r.Frozen.Kinds)
		if len(want) == 0 {
			return nil, nil
		}
		return func(d *dsr.Dispatch) { d.Want = want }, nil
	case dsr.Package:
		return t.parts(r)
	}
	return func(*dsr.Dispatch) {}, nil
}

// dispatchID is stable over redelivery, and another one for each attempt.
func dispatchID(r *Request) string {
	id := fmt.Sprintf("%s/%s/%d", r.RequestID, r.Progress.Phase, r.Progress.Round)
	if r.Progress.Attempt > 1 {
		id += fmt.Sprintf("/%d", r.Progress.Attempt)
	}
	return id
}
