package datamap

import "slices"

// subject looks at what the map says of one kind of subject in a system.
func (c *checker) subject(s *Subject) {
	for _, root := range s.Roots {
		c.root(s, root)
	}
	for _, r := range s.Rows {
		c.policy(s, r)
		c.ground(s, r)
		c.anonymise(s, r)
		c.way(s, r)
	}
	for _, cycle := range s.Cycles {
		c.error(s.Roots[0].Pos, "order_cycle", "%s: %s: all of these are deleted and each refers to the next; detach one of the references", s.Kind, cycleText(cycle))
	}
	for _, f := range s.FreeText {
		switch col := f.Collection; {
		case col.Source != nil:
			c.error(f.Pos, "free_text_in_objects", "%s: %s: free text is searched in tables alone, and %s is none", s.Kind, keyFreeText, col.Label)
		case col.Skip:
			c.error(f.Pos, "free_text_skipped", "%s: %s: collection %q is skipped", s.Kind, keyFreeText, col.Label)
		}
	}
	c.keptRefersToDeleted(s)
	c.unused(s)
}

func (c *checker) root(s *Subject, root Root) {
	if root.Collection.Skip {
		c.error(root.Pos, "root_skipped", "%s: collection %q is skipped", s.Kind, root.Collection.Label)
	}
	if !slices.ContainsFunc(root.Identities, func(i Identity) bool { return !i.Shared }) {
		c.error(root.Pos, "root_without_identity", "%s: collection %q holds no identifier by which one person is found", s.Kind, root.Collection.Label)
	}
}

func (c *checker) policy(s *Subject, r *Rows) {
	if r.Policy != "" {
		return
	}
	col := r.Collection
	below := slices.ContainsFunc(r.Via, func(j Join) bool {
		from, ok := s.Of(j.From)
		return ok && !j.Parent && j.Identity == "" && from.Policy == Delete
	})
	if below || len(col.Personal()) > 0 {
		c.error(col.Pos, "no_policy", "%s: %s does not say what an erasure does to %q, which holds rows of the person", s.Kind, keyErase, col.Label)
		return
	}
	c.warn(col.Pos, "no_policy", "%s: %s does not say what an erasure does to %q", s.Kind, keyErase, col.Label)
}

func (c *checker) ground(s *Subject, r *Rows) {
	needs := r.Policy == Keep || r.Policy == Anonymise && r.Assessment == ""
	switch {
	case !needs && r.Ground != nil && r.Policy == Delete:
		c.warn(r.Ground.Pos, "ground_unused", "%s: %q is deleted, its ground is for nothing", s.Kind, r.Collection.Label)
	case !needs:
	case r.Ground == nil:
		c.error(r.policyAt, "no_ground", "%s: %s is %q and %s gives no ground for it: its rows would leave every erasure incomplete", s.Kind, r.Collection.Label, r.Policy, keyGround)
	case r.Ground.Period == nil || r.Ground.Restriction == "":
		c.error(r.Ground.Pos, "no_ground", "%s: the ground for %s lacks its period or its restriction: its rows would leave every erasure incomplete", s.Kind, r.Collection.Label)
	}
	if r.Ground != nil && r.Ground.FromField != nil {
		f := r.Ground.FromField
		switch {
		case r.Collection.Source != nil:
			c.error(r.Ground.Pos, "ground_from_objects", "%s: the ground for %s counts from a field, which only tables have", s.Kind, r.Collection.Label)
		case r.Policy == Anonymise && f.Mask != nil && f.Mask.Strategy != Preserve:
			c.error(r.Ground.Pos, "ground_from_masked", "%s: the ground for %s counts from %s, which is masked", s.Kind, r.Collection.Label, f.Path)
		}
	}
	if r.Assessment != "" && r.Policy != Anonymise {
		c.warn(r.policyAt, "assessment_unused", "%s: %s has an assessment and is not anonymised", s.Kind, r.Collection.Label)
	}
}

func (c *checker) anonymise(s *Subject, r *Rows) {
	if r.Policy != Anonymise {
		return
	}
	col := r.Collection
	if col.Source != nil && col.Source.Format == Object {
		c.error(r.policyAt, "object_masked", "%s: whole objects are deleted or kept, %s can't be anonymised", s.Kind, col.Label)
		return
	}
	if len(r.Masked()) == 0 {
		c.error(r.policyAt, "nothing_masked", "%s: %s is to be anonymised and none of its fields has a masking_strategy_override", s.Kind, col.Label)
		return
	}
	clear := slices.DeleteFunc(col.Personal(), func(f *Field) bool {
		return f.Mask != nil || f.PrimaryKey || len(f.References) > 0 || len(f.Fields) > 0 ||
			slices.ContainsFunc(s.Roots, func(root Root) bool { return slices.Contains(root.Key, f) })
	})
	if len(clear) > 0 {
		c.warn(r.policyAt, "left_in_clear", "%s: the anonymised rows of %s keep these personal fields (mask them, or say preserve): %s", s.Kind, col.Label, paths(clear))
	}
}

// way looks at how the rows are found.
func (c *checker) way(s *Subject, r *Rows) {
	for _, j := range r.Via {
		if j.From == j.To {
			c.warn(j.Referring()[0].Pos, "self_reference", "%s: rows of %s that refer to the person's are the person's too, in any depth; if they are other people's, detach %s or list it in %s",
				s.Kind, r.Collection.Label, j.Referring()[0].Label(), keyNotFollowed)
		}
	}
	c.leadsOn(s, r)
	for _, e := range r.Entries {
		if !e.Shared {
			continue
		}
		for _, o := range s.from(r) {
			if o.Root {
				c.error(e.Field.Pos, "shared_leads_back", "%s: %s is an identifier that several people share, and it leads from %s to the person's row in %s",
					s.Kind, e.Kind, e.Field.Label(), o.Collection.Label)
			}
		}
	}
	if src := r.Collection.Source; src != nil && src.Format == Object {
		for _, path := range src.Prefix.Fields() {
			if !r.knows(path) {
				c.error(src.Pos, "prefix_unknown", "%s: nothing says which %s the objects of the person have: no identity, no reference", s.Kind, path)
			}
		}
	}
}

// leadsOn looks at identifiers that stand in a table below the person's row: whoever is asked about by one of these alone is not found.
func (c *checker) leadsOn(s *Subject, r *Rows) {
	if r.Root || len(r.Entries) == 0 {
		return
	}
	found := s.from(r)
	for _, root := range s.Roots {
		own, ok := s.Of(root.Collection)
		if !ok || slices.Contains(found, own) || !slices.ContainsFunc(r.Via, func(j Join) bool { return j.From == root.Collection && j.Identity == "" && !j.Parent }) {
			continue
		}
		for _, e := range r.Entries {
			if !e.Shared && !slices.ContainsFunc(root.Identities, func(i Identity) bool { return i.Kind == e.Kind }) {
				c.warn(e.Field.Pos, "identity_leads_not_back", "%s: who is asked about by %s alone is found in %s and not in %s; declare the reference between them in both directions (from and to), unless %s may be somebody else's",
					s.Kind, e.Kind, r.Collection.Label, root.Collection.Label, e.Field.Label())
			}
		}
	}
}

// from returns what is found from the rows, themselves included.
func (s *Subject) from(r *Rows) []*Rows {
	found := []*Rows{r}
	for i := 0; i < len(found); i++ { // grows as it goes
		for _, o := range s.Rows {
			if slices.ContainsFunc(o.Via, func(j Join) bool { return j.From == found[i].Collection }) {
				found = union(found, []*Rows{o})
			}
		}
	}
	return found
}

// knows reports whether the values of a field are known before its rows are found.
func (r *Rows) knows(path string) bool {
	return slices.ContainsFunc(r.Entries, func(e Identity) bool { return e.Field.Path == path }) ||
		slices.ContainsFunc(r.Via, func(j Join) bool {
			return slices.ContainsFunc(j.On, func(p Pair) bool { return p.To.Path == path })
		})
}

// keptRefersToDeleted finds references that would be left dangling, or that the database would refuse to break.
func (c *checker) keptRefersToDeleted(s *Subject) {
	for _, r := range s.Rows {
		for _, j := range c.system.joins[r.Collection] {
			child, ok1 := s.Of(j.To)
			parent, ok2 := s.Of(j.From)
			if j.Parent {
				child, parent = parent, child
			}
			if !ok1 || !ok2 || child == parent || parent.Policy != Delete || child.Policy == Delete || child.Policy == "" {
				continue
			}
			loose := slices.ContainsFunc(j.Referring(), func(f *Field) bool {
				return s.detaches(f) || child.Policy == Anonymise && f.Mask != nil && f.Mask.Strategy == NullRewrite
			})
			if !loose {
				f := j.Referring()[0]
				c.error(child.policyAt, "refers_to_deleted", "%s: %s stays and %s in it refers to %s, which is deleted: detach it or mask it with null_rewrite",
					s.Kind, child.Collection.Label, f.Path, parent.Collection.Label)
			}
		}
	}
}

// unused finds instructions that nothing leads to: a typing error, or a reference that is missing in the map.
func (c *checker) unused(s *Subject) {
	for col := range c.system.Collections() {
		m := &col.Dataset.meta
		rows, reached := s.Of(col)
		if p := m.erase[s.Kind][col]; p.policy != "" && !reached {
			c.error(p.pos, "policy_unreached", "%s: %s says %s for %s, but no identity reaches it", s.Kind, keyErase, p.policy, col.Label)
		}
		if g := m.ground[s.Kind][col]; g != nil && !reached {
			c.warn(g.Pos, "ground_unused", "%s: no identity reaches %s, its ground is for nothing", s.Kind, col.Label)
		}
		if p := m.shared[col]; p.policy != "" && reached && !slices.ContainsFunc(rows.Via, func(j Join) bool { return j.Parent }) {
			c.warn(p.pos, "shared_unused", "%s: %s is not reached as a row that others refer to, %s is for nothing", s.Kind, col.Label, keyShared)
		}
		for f := range col.All() {
			if p, said := m.detach[s.Kind][f]; said && col.Skip {
				c.error(p, "detach_skipped", "%s: %s is to be detached, but %s is skipped, so that nothing in it is worked: take skip_processing away", s.Kind, f.Label(), col.Label)
			} else if said && !s.detaches(f) {
				c.error(p, "detach_unreached", "%s: %s is to be detached, but it refers to no rows of the person", s.Kind, f.Label())
			}
		}
	}
}
