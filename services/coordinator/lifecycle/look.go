package lifecycle

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// addLate notes that a system acted and has not been looked at since.
func addLate(r *Request, system string) {
	if !slices.Contains(r.Progress.Late, system) {
		r.Progress.Late = append(r.Progress.Late, system)
		slices.Sort(r.Progress.Late)
	}
}

// afterAct settles before the look at every system that acted since the last one, or seals where nobody acted.
func (t *Turn) afterAct(r *Request) error {
	if len(r.Progress.Late) == 0 {
		return t.seal(r)
	}
	if r.Identifiers == nil { // dropped when the first record was sealed: nothing to look with
		note(r, NoteLateNotSeen)
		r.Progress.Late = nil
		return t.seal(r)
	}
	r.State = dsr.Settling
	r.Progress.Expect = nil
	settle := r.Progress.ActedAt
	if settle.IsZero() {
		settle = t.Now
	}
	r.Progress.SettleAt = settle.Add(t.Policy.Settle)
	if end := t.until(r, t.Policy.Settle); end.Before(r.Progress.SettleAt) { // the margin before due_at shortens it
		r.Progress.SettleAt = end
	}
	t.changed(r)
	return nil
}

func (t *Turn) settling(r *Request) error {
	if !t.past(r.Progress.SettleAt) {
		return nil
	}
	systems := r.Progress.Late
	r.Progress.Late = nil
	r.Progress.LookRound++
	t.enter(r, dsr.Verifying, dsr.Verify, r.Progress.LookRound, systems, t.Policy.Silence)
	return t.dispatch(r, nil)
}

// verifying ends a look: what was found is erased again and looked at again, at most so many times.
func (t *Turn) verifying(r *Request) error {
	if t.waits(r) {
		return nil
	}
	var finds []string
	for _, s := range answered(r) {
		a, err := r.Step(s, dsr.Verify, r.Progress.Round).Acknowledgement(t.Decode)
		if err != nil {
			return err
		}
		if a.Found() > a.Remaining() {
			note(r, NoteNewData)
		}
		if a.Remaining() > 0 {
			finds = append(finds, s)
		}
	}
	if len(finds) > 0 && r.Progress.LookRound-r.Progress.LooksBefore < int32(t.Policy.Looks) && r.Identifiers != nil {
		return t.act(r, finds)
	}
	if len(finds) > 0 {
		note(r, NoteResidue)
	}
	return t.afterAct(r) // a system that acted during the look is looked at, too; else this seals
}
