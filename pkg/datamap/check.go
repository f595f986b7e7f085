package datamap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity of a [Finding].
type Severity string

// The severities. With an error in it a map must not be worked with: something would be missed, or fail half-way.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is something that the files say correctly and that does not fit together.
type Finding struct {
	Pos      Pos      `json:"pos"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // a word that stays the same, for filters
	System   string   `json:"system"`
	Message  string   `json:"message"`
}

// String returns file:line:column: severity: message (code).
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", f.Pos, f.Severity, f.Message, f.Code)
}

// Check looks for what is missing or contradictory in the map, without any system at hand: by place, all at once.
func (m *Map) Check() []Finding {
	c := &checker{categories: keys(categoryKeys), uses: keys(useKeys)}
	c.categories = append(c.categories, m.ownCategories...)
	c.uses = append(c.uses, m.ownUses...)
	for _, s := range m.Systems {
		c.system = s
		c.facts()
		c.references()
		c.fields()
		c.coverage()
		for _, sub := range s.Subjects {
			c.subject(sub)
		}
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(a.Pos.compare(b.Pos), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(c.found)
}

type checker struct {
	system           *System
	categories, uses []string
	found            []Finding
}

func (c *checker) add(sev Severity, p Pos, code, format string, args ...any) {
	c.found = append(c.found, Finding{Pos: p, Severity: sev, Code: code, System: c.system.Name, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) error(p Pos, code, format string, args ...any) {
	c.add(SeverityError, p, code, format, args...)
}

func (c *checker) warn(p Pos, code, format string, args ...any) {
	c.add(SeverityWarning, p, code, format, args...)
}

// facts warns of what a record will have to call unknown.
func (c *checker) facts() {
	s := c.system
	if len(s.Subjects) == 0 {
		return
	}
	var missing []string
	for _, f := range []struct {
		key     string
		unknown bool
	}{
		{keyBackups, s.Backups.State == Unknown},
		{keyPhysical, s.Physical.State == Unknown},
		{keyRecipients, !s.Recipients.Declared},
		{keyRelation, s.Relation == Unknown},
		{keyNotCovered, !s.NotCovered.Declared},
	} {
		if f.unknown {
			missing = append(missing, f.key)
		}
	}
	bars := ""
	if s.Backups.State == Unknown {
		bars = ", and unknown backups bar the result complete"
	}
	if len(missing) > 0 {
		c.warn(s.Pos, "undeclared", "system %q does not declare %s: records say unknown%s", s.Name, strings.Join(missing, ", "), bars)
	}
}

// references finds what leads nowhere.
func (c *checker) references() {
	s := c.system
	for _, ref := range s.dangling {
		c.error(ref.pos, "dangling_reference", "system %q references the dataset %q, which the map does not hold", s.Name, ref.text)
	}
	for _, key := range s.sharedRefs {
		c.warn(s.Pos, "several_systems", "the dataset %q is referenced by several systems: it is asked for as %q", key, s.Name)
	}
	for _, d := range s.Datasets {
		for _, n := range d.meta.notFollowed {
			if n.field == nil {
				c.error(n.pos, "not_followed_unknown", "%s: dataset %q has no field %q", keyNotFollowed, d.Key, n.name)
			}
		}
	}
	for col := range s.Collections() {
		c.eraseAfter(col)
		for f := range col.All() {
			for _, ref := range f.References {
				c.reference(f, ref)
			}
		}
	}
}

func (c *checker) eraseAfter(col *Collection) {
	for _, a := range col.eraseAfter {
		known := false
		for other := range c.system.Collections() {
			known = known || a.text == other.Dataset.Key+"."+other.Name
		}
		if !known {
			c.error(a.pos, "dangling_reference", "collection %q is to be erased after %q, which is not in system %q", col.Name, a.text, c.system.Name)
		}
	}
}

func (c *checker) reference(f *Field, ref Reference) {
	switch {
	case ref.To == nil:
		c.error(ref.Pos, "dangling_reference", "%s refers to %q: %s", f.Label(), ref.Field, ref.dangling)
	case ref.To.Collection.Dataset.System != c.system && f.Identity == "":
		c.warn(ref.Pos, "no_identity", "%s refers to %s in system %q, which holds no kind of identifier: nobody is looked for over it",
			f.Label(), ref.To.Label(), ref.To.Collection.Dataset.System.Name)
	}
}

// coverage finds personal data that no request reaches.
func (c *checker) coverage() {
	s := c.system
	if len(s.Subjects) == 0 {
		if s.holdsPersonalData() {
			sev := SeverityError
			if len(s.Datasets) == 0 {
				sev = SeverityWarning // no place of its own to look in
			}
			c.add(sev, s.Pos, "no_subjects", "system %q holds personal data and %s names nobody there: no request reaches it", s.Name, keySubjects)
		}
		return
	}
	for col := range s.Collections() {
		fields := col.Personal()
		if len(fields) == 0 {
			continue
		}
		if col.Skip {
			c.warn(col.Pos, "skipped", "collection %q holds personal data (%s) and is skipped: records list it as not covered", col.Label, paths(fields))
			continue
		}
		if slices.ContainsFunc(s.Subjects, func(sub *Subject) bool { _, ok := sub.Of(col); return ok }) {
			continue
		}
		fields = slices.DeleteFunc(fields, func(f *Field) bool { // nobody's rows, in which people may be named: those are searched
			return slices.ContainsFunc(s.Subjects, func(sub *Subject) bool { return slices.Contains(sub.FreeText, f) })
		})
		if len(fields) > 0 {
			c.error(col.Pos, "unreached", "collection %q holds personal data (%s) and no identity reaches it", col.Label, paths(fields))
		}
	}
}

func paths(fields []*Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Path)
	}
	return strings.Join(out, ", ")
}
