package lifecycle

import (
	"errors"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Incoming is an acknowledgement with what the coordinator opened of it before the transaction.
type Incoming struct {
	Ack    *dsr.Acknowledgement // shared: nothing in it is changed
	Body   []byte               // its Avro bytes, kept as they came
	Learnt Learnt
	Trace  string
}

// Verdict says what became of an acknowledgement.
type Verdict string

// The verdicts.
const (
	Accepted  Verdict = "accepted"
	Duplicate Verdict = "duplicate" // the same or a better one stands already
	Unasked   Verdict = "unasked"   // for a step that was never dispatched
)

// Acknowledge applies an acknowledgement to an open request. It replaces what stands for the same system, phase and round
// only if its (attempt, rank) is higher, so that redelivery and reordering change nothing.
//
// A request that this very turn sealed takes in nothing more: [ErrSealed] says that the acknowledgement belongs into a turn of
// its own, which finds it in the archive.
func (t *Turn) Acknowledge(r *Request, in Incoming) (Verdict, error) {
	if r.State == dsr.Sealed {
		if stale(r, in.Ack) {
			return Duplicate, nil
		}
		return "", ErrSealed
	}
	v := verdict(r, in.Ack)
	if v != Accepted {
		return v, nil // untouched: what changes nothing does not put off either when the request is due
	}
	t.touch(r, in.Trace)
	if err := t.accept(r, in); err != nil {
		return "", err
	}
	return v, t.advance(r)
}

func verdict(r *Request, a *dsr.Acknowledgement) Verdict {
	switch {
	case !dispatched(r, a.Key):
		return Unasked
	case stale(r, a):
		return Duplicate
	}
	return Accepted
}

func (t *Turn) accept(r *Request, in Incoming) error {
	a := in.Ack
	st := r.Step(a.System, a.Phase, a.Round)
	if st == nil {
		st = &Step{System: a.System, Phase: a.Phase, Round: a.Round}
		at, _ := slices.BinarySearchFunc(r.Steps, st, (*Step).Compare)
		r.Steps = slices.Insert(r.Steps, at, st)
	}
	st.Attempt, st.State, st.Body, st.ack, st.Dirty = a.Attempt, a.State, in.Body, a, true
	t.progressed(r)
	if a.State != dsr.AckAnswered {
		return nil
	}
	switch a.Phase {
	case dsr.Resolve:
		if r.State == dsr.Resolving {
			return t.learn(r, a.System, in.Learnt)
		}
	case dsr.Act:
		if r.Kind.Exports() {
			r.Progress.Repackage = r.State == dsr.Packaging
			break
		}
		r.Progress.ActedAt = t.Now
		switch {
		case r.State == dsr.Settling: // the settle time starts at the last accepted act
			addLate(r, a.System)
			return t.afterAct(r)
		case r.State != dsr.Acting || a.Round != r.Progress.Round:
			addLate(r, a.System)
		}
	}
	return nil
}

// ErrSealed says that a request was sealed in this turn.
var ErrSealed = errors.New("request was sealed in this turn")

// stale reports whether the same or a better acknowledgement stands already.
func stale(r *Request, a *dsr.Acknowledgement) bool {
	st := r.Step(a.System, a.Phase, a.Round)
	return st != nil && (a.Attempt < st.Attempt || a.Attempt == st.Attempt && a.State.Rank() <= st.State.Rank())
}

// dispatched reports whether the coordinator ever asked for the step.
func dispatched(r *Request, k dsr.Key) bool {
	if k.Round < 1 {
		return false
	}
	switch k.Phase {
	case dsr.Resolve:
		return k.Round == 1 && slices.Contains(r.Progress.Asked, k.System)
	case dsr.Act:
		return k.Round <= r.Progress.ActRound && slices.Contains(r.Frozen.Systems, k.System) && r.Progress.Inferred[k.System] == ""
	case dsr.Verify:
		return k.Round <= r.Progress.LookRound && slices.Contains(r.Frozen.Systems, k.System)
	case dsr.Package:
		return k.Round <= r.Progress.PackageRound && k.System == dsr.Packager
	}
	return false
}
