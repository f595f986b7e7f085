package lifecycle

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// startResolution asks for further identifiers while a frozen system cannot be reached by those at hand. Where nobody is to
// be asked it goes on to the gate.
func (t *Turn) startResolution(r *Request) error {
	systems, want := t.ask(r, r.Progress.Kinds)
	if len(systems) == 0 {
		t.toGate(r)
		return nil
	}
	r.Progress.Asked = systems
	t.enter(r, dsr.Resolving, dsr.Resolve, 1, r.Progress.Asked, t.Policy.Resolution)
	t.markUnknown(r)
	return t.dispatch(r, func(d *dsr.Dispatch) { d.Want = want })
}

// ask lists who can supply identifiers that are missing from those at hand, and which.
func (t *Turn) ask(r *Request, have []string) (systems, want []string) {
	for _, q := range t.Map.Ask(r.Frozen.Request.Capacity, r.Frozen.Systems, have) {
		systems = append(systems, q.System)
		want = append(want, q.Want...)
	}
	slices.Sort(systems)
	slices.Sort(want)
	return slices.Compact(systems), slices.Compact(want)
}

func (t *Turn) resolving(r *Request) error {
	if t.waits(r) {
		return nil
	}
	if len(missing(r)) > 0 {
		note(r, NoteResolveLimit)
	}
	t.unmarkUnknown(r)
	t.toGate(r)
	return nil
}

// Learnt is what one system's resolution yielded, opened by the coordinator before the transaction.
type Learnt struct {
	Identifiers []dsr.Identifier
	Refs        []Ref
}

// learn adds identifiers to the request. Too many, or two sources that disagree about who the person is, are not used: only
// a human may decide, and until one does the systems behind them are not searched.
func (t *Turn) learn(r *Request, system string, l Learnt) error {
	if len(l.Identifiers) == 0 {
		return nil
	}
	if t.Policy.ResolvedMost > 0 && len(l.Identifiers) > t.Policy.ResolvedMost {
		note(r, NoteTooMany)
		return nil
	}
	if t.disagrees(r, l) {
		note(r, NoteTwoPersons)
		return nil
	}
	stored, err := t.Vault.Add(r.ID, r.Identifiers, l.Identifiers)
	if err != nil {
		return err
	}
	r.Identifiers, r.IdentDirty = stored, true
	for _, i := range l.Identifiers {
		if !slices.Contains(r.Progress.Kinds, i.Kind) {
			r.Progress.Kinds = append(r.Progress.Kinds, i.Kind)
		}
	}
	for _, ref := range l.Refs {
		if at, known := slices.BinarySearch(r.Refs, ref); !known {
			r.Refs = slices.Insert(slices.Clone(r.Refs), at, ref)
			r.RefsDirty = true
			t.addNeighbour(Neighbour{ID: r.ID, Ref: ref, Seq: r.Seq, Kind: r.Kind, State: r.State})
		}
	}
	return nil
}

// disagrees reports whether a kind that another source supplied before comes with other values only.
func (t *Turn) disagrees(r *Request, l Learnt) bool {
	seen := map[string]bool{} // kind → whether one of its values was known
	for n, i := range l.Identifiers {
		if !slices.Contains(r.Progress.Kinds, i.Kind) {
			continue
		}
		_, known := slices.BinarySearch(r.Refs, l.Refs[n])
		seen[i.Kind] = seen[i.Kind] || known
	}
	for _, known := range seen {
		if !known {
			return true
		}
	}
	return false
}

// split divides the frozen systems into those that the identifiers at hand can reach and the others, for which the
// coordinator itself writes the line: not_found only if every source of every kind that would have reached the system looked
// and did not know the person, not_searched otherwise.
func (t *Turn) split(r *Request) (reachable []string, inferred map[string]string, err error) {
	for _, s := range r.Frozen.Systems {
		accepts := t.Map.Accepts(s, r.Frozen.Request.Capacity)
		if slices.ContainsFunc(accepts, func(k string) bool { return slices.Contains(r.Progress.Kinds, k) }) {
			reachable = append(reachable, s)
			continue
		}
		o := dsr.NotFound
		none := true
		for _, kind := range accepts {
			for _, source := range t.Map.Sources(r.Frozen.Request.Capacity, kind) {
				none = false
				found, err := t.sourceSaysNotFound(r, source)
				if err != nil {
					return nil, nil, err
				}
				if !found {
					o = dsr.NotSearched
				}
			}
		}
		if none {
			o = dsr.NotSearched
		}
		if inferred == nil {
			inferred = map[string]string{}
		}
		inferred[s] = string(o)
	}
	return reachable, inferred, nil
}

func (t *Turn) sourceSaysNotFound(r *Request, source string) (bool, error) {
	st := r.Step(source, dsr.Resolve, 1)
	if st == nil || st.State != dsr.AckAnswered {
		return false, nil
	}
	a, err := st.Acknowledgement(t.Decode)
	if err != nil {
		return false, err
	}
	return a.Outcome() == dsr.NotFound, nil
}
