package datamap

import "slices"

// subjectsOf builds the subjects of a system.
func (l *linker) subjectsOf(s *System) {
	var kinds []string
	roots := map[string][]Root{}
	for _, d := range s.Datasets {
		for _, root := range d.meta.roots {
			roots[root.Kind] = append(roots[root.Kind], l.identities(root))
			kinds = union(kinds, []string{root.Kind})
		}
	}
	slices.Sort(kinds)
	for _, d := range s.Datasets {
		for _, k := range d.meta.kinds {
			if !slices.Contains(kinds, k.kind) {
				l.errs.add(k.pos, "%s: %q is not in %s of system %q", k.key, k.kind, keySubjects, s.Name)
			}
		}
	}
	for _, k := range kinds {
		b := subjectBuilder{s: &Subject{Kind: k, System: s, Roots: roots[k]}, shared: l.shared}
		b.build()
		s.Subjects = append(s.Subjects, b.s)
	}
}

// identities adds what the fields of the root say of themselves, and which kinds are shared.
func (l *linker) identities(root Root) Root {
	for f := range root.Collection.All() {
		if f.Identity != "" && !slices.ContainsFunc(root.Identities, func(i Identity) bool { return i.Field == f && i.Kind == f.Identity }) {
			root.Identities = append(root.Identities, Identity{Kind: f.Identity, Field: f})
		}
	}
	for i := range root.Identities {
		root.Identities[i].Shared = l.shared[root.Identities[i].Kind]
	}
	slices.SortStableFunc(root.Identities, func(a, b Identity) int {
		switch {
		case a.Kind < b.Kind:
			return -1
		case a.Kind > b.Kind:
			return 1
		}
		return 0
	})
	return root
}

type subjectBuilder struct {
	s      *Subject
	shared map[string]bool
	rows   map[*Collection]*Rows
	seen   map[*Collection]bool
	joins  map[*Collection][]Join // followed for this kind
	order  []*Collection          // reverse of the order in which they can be found
}

func (b *subjectBuilder) build() {
	b.rows, b.seen = map[*Collection]*Rows{}, map[*Collection]bool{}
	b.follow()
	starts := b.starts()
	b.byIdentity()
	for _, c := range slices.Backward(starts) {
		b.visit(c)
	}
	slices.Reverse(b.order)
	for _, c := range b.order {
		b.s.Rows = append(b.s.Rows, b.rows[c])
	}
	b.via()
	b.detached()
	b.freeText()
	b.s.sortErasure()
}

// row makes the collection's entry on first sight.
func (b *subjectBuilder) row(c *Collection) *Rows {
	if r, ok := b.rows[c]; ok {
		return r
	}
	m, kind := &c.Dataset.meta, b.s.Kind
	r := &Rows{Collection: c, Export: true, Ground: m.ground[kind][c], Assessment: m.assessment[kind][c], Shared: Keep, policyAt: c.Pos}
	if p := m.erase[kind][c]; p.policy != "" {
		r.Policy, r.policyAt = p.policy, p.pos
	} else {
		r.Policy = c.nativePolicy()
	}
	if p := m.shared[c]; p.policy != "" {
		r.Shared = p.policy
	}
	if export, said := m.export[kind][c]; said {
		r.Export = export
	}
	for f := range c.All() {
		if m.exclude[kind][f] {
			r.Exclude = append(r.Exclude, f)
		}
	}
	b.rows[c] = r
	return r
}

// nativePolicy is what Fideslang's own words say where lethe.erase says nothing.
func (c *Collection) nativePolicy() Policy {
	if c.nativeErase {
		return Delete
	}
	for f := range c.All() {
		if f.Mask != nil && f.Mask.Strategy != Preserve {
			return Anonymise
		}
	}
	return ""
}

// follow picks the joins of the system that lead to rows of this kind of person: none whose reference is detached or not
// followed, none into a collection that is skipped.
func (b *subjectBuilder) follow() {
	b.joins = map[*Collection][]Join{}
	for c := range b.s.System.Collections() {
		for _, j := range b.s.System.joins[c] {
			if !j.To.Skip && !b.cut(j) {
				b.joins[c] = append(b.joins[c], j)
			}
		}
	}
}

func (b *subjectBuilder) cut(j Join) bool {
	return slices.ContainsFunc(j.Referring(), func(f *Field) bool {
		_, detached := f.Collection.Dataset.meta.detach[b.s.Kind][f]
		return detached || f.NotFollowed()
	})
}

// NotFollowed reports whether the map leaves the field's references out on purpose (lethe.not_followed). A responder that finds
// a foreign key there knows that nobody forgot it.
func (f *Field) NotFollowed() bool {
	return slices.ContainsFunc(f.Collection.Dataset.meta.notFollowed, func(n followAt) bool { return n.field == f })
}

// starts returns the collections that an identifier finds directly: the roots, then those with a policy for this kind and a
// field that is an identifier.
func (b *subjectBuilder) starts() []*Collection {
	var out []*Collection
	for _, root := range b.s.Roots {
		r := b.row(root.Collection)
		r.Root = true
		for _, id := range root.Identities {
			if !id.Shared {
				r.Entries = append(r.Entries, id)
			}
		}
		out = union(out, []*Collection{root.Collection})
	}
	for c := range b.s.System.Collections() {
		if _, isRow := b.rows[c]; isRow || c.Skip || c.Dataset.meta.erase[b.s.Kind][c].policy == "" {
			continue
		}
		for f := range c.All() {
			if f.Identity != "" {
				b.row(c).Entries = append(b.row(c).Entries, Identity{f.Identity, f, b.shared[f.Identity]})
				out = union(out, []*Collection{c})
			}
		}
	}
	return out
}

// byIdentity joins a person's row with collections that hold the same kind of identifier.
func (b *subjectBuilder) byIdentity() {
	for _, root := range b.s.Roots {
		for _, id := range root.Identities {
			for c := range b.s.System.Collections() {
				r, ok := b.rows[c]
				if !ok || c == root.Collection {
					continue
				}
				for _, entry := range r.Entries {
					if entry.Kind == id.Kind {
						j := Join{From: root.Collection, To: c, On: []Pair{{id.Field, entry.Field}}, Identity: id.Kind}
						b.joins[root.Collection] = append(b.joins[root.Collection], j)
					}
				}
			}
		}
	}
}

// visit appends c after everything that is found from it.
func (b *subjectBuilder) visit(c *Collection) {
	if b.seen[c] {
		return
	}
	b.seen[c] = true
	b.row(c)
	for _, j := range slices.Backward(b.joins[c]) {
		b.visit(j.To)
	}
	b.order = append(b.order, c)
}

// via says for every collection how its rows are found.
func (b *subjectBuilder) via() {
	at := map[*Collection]int{}
	for i, r := range b.s.Rows {
		at[r.Collection] = i
	}
	for _, r := range b.s.Rows {
		for _, j := range b.joins[r.Collection] {
			j.Recursive = at[j.From] >= at[j.To]
			b.s.Rows[at[j.To]].Via = append(b.s.Rows[at[j.To]].Via, j)
		}
	}
}

// detached collects the references that the map cuts, where they refer to rows of the person.
func (b *subjectBuilder) detached() {
	for c := range b.s.System.Collections() {
		for f := range c.All() {
			if _, ok := c.Dataset.meta.detach[b.s.Kind][f]; !ok {
				continue
			}
			b.s.Detach = append(b.s.Detach, b.detaching(f)...)
		}
	}
}

// freeText collects the columns in which the map has values of this kind of person searched for.
func (b *subjectBuilder) freeText() {
	for c := range b.s.System.Collections() {
		for f := range c.All() {
			if c.Dataset.meta.freeText[b.s.Kind][f] {
				b.s.FreeText = append(b.s.FreeText, f)
			}
		}
	}
}

func (b *subjectBuilder) detaching(f *Field) []Detach {
	var out []Detach
	for c := range b.s.System.Collections() {
		for _, j := range b.s.System.joins[c] {
			if !slices.Contains(j.Referring(), f) {
				continue
			}
			if j.Parent { // turned round, so that it leads from the person's row to the one that refers to it
				j = j.reversed()
			}
			if b.rows[j.From] != nil && !slices.ContainsFunc(out, func(o Detach) bool { return o.Join.From == j.From }) {
				out = append(out, Detach{f, j})
			}
		}
	}
	return out
}

func (j Join) reversed() Join {
	r := Join{From: j.To, To: j.From, Parent: !j.Parent}
	for _, p := range j.On {
		r.On = append(r.On, Pair{p.To, p.From})
	}
	return r
}
