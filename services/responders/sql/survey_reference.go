package sql

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// Many applications declare none of their foreign keys. What is named like a reference to rows of a person may be one, and an erasure goes past
// the rows that hold it: the survey asks.

// looksLike returns the collection to whose rows a column seems to refer, where no foreign key says what it refers to; nil for none. It is one that
// a request reaches.
func (v *survey) looksLike(t *table, c *column) *datamap.Collection {
	if slices.ContainsFunc(v.cat.keys, func(k foreignKey) bool {
		return k.childSchema == t.schema && k.child == t.name && slices.ContainsFunc(k.columns, func(name string) bool { return strings.EqualFold(name, c.name) })
	}) {
		return nil
	}
	for _, sub := range v.system.Subjects {
		for _, rows := range sub.Rows {
			to, ok := v.cat.table(nameOf(v.d, rows.Collection))
			if !ok || to == t || !refersByName(c, to) {
				continue
			}
			if len(t.primaryKey) == 1 && t.primaryKey[0] == c && !namedAfter(c, to) {
				continue // tables whose keys have one name do not refer to each other
			}
			return rows.Collection
		}
	}
	return nil
}

// reference warns of a field that looks like a reference and of which the map does not say what it is.
func (v *survey) reference(f *datamap.Field, t *table, c *column) {
	if f.NotFollowed() || v.identifies(f) || v.refers(f) {
		return
	}
	if to := v.looksLike(t, c); to != nil {
		v.warn(f.Pos, "undeclared_reference", "column %s looks like a reference to %s, and neither the map nor, in its schemas, the database says that it is one: "+
			"declare it in references, or list it in lethe.not_followed", f.Label(), to.Label)
	}
}

// identifies reports whether the map finds rows by what stands in the field.
func (v *survey) identifies(f *datamap.Field) bool {
	return f.Identity != "" || slices.ContainsFunc(v.system.Subjects, func(sub *datamap.Subject) bool {
		return slices.ContainsFunc(sub.Rows, func(rows *datamap.Rows) bool {
			return slices.ContainsFunc(rows.Entries, func(e datamap.Identity) bool { return e.Field == f })
		})
	})
}

// refers reports whether a reference of the map has the field at either end.
func (v *survey) refers(f *datamap.Field) bool {
	if len(f.References) > 0 {
		return true
	}
	for c := range v.system.Collections() {
		for o := range c.All() {
			if slices.ContainsFunc(o.References, func(r datamap.Reference) bool { return r.To == f }) {
				return true
			}
		}
	}
	return false
}

// seems says of a column that the map does not know to what it seems to refer.
func (v *survey) seems(t *table, c *column) string {
	if to := v.looksLike(t, c); to != nil {
		return "; " + c.name + " looks like a reference to " + to.Label
	}
	return ""
}
