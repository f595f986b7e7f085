package sql

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// MisfitError says that the data map and the database do not fit together: with what it lists, an erasure would miss rows, fail
// half-way, or change rows of other people.
type MisfitError struct {
	System   string
	Problems []string
}

// Error names all problems.
func (e *MisfitError) Error() string {
	return "the data map does not fit the database of system " + e.System + ": " + strings.Join(e.Problems, "; ")
}

// keys demands that the map knows every foreign key that leads to a person's rows: what nobody decided about would be missed by
// the erasure, or make it fail, or be deleted by the database without a word.
func (b *planner) keys(p *plan) {
	for _, k := range b.cat.keys {
		for _, r := range p.sets {
			if r.table == k.parent {
				b.key(p, r, k)
			}
		}
	}
}

func (b *planner) key(p *plan, parent *rowset, k foreignKey) {
	child := b.collectionOf(k)
	if child == nil {
		b.at(parent.rows.Collection.Pos, "the data map does not know the foreign key %s: add the table %s to it, or skip it there on purpose (skip_processing)", k, k.child)
		return
	}
	harm := harmOf(parent, k)
	if child.Skip {
		if harm != "" {
			b.at(child.Pos, "deleting rows of %s would %s %s, which the data map skips", parent.label(), harm, child.Label)
		}
		return
	}
	fields := make([]*datamap.Field, len(k.columns))
	cut := false
	for i, name := range k.columns {
		f := fieldOf(child, name)
		if f == nil {
			b.at(child.Pos, "the data map does not know column %s of table %s, by which the foreign key %s leads to rows of a %s", name, k.child, k, p.kind)
			return
		}
		fields[i] = f
		cut = cut || f.NotFollowed()
	}
	switch {
	case detached(p, fields):
	case cut:
		if harm != "" {
			b.at(fields[0].Pos, "deleting rows of %s would %s %s over %s, which lethe.not_followed leaves out", parent.label(), harm, child.Label, k)
		}
	case !b.declared(fields, parent, k):
		b.at(fields[0].Pos, "the data map does not know the foreign key %s: declare it in references, detach it, or list it in lethe.not_followed", k)
	case !parent.up && !followed(p, parent, k):
		b.at(fields[0].Pos, "the data map follows the foreign key %s only away from %s: rows that refer to a %s there would be left as they are; give the reference the direction from, detach it, or list it in lethe.not_followed",
			k, child.Label, p.kind)
	case parent.rows.Root && !followed(p, parent, k) && !alone(p, k):
		b.oneWay(fields[0].Pos, k.String(), parent, child.Label)
	}
}

// back demands the same of references that the map alone declares: a person's own row that is found from rows which refer to it leads to all of them.
func (b *planner) back(p *plan, r *rowset) {
	for _, v := range r.vias {
		if !r.rows.Root || !v.parent || v.from == r || v.unique() || slices.ContainsFunc(v.on, func(o pair) bool { return o.native }) { // key reports the last
			continue
		}
		if !slices.ContainsFunc(r.fromHere(p), func(back *via) bool { return back.to == v.from && samePairs(back.on, v.on) }) {
			b.oneWay(v.join.Referring()[0].Pos, v.join.String(), r, v.from.label())
		}
	}
}

func (b *planner) oneWay(pos datamap.Pos, reference string, own *rowset, child string) {
	b.at(pos, "the data map follows the reference %s only away from %s: what else refers to the same %s there would be left as it is, and keep the row in %s; declare it in both directions (from and to), detach it, or list it in lethe.not_followed",
		reference, child, own.p.kind, own.label())
}

// alone reports whether at most one row holds the foreign key's values: whoever is found from it leads to no other.
func alone(p *plan, k foreignKey) bool {
	for _, r := range p.sets {
		if r.table.schema != k.childSchema || r.table.name != k.child {
			continue
		}
		var cols []*column
		for _, name := range k.columns {
			if c, ok := r.table.column(name); ok {
				cols = append(cols, c)
			}
		}
		return r.table.distinct(cols)
	}
	return false
}

// harmOf says what the database does by itself, when rows are deleted, to those that refer to them over a foreign key of which the map takes no
// care. Where it refuses, the erasure fails and says so; nothing happens without a word.
func harmOf(parent *rowset, k foreignKey) string {
	if parent.rows.Policy != datamap.Delete {
		return ""
	}
	switch k.onDelete {
	case "cascade":
		return "cascade into"
	case "set null", "set default":
		return "change rows of"
	}
	return ""
}

// followed reports whether rows that hold the foreign key are found from the rows that it leads to.
func followed(p *plan, parent *rowset, k foreignKey) bool {
	for _, r := range p.sets {
		if r.table.schema != k.childSchema || r.table.name != k.child {
			continue
		}
		for _, v := range r.vias {
			if v.from == parent && slices.ContainsFunc(v.on, func(c pair) bool { return slices.Contains(k.columns, c.to.name) }) {
				return true
			}
		}
	}
	return false
}

func (b *planner) collectionOf(k foreignKey) *datamap.Collection {
	return b.collectionAt(tableName{k.childSchema, k.child})
}

func (b *planner) collectionAt(n tableName) *datamap.Collection {
	for c := range b.system.Collections() {
		if nameOf(b.d, c) == n {
			return c
		}
	}
	return nil
}

func fieldOf(c *datamap.Collection, column string) *datamap.Field {
	i := slices.IndexFunc(c.Fields, func(f *datamap.Field) bool { return f.Name == column })
	if i < 0 {
		i = slices.IndexFunc(c.Fields, func(f *datamap.Field) bool { return strings.EqualFold(f.Name, column) })
	}
	if i < 0 {
		return nil
	}
	return c.Fields[i]
}

func detached(p *plan, fields []*datamap.Field) bool {
	return slices.ContainsFunc(p.detach, func(d *detaching) bool {
		return slices.ContainsFunc(fields, func(f *datamap.Field) bool { return f.Collection == d.coll && strings.EqualFold(f.Name, d.col.name) })
	})
}

// declared reports whether references of the map, on either side, say the same as the foreign key.
func (b *planner) declared(fields []*datamap.Field, parent *rowset, k foreignKey) bool {
	for i, child := range fields {
		other := fieldOf(parent.rows.Collection, k.refers[i].name)
		to := func(f, g *datamap.Field) bool {
			return g != nil && slices.ContainsFunc(f.References, func(r datamap.Reference) bool { return r.To == g })
		}
		if other == nil || !to(child, other) && !to(other, child) {
			return false
		}
	}
	return true
}
