package datamap

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// fields looks at what the map says about single fields, whoever asks.
func (c *checker) fields() {
	for _, d := range c.system.Declarations {
		c.words(SeverityError, "unknown_category", "category", at(d.Pos, d.DataCategories), c.categories)
		c.words(SeverityWarning, "unknown_use", "use", at(d.Pos, []string{d.DataUse}), c.uses)
	}
	for col := range c.system.Collections() {
		c.words(SeverityError, "unknown_category", "category", col.inherited.categories, c.categories)
		c.words(SeverityWarning, "unknown_use", "use", col.inherited.uses, c.uses)
		for f := range col.All() {
			c.words(SeverityError, "unknown_category", "category", f.labels.categories, c.categories)
			c.words(SeverityWarning, "unknown_use", "use", f.labels.uses, c.uses)
			c.mask(f)
			if f.Identity != "" && !dsr.ValidName(f.Identity) {
				c.error(f.Pos, "identity_kind", "%s: no identifier can have the kind %q: a lower-case letter, then letters, digits, _ . or -", f.Label(), f.Identity)
			}
		}
		if !col.Skip {
			c.purpose(col)
		}
	}
}

func at(p Pos, words []string) []textAt {
	var out []textAt
	for _, w := range words {
		out = append(out, textAt{w, p})
	}
	return out
}

// words finds keys that the taxonomy does not have. A misspelt user category would make a personal field look like any other.
func (c *checker) words(sev Severity, code, what string, said []textAt, known []string) {
	for _, t := range said {
		if t.text != "" && !slices.Contains(known, t.text) {
			c.add(sev, t.pos, code, "the data %s %q is not in Fideslang's taxonomy nor in the map's own data_%s", what, t.text, what)
		}
	}
}

func (c *checker) mask(f *Field) {
	m := f.Mask
	if m == nil || m.Strategy == Preserve {
		return
	}
	switch {
	case f.PrimaryKey:
		c.error(m.Pos, "mask_on_key", "%s is a primary key: masking it would cut off the rows that refer to it", f.Label())
	case f.ReadOnly:
		c.error(m.Pos, "mask_read_only", "%s is read_only and masked", f.Label())
	case f.Length > 0 && max(m.Length, utf8.RuneCountInString(m.Value)) > f.Length:
		c.error(m.Pos, "mask_too_long", "%s is at most %d characters long, its mask is longer", f.Label(), f.Length)
	}
}

// purpose finds personal fields for which nothing says why, or for how long, they are there (GDPR Art. 5(1)(b) and (e)).
func (c *checker) purpose(col *Collection) {
	var why, long []*Field
	for _, f := range col.Personal() {
		declared := slices.DeleteFunc(slices.Clone(c.system.Declarations), func(d Declaration) bool { return !d.covers(f) })
		if len(f.DataUses()) == 0 && len(declared) == 0 {
			why = append(why, f)
		}
		if col.Retention == nil && !slices.ContainsFunc(declared, func(d Declaration) bool { return d.RetentionPeriod != "" }) {
			long = append(long, f)
		}
	}
	if len(why) > 0 {
		c.warn(col.Pos, "no_purpose", "collection %q: no data_use, and no privacy declaration of the system, says what these are for: %s", col.Label, paths(why))
	}
	if len(long) > 0 {
		c.warn(col.Pos, "no_retention", "collection %q: neither %s nor a privacy declaration says how long these are kept: %s", col.Label, keyRetention, paths(long))
	}
}

// covers reports whether the declaration is about a field: its dataset, one of its categories or a wider one, and its use
// where the field names uses.
func (d Declaration) covers(f *Field) bool {
	if len(d.datasets) > 0 && !slices.ContainsFunc(d.datasets, func(t textAt) bool { return t.text == f.Collection.Dataset.Key }) {
		return false
	}
	uses := f.DataUses()
	if len(uses) > 0 && !slices.ContainsFunc(uses, func(u string) bool { return within(u, d.DataUse) }) {
		return false
	}
	return slices.ContainsFunc(f.Categories(), func(k string) bool {
		return slices.ContainsFunc(d.DataCategories, func(wide string) bool { return within(k, wide) })
	})
}

// within reports whether a key of the taxonomy is another one or below it.
func within(key, wide string) bool { return key == wide || strings.HasPrefix(key, wide+".") }
