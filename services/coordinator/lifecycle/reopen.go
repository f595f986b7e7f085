package lifecycle

import "github.com/lethe-dsr/lethe/pkg/dsr"

// Reopen applies an acknowledgement that came after the seal. Where it says something new the request is open again until an
// addendum is sealed: a late act is looked at first, a late export is packaged first.
func (t *Turn) Reopen(r *Request, in Incoming) (Verdict, error) {
	a := in.Ack
	if a.Phase == dsr.Resolve || a.State == dsr.Delayed {
		return Duplicate, nil // nothing after the seal depends on it
	}
	v := verdict(r, a)
	if v != Accepted {
		return v, nil
	}
	t.touch(r, in.Trace)
	r.State = dsr.Reopened
	err := t.accept(r, in)
	if err != nil {
		r.State = dsr.Sealed
		return "", err
	}
	r.Reopened, r.Dirty = true, true
	r.Progress.LooksBefore = r.Progress.LookRound
	switch {
	case a.Phase == dsr.Act && r.Kind.Exports():
		err = t.startPackage(r)
	case a.Phase == dsr.Verify:
		t.enter(r, dsr.Verifying, dsr.Verify, a.Round, []string{a.System}, t.Policy.Silence)
	case a.Phase == dsr.Act && a.State == dsr.AckAnswered:
		err = t.afterAct(r)
	default:
		err = t.seal(r)
	}
	if err != nil {
		return v, err
	}
	return v, t.advance(r)
}
