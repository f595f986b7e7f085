package datamap

import "slices"

// Ask is one question of a round of resolution: the system is asked to turn identifiers at hand into other kinds.
type Ask struct {
	System string
	From   []string // kinds at hand that find the person's rows there, sorted
	To     []string // kinds that those rows hold and that are wanted, sorted
}

// Unreached is a system some or all of whose collections no identifier can reach.
type Unreached struct {
	System      string
	Collections []string // labels; with Whole, all of them
	Whole       bool     // no collection can be reached: the system need not be asked
	Kinds       []string // any of these kinds of identifier would reach some of them
}

// Resolution is the next round.
type Resolution struct {
	Asks []Ask // empty: there is nothing to ask, the request can be dispatched
	// Unreached are systems that the identifiers at hand do not reach, and that no round can help: what is there was not
	// searched, or not found where every source of a kind that would reach it said so (see Map.SourcesOf).
	Unreached []Unreached
}

// Systems returns the systems that the round asks, sorted.
func (r Resolution) Systems() []string {
	var out []string
	for _, a := range r.Asks {
		out = append(out, a.System)
	}
	return out
}

// Want returns the kinds that the round asks for, sorted.
func (r Resolution) Want() []string {
	var out []string
	for _, a := range r.Asks {
		out = union(out, a.To)
	}
	slices.Sort(out)
	return out
}

// Accepts returns the kinds of identifier, sorted, any of which finds rows of this kind of subject in the system; none for a
// system that the map does not hold.
func (m *Map) Accepts(system, capacity string) []string {
	var out []string
	if s, ok := m.System(system); ok {
		for _, sub := range s.of(capacity) {
			out = union(out, sub.accepts())
		}
	}
	slices.Sort(out)
	return out
}

func (s *Subject) accepts() []string {
	var out []string
	for _, r := range s.Rows {
		for _, e := range r.Entries {
			out = union(out, []string{e.Kind})
		}
	}
	return out
}

// Supplies returns the fields in a person's rows that hold identifiers, by which a system answers a resolution.
func (s *Subject) Supplies() []Identity {
	var out []Identity
	for _, r := range s.Rows {
		out = append(out, s.suppliedBy(r)...)
	}
	return out
}

func (s *Subject) suppliedBy(r *Rows) []Identity {
	for _, root := range s.Roots {
		if root.Collection == r.Collection {
			return root.Identities
		}
	}
	if len(r.Entries) > 0 {
		return r.Entries
	}
	var out []Identity
	for f := range r.Collection.All() {
		if f.Identity != "" {
			out = append(out, Identity{Kind: f.Identity, Field: f})
		}
	}
	return out
}

// Reached returns the collections whose rows can be found with these kinds of identifier, in the order of Rows.
func (s *Subject) Reached(have []string) []*Rows {
	reached := map[*Collection]bool{}
	for again := true; again; {
		again = false
		for _, r := range s.Rows {
			if reached[r.Collection] {
				continue
			}
			found := slices.ContainsFunc(r.Entries, func(e Identity) bool { return slices.Contains(have, e.Kind) }) ||
				slices.ContainsFunc(r.Via, func(j Join) bool { return reached[j.From] })
			if found {
				reached[r.Collection], again = true, true
			}
		}
	}
	var out []*Rows
	for _, r := range s.Rows {
		if reached[r.Collection] {
			out = append(out, r)
		}
	}
	return out
}

// turns returns the kinds that the person's rows give, found with these kinds. Shared kinds find no way back to a person:
// two people in one household would become one.
func (s *Subject) turns(have []string, shared func(kind string) bool) []string {
	from := slices.DeleteFunc(slices.Clone(have), shared)
	var out []string
	for _, r := range s.Reached(from) {
		for _, id := range s.suppliedBy(r) {
			if !slices.Contains(from, id.Kind) {
				out = union(out, []string{id.Kind})
			}
		}
	}
	return out
}

// Suppliers returns, by system, who can turn the kinds at hand into some of the wanted ones. The empty capacity means every
// kind of subject.
func (m *Map) Suppliers(capacity string, have, want []string) []Ask {
	var out []Ask
	for _, s := range m.Systems {
		a := Ask{System: s.Name}
		for _, sub := range s.of(capacity) {
			var to []string
			for _, k := range sub.turns(have, m.isShared) {
				if slices.Contains(want, k) && !slices.Contains(have, k) {
					to = append(to, k)
				}
			}
			if len(to) == 0 {
				continue
			}
			a.To = union(a.To, to)
			for _, k := range sub.accepts() {
				if slices.Contains(have, k) && !m.isShared(k) {
					a.From = union(a.From, []string{k})
				}
			}
		}
		if len(a.To) > 0 {
			slices.Sort(a.From)
			slices.Sort(a.To)
			out = append(out, a)
		}
	}
	return out
}

// SourcesOf returns every system, sorted, that could supply this kind of identifier for this kind of subject, given any other.
// Only if each of them answered that it does not know the person may a system that is found by this kind alone be said to hold
// nothing.
func (m *Map) SourcesOf(kind, capacity string) []string {
	var out []string
	for _, s := range m.Systems {
		for _, sub := range s.of(capacity) {
			others := slices.DeleteFunc(sub.accepts(), func(k string) bool { return k == kind })
			if slices.Contains(sub.turns(others, m.isShared), kind) {
				out = append(out, s.Name)
				break
			}
		}
	}
	return out
}

func (m *Map) isShared(kind string) bool { return m.sharedKinds[kind] }
