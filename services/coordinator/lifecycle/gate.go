package lifecycle

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// toGate puts the request before the gate; advance then lets it pass or wait.
func (t *Turn) toGate(r *Request) {
	t.enter(r, dsr.Waiting, "", 0, nil, untilMargin)
}

// untilMargin is a limit beyond every due date, so that the margin before due_at ends the wait.
const untilMargin = 10 * 365 * 24 * 60 * 60 * 1e9

// waiting lets an erasure pass once no earlier access or portability request of the same person is open, and the other way
// round. Only earlier requests are waited for, and later ones that have passed the gate and so wait for nobody: there is no cycle.
// The person is the whole set of pseudonyms.
func (t *Turn) waiting(r *Request) error {
	if b, blocked := t.blocker(r); blocked && !t.past(r.Progress.Until) {
		if r.Progress.WaitsFor != b {
			r.Progress.WaitsFor = b
			t.changed(r)
		}
		return nil
	} else if blocked {
		note(r, NoteGateTimeout)
	}
	r.Progress.WaitsFor = ""
	return t.startAct(r)
}

// blocker is the earliest open request that r has to wait for.
func (t *Turn) blocker(r *Request) (dsr.RequestID, bool) {
	var first *Neighbour
	for _, ref := range append(r.Refs[:len(r.Refs):len(r.Refs)], Unknown(r.Kind, r.Progress.Kinds, t.Map.Kinds())...) {
		for i, n := range t.neighbours[Subject{r.Tenant, ref}] {
			if n.ID == r.ID || n.Kind.Exports() == r.Kind.Exports() {
				continue
			}
			state := n.State
			if h := t.requests[n.ID]; h != nil { // it may have changed in this very turn
				if state = h.r.State; state == dsr.Sealed || !slices.Contains(h.r.Refs, ref) {
					continue
				}
			}
			if n.Seq > r.Seq && !passed(state) {
				continue
			}
			if first == nil || n.Seq < first.Seq {
				first = &t.neighbours[Subject{r.Tenant, ref}][i]
			}
		}
	}
	switch {
	case first == nil:
		return "", false
	case !first.Ref.Person():
		return "", true // nobody knows yet whether it is the same person, so its id is not shown
	}
	return first.RequestID, true
}

// passed reports whether an open request in this state has the gate behind it. A later one does where r was not known to be of
// the same person when it came to the gate: r was admitted in the same instant, or had yet to be resolved and the wait for that
// had run out. What it began is finished before r begins.
func passed(s dsr.State) bool { return s != dsr.Held && s != dsr.Resolving && s != dsr.Waiting }

// A request that is still being resolved may turn out to be of a person whom a later request names by another kind of identifier:
// access by e-mail, then erasure by customer number. Until it is resolved the later one waits, or the data would be gone before it
// was handed over. So a request in resolution bears a mark with the kinds of identifier that it came with, in the place of a
// pseudonym, and the gate looks for the marks of all kinds that it cannot compare with its own.

const markPrefix = "resolving\x00"

// Person reports whether the ref is a person's pseudonym, not a mark.
func (r Ref) Person() bool { return !strings.HasPrefix(string(r), markPrefix) }

func mark(exports bool, kinds []string) Ref {
	group := "erasure"
	if exports {
		group = "export"
	}
	return Ref(markPrefix + group + "\x00" + strings.Join(kinds, "\x00"))
}

func (t *Turn) markUnknown(r *Request) {
	m := mark(r.Kind.Exports(), known(r.Progress.Kinds, t.Map.Kinds()))
	at, _ := slices.BinarySearch(r.Refs, m)
	r.Refs = slices.Insert(slices.Clone(r.Refs), at, m) // the store may keep what it loaded
	r.RefsDirty = true
	t.addNeighbour(Neighbour{ID: r.ID, Ref: m, Seq: r.Seq, Kind: r.Kind, State: r.State})
}

func (t *Turn) unmarkUnknown(r *Request) {
	var persons []Ref
	for _, ref := range r.Refs {
		if ref.Person() {
			persons = append(persons, ref)
		} else {
			r.Dropped = append(r.Dropped, ref)
			r.RefsDirty = true
		}
	}
	r.Refs = persons
}

// known are the kinds that the map knows, sorted.
func known(kinds, all []string) []string {
	var out []string
	for _, k := range all {
		if slices.Contains(kinds, k) {
			out = append(out, k)
		}
	}
	return out
}

// maxKinds bounds the marks that are looked for: with more kinds of identifier in a map, requests are compared by pseudonyms alone.
const maxKinds = 8

// Unknown lists the marks of requests of the other sort that came with none of the kinds of identifier at hand, so that nobody can
// say yet whether they are of the same person. all are the kinds of the map, sorted.
func Unknown(kind dsr.Kind, have, all []string) []Ref {
	var others []string
	for _, k := range all {
		if !slices.Contains(have, k) {
			others = append(others, k)
		}
	}
	if len(others) == 0 || len(others) > maxKinds {
		return nil
	}
	out := make([]Ref, 0, 1<<len(others)-1)
	for set := 1; set < 1<<len(others); set++ {
		var kinds []string
		for i, k := range others {
			if set&(1<<i) != 0 {
				kinds = append(kinds, k)
			}
		}
		out = append(out, mark(!kind.Exports(), kinds))
	}
	return out
}
