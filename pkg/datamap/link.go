package datamap

import (
	"slices"
	"strings"
)

// linker joins what the files hold into one map.
type linker struct {
	errs     *collector
	m        *Map
	datasets []*Dataset
	systems  []*systemEntry
	byKey    map[string]*Dataset
	shared   map[string]bool // kinds of identifier that several people have
}

func (l *linker) link() {
	l.unique()
	l.shared = map[string]bool{}
	metas := []*meta{}
	for _, d := range l.datasets {
		metas = append(metas, &d.meta)
	}
	for _, s := range l.systems {
		metas = append(metas, &s.meta)
	}
	for _, m := range metas {
		for _, k := range m.sharedKinds {
			l.shared[k] = true
		}
	}
	l.m.sharedKinds = l.shared
	l.version(metas)
	l.group()
	l.resolve()
	for _, s := range l.m.Systems {
		s.label()
		s.join()
		l.subjectsOf(s)
	}
}

// unique reports keys that two files or two entries claim.
func (l *linker) unique() {
	l.byKey = map[string]*Dataset{}
	for _, d := range l.datasets {
		if first, dup := l.byKey[d.Key]; dup && d.Key != "" {
			l.errs.add(d.Pos, "the dataset %q is here twice, first at %s", d.Key, first.Pos)
			continue
		}
		l.byKey[d.Key] = d
	}
	seen := map[string]Pos{}
	for _, s := range l.systems {
		if first, dup := seen[s.key]; dup && s.key != "" {
			l.errs.add(s.pos, "the system %q is here twice, first at %s", s.key, first)
		}
		seen[s.key] = s.pos
	}
}

func (l *linker) version(metas []*meta) {
	var first textAt
	for _, m := range metas {
		switch v := m.mapVersion; {
		case v.text == "":
		case first.text == "":
			first = v
		case v.text != first.text:
			l.errs.add(v.pos, "%s: a map has one version, this says %q and %s says %q", keyMapVersion, v.text, first.pos, first.text)
		}
	}
	l.m.Version = first.text
}

// group gives every dataset to its system.
func (l *linker) group() {
	entries := map[string]*systemEntry{}
	for _, e := range l.systems {
		entries[e.key] = e
	}
	owned := map[*systemEntry][]*Dataset{}
	var alone []*Dataset
	for _, d := range l.datasets {
		owner := l.owner(d)
		if owner == nil {
			if e := entries[d.Key]; e != nil {
				l.errs.add(d.Pos, "dataset %q is a system of its own, as not exactly one system references it, but the system at %s has this name", d.Key, e.pos)
			}
			alone = append(alone, d)
			continue
		}
		owned[owner] = append(owned[owner], d)
	}
	for _, e := range l.systems {
		s := &System{Pos: e.pos, Name: e.key, Title: e.name, Type: e.kind, Personal: e.personal, Datasets: owned[e]}
		s.Declarations = slices.Clone(e.declarations)
		for _, ref := range e.datasets {
			if l.byKey[ref.text] == nil {
				s.dangling = append(s.dangling, ref)
			}
		}
		l.add(s, e.meta.facts)
	}
	for _, d := range alone {
		l.add(&System{Pos: d.Pos, Name: d.Key, Title: d.Name, Personal: true, Datasets: []*Dataset{d}}, facts{})
	}
	slices.SortFunc(l.m.Systems, func(a, b *System) int { return strings.Compare(a.Name, b.Name) })
}

func (l *linker) referencing(d *Dataset) []*systemEntry {
	var out []*systemEntry
	for _, e := range l.systems {
		if slices.ContainsFunc(e.datasets, func(t textAt) bool { return t.text == d.Key }) {
			out = append(out, e)
		}
	}
	return out
}

func (l *linker) owner(d *Dataset) *systemEntry {
	refs := l.referencing(d)
	if len(refs) == 1 {
		return refs[0]
	}
	for _, e := range refs {
		if e.key == d.Key {
			return e
		}
	}
	return nil
}

func (l *linker) add(s *System, of facts) {
	l.name(s)
	all := []facts{}
	for _, d := range s.Datasets {
		d.System = s
		all = append(all, d.meta.facts.or(of))
		refs := l.referencing(d)
		if len(refs) > 1 {
			s.sharedRefs = append(s.sharedRefs, d.Key)
		}
		for _, e := range refs { // what another system uses the data for is a purpose of the data too
			if e.key != s.Name {
				s.Declarations = append(s.Declarations, e.declarations...)
			}
		}
	}
	if len(all) == 0 {
		all = append(all, of)
	}
	s.apply(all, l.errs)
	l.m.Systems = append(l.m.Systems, s)
}

// name refuses names that could not stand in a consumer group and in a path of the export store, or that are Lethe's own.
func (l *linker) name(s *System) {
	switch {
	case s.Name == "": // reported already
	case strings.HasPrefix(s.Name, prefix):
		l.errs.add(s.Pos, "system %q: names that begin with %s are Lethe's own", s.Name, prefix)
	case strings.ContainsAny(s.Name, "<>") || strings.ContainsAny(s.Name[:1], "._-") || len(s.Name) > 100:
		l.errs.add(s.Pos, "system %q: a system's name begins with a letter or a digit, has no < or > and at most 100 characters", s.Name)
	}
}

// resolve finds what the references lead to.
func (l *linker) resolve() {
	for _, d := range l.datasets {
		for _, c := range d.Collections {
			for f := range c.All() {
				for i := range f.References {
					l.target(&f.References[i])
				}
			}
		}
	}
	for _, d := range l.datasets { // a field that refers to an identifier in another system is that identifier here
		for _, c := range d.Collections {
			for f := range c.All() {
				for _, ref := range f.References {
					if ref.To != nil && f.Identity == "" && ref.To.Collection.Dataset.System != d.System {
						f.Identity = heldBy(ref.To)
					}
				}
			}
		}
	}
}

func (l *linker) target(ref *Reference) {
	d, ok := l.byKey[ref.Dataset]
	if !ok {
		ref.dangling = "the map has no dataset " + quote(ref.Dataset)
		return
	}
	if ref.To, ok = d.Field(ref.Field); !ok {
		ref.dangling = "dataset " + quote(ref.Dataset) + " has no field " + quote(ref.Field) + ", written as collection.field"
	}
}

// heldBy returns the kind of identifier that a field holds by its own word or as an identity of a person's row.
func heldBy(f *Field) string {
	if f.Identity != "" {
		return f.Identity
	}
	for _, root := range f.Collection.Dataset.meta.roots {
		for _, id := range root.Identities {
			if id.Field == f {
				return id.Kind
			}
		}
	}
	return ""
}

// label gives collections names that are unique in the system.
func (s *System) label() {
	count := map[string]int{}
	for c := range s.Collections() {
		count[c.Name]++
	}
	for c := range s.Collections() {
		c.Label = c.Name
		if count[c.Name] > 1 {
			c.Label = c.Dataset.Key + "." + c.Name
		}
	}
}
