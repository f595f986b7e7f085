package datamap

import (
	"crypto/sha256"
	"slices"
)

// Map is what a company declared about all of its systems. It is read-only after [Load]: safe for concurrent use as long as
// nobody changes what it points to.
type Map struct {
	Version string            // lethe.map_version, the company's own name for this edition; may be empty
	SHA256  [sha256.Size]byte // see [Hash]
	Systems []*System         // by name

	ownCategories, ownUses []string        // the company's additions to the taxonomy
	sharedKinds            map[string]bool // lethe.shared_identities of all files
}

// System is one place that holds personal data; one responder serves it. It is a Fideslang system with the datasets that it
// references. A dataset that no system references, or several, none of which bears its name, is a system of its own, under
// its own key.
type System struct {
	Pos          Pos
	Name         string // fides_key
	Title        string // for people; may be empty
	Type         string // Fideslang's system_type; empty for a dataset that is a system of its own
	Datasets     []*Dataset
	Declarations []Declaration // purposes, those of other systems that reference the datasets included
	Subjects     []*Subject    // whom one can ask about here, by kind
	Personal     bool          // processes_personal_data

	Relation   string // Own, Processor, Joint or Unknown
	Backups    Horizon
	Physical   Horizon // when an erasure becomes physical
	Recipients Recipients
	NotCovered Exclusions

	joins      map[*Collection][]Join // by where they lead from
	sharedRefs []string               // datasets that other systems reference as well
	dangling   []textAt               // references to datasets that the map does not hold
}

// System returns the system of this name.
func (m *Map) System(name string) (*System, bool) {
	i, ok := slices.BinarySearchFunc(m.Systems, name, func(s *System, name string) int {
		switch {
		case s.Name < name:
			return -1
		case s.Name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return m.Systems[i], true
}

// Subject returns the subject of this kind (customer, employee …), a capacity in the words of a request.
func (s *System) Subject(kind string) (*Subject, bool) {
	for _, sub := range s.Subjects {
		if sub.Kind == kind {
			return sub, true
		}
	}
	return nil, false
}

// of returns the subjects that a capacity asks for; the empty one asks for all.
func (s *System) of(capacity string) []*Subject {
	if capacity == "" {
		return s.Subjects
	}
	if sub, ok := s.Subject(capacity); ok {
		return []*Subject{sub}
	}
	return nil
}

// Collections ranges over the collections of all datasets.
func (s *System) Collections() func(yield func(*Collection) bool) {
	return func(yield func(*Collection) bool) {
		for _, d := range s.Datasets {
			for _, c := range d.Collections {
				if !yield(c) {
					return
				}
			}
		}
	}
}
