package datamap

import (
	"fmt"
	"slices"
)

// Plan computes the next round of resolution for a request: what to ask so that every collection of the given systems can be
// reached. have are the kinds of identifier at hand, those learnt in earlier rounds included; asked are the questions of
// those rounds. A kind that finds everything already asks for nothing. When Asks is empty the rounds are over; that comes
// about after at most one round for each kind of identifier in the map, for a question is repeated only with more at hand.
//
// It fails with [ErrUnknownCapacity] or [ErrUnknownSystem].
func (m *Map) Plan(capacity string, systems, have []string, asked []Ask) (Resolution, error) {
	if err := m.knows(capacity); err != nil {
		return Resolution{}, err
	}
	var missing []Unreached
	for _, name := range systems {
		s, ok := m.System(name)
		if !ok {
			return Resolution{}, fmt.Errorf("system %q: %w", name, ErrUnknownSystem)
		}
		if u := s.unreached(capacity, have); len(u.Collections) > 0 {
			missing = append(missing, u)
		}
	}
	p := planner{m, capacity, asked}
	levels := p.obtainable(have)
	var wanted []string
	var out Resolution
	for _, u := range missing {
		helped := slices.DeleteFunc(slices.Clone(u.Kinds), func(k string) bool { return !slices.Contains(levels, k) })
		if len(helped) == 0 {
			out.Unreached = append(out.Unreached, u)
		}
		wanted = union(wanted, helped)
	}
	out.Asks = p.asks(have, p.useful(have, wanted))
	return out, nil
}

// Unreached says what the kinds at hand do not reach in a system; Collections is empty where they reach everything.
// It fails with [ErrUnknownSystem].
func (m *Map) Unreached(system, capacity string, have []string) (Unreached, error) {
	s, ok := m.System(system)
	if !ok {
		return Unreached{}, fmt.Errorf("system %q: %w", system, ErrUnknownSystem)
	}
	return s.unreached(capacity, have), nil
}

func (s *System) unreached(capacity string, have []string) Unreached {
	u := Unreached{System: s.Name, Whole: true}
	for _, sub := range s.of(capacity) {
		reached := sub.Reached(have)
		u.Whole = u.Whole && len(reached) == 0
		for _, r := range sub.Rows {
			if slices.Contains(reached, r) {
				continue
			}
			u.Collections = union(u.Collections, []string{r.Collection.Label})
			for _, k := range sub.accepts() {
				if slices.Contains(sub.Reached([]string{k}), r) {
					u.Kinds = union(u.Kinds, []string{k})
				}
			}
		}
	}
	slices.Sort(u.Kinds)
	return u
}

type planner struct {
	m        *Map
	capacity string
	asked    []Ask
}

// asks returns what can be asked with the kinds at hand for the wanted ones and was not asked with all of them before.
func (p planner) asks(have, want []string) []Ask {
	var out []Ask
	for _, a := range p.m.Suppliers(p.capacity, have, want) {
		a.To = slices.DeleteFunc(a.To, func(k string) bool { return p.was(a, k) })
		if len(a.To) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// was reports whether the system was asked for the kind with everything that finds rows there now.
func (p planner) was(a Ask, kind string) bool {
	return slices.ContainsFunc(p.asked, func(o Ask) bool {
		return o.System == a.System && slices.Contains(o.To, kind) &&
			!slices.ContainsFunc(a.From, func(k string) bool { return !slices.Contains(o.From, k) })
	})
}

// obtainable returns the kinds at hand and every one that this and later rounds could bring.
func (p planner) obtainable(have []string) []string {
	known := slices.Clone(have)
	for {
		n := len(known)
		for _, a := range p.asks(known, p.kinds()) {
			known = union(known, a.To)
		}
		if len(known) == n {
			return known
		}
	}
}

// useful adds to the wanted kinds those on the way to them: what a supplier that can't be asked now would have to be asked with.
func (p planner) useful(have, want []string) []string {
	out := slices.Clone(want)
	for i := 0; i < len(out); i++ { // grows as it goes
		now := Resolution{Asks: p.asks(have, out[i:i+1])}.Systems()
		for _, s := range p.m.Systems {
			if slices.Contains(now, s.Name) {
				continue
			}
			for _, sub := range s.of(p.capacity) {
				for _, k := range sub.accepts() {
					if slices.Contains(sub.turns([]string{k}, p.m.isShared), out[i]) {
						out = union(out, []string{k})
					}
				}
			}
		}
	}
	return out
}

// kinds returns every kind of identifier that any system could be asked for.
func (p planner) kinds() []string {
	var out []string
	for _, s := range p.m.Systems {
		for _, sub := range s.of(p.capacity) {
			for _, id := range sub.Supplies() {
				out = union(out, []string{id.Kind})
			}
		}
	}
	return out
}
