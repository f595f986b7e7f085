package datamap

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of questions about a map; match them with errors.Is.
var (
	ErrUnknownSystem   = errors.New("not in the data map")
	ErrUnknownCapacity = errors.New("not a subject of the data map")
)

// Capacities returns the kinds of subject of all systems, sorted.
func (m *Map) Capacities() []string {
	var out []string
	for _, s := range m.Systems {
		for _, sub := range s.Subjects {
			out = union(out, []string{sub.Kind})
		}
	}
	slices.Sort(out)
	return out
}

// Frozen returns the systems, sorted, which must answer a request for a kind of subject; the empty capacity means every kind.
// A scope that is not empty narrows them to the systems it names. It fails with [ErrUnknownCapacity] for a kind that no
// system has, and with [ErrUnknownSystem] for a name in the scope that is not a system or holds nobody of this kind: to leave
// such a name out would answer less than was asked.
func (m *Map) Frozen(capacity string, scope []string) ([]string, error) {
	if err := m.knows(capacity); err != nil {
		return nil, err
	}
	var out []string
	for _, s := range m.Systems {
		if len(s.of(capacity)) > 0 && (len(scope) == 0 || slices.Contains(scope, s.Name)) {
			out = append(out, s.Name)
		}
	}
	var errs []error
	for _, name := range scope {
		s, known := m.System(name)
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("system %q: %w", name, ErrUnknownSystem))
		case len(s.of(capacity)) == 0 && capacity == "":
			errs = append(errs, fmt.Errorf("subjects in system %q: %w", name, ErrUnknownSystem))
		case len(s.of(capacity)) == 0:
			errs = append(errs, fmt.Errorf("%q in system %q: %w", capacity, name, ErrUnknownSystem))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Map) knows(capacity string) error {
	if capacity != "" && !slices.Contains(m.Capacities(), capacity) {
		return fmt.Errorf("capacity %q: %w", capacity, ErrUnknownCapacity)
	}
	return nil
}

// NotCovered lists what no request reaches although it may hold personal data: what the systems
// declare, systems that hold personal data and where nobody can be looked for, and collections that are skipped.
func (m *Map) NotCovered() []NotCovered {
	var out []NotCovered
	for _, s := range m.Systems {
		out = append(out, s.NotCovered.List...)
		if len(s.Subjects) == 0 && s.holdsPersonalData() {
			out = append(out, NotCovered{s.Name, "the data map names no subjects there"})
			continue
		}
		for c := range s.Collections() {
			if c.Skip && len(c.Personal()) > 0 {
				out = append(out, NotCovered{s.Name + ": " + c.Label, "the data map skips it"})
			}
		}
	}
	return out
}

func (s *System) holdsPersonalData() bool {
	for c := range s.Collections() {
		if len(c.Personal()) > 0 {
			return true
		}
	}
	if len(s.Datasets) > 0 || !s.Personal {
		return false
	}
	return slices.ContainsFunc(s.Declarations, func(d Declaration) bool { return slices.ContainsFunc(d.DataCategories, personal) })
}
