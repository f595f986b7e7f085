package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// A field below a column is a path inside a document: each object on it is entered by a name, each array means its elements, up to
// two arrays directly in each other. A column whose type is an array means its elements, too, where it holds identifiers. Both are
// planned as a column that stands in another one: what SQL compares are the values that are found there.

// inside are the values of a column that stands in another one: what follows the table in a FROM clause, and the value as text,
// null for none.
type inside struct{ from, value string }

// holder finds the column that holds identifiers in a field: the column itself, the values inside a document, the elements of an
// array. It reports a place where no identifier can be compared.
func (b *planner) holder(f *datamap.Field) *column {
	t := b.table(f.Collection)
	if t == nil {
		return nil
	}
	c, why := holderIn(b.d, t, f)
	if why != "" {
		b.at(f.Pos, "%s: %s", f.Label(), why)
		return nil
	}
	return c
}

// holderIn is holder for one table. It returns nil and no reason where the column does not exist.
func holderIn(d dialect, t *table, f *datamap.Field) (c *column, why string) {
	if path := namesOf(f); len(path) > 1 {
		return document(d, t, path)
	}
	c, ok := t.column(f.Name)
	if !ok {
		return nil, ""
	}
	if c.element != nil {
		e := *c.element
		e.name, e.of = c.name, c
		c = &e
	}
	if _, any := d.(lite); !any && (c.class == bytesClass || c.class == jsonClass) {
		return nil, "an identifier cannot be compared with type " + c.typ
	}
	return c, ""
}

// document is the column for a path of names, of which the first is the column's.
func document(d dialect, t *table, path []string) (c *column, why string) {
	of, ok := t.column(path[0])
	if !ok {
		return nil, ""
	}
	if why := d.documents(of); why != "" {
		return nil, why
	}
	for _, name := range path[1:] {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' }) {
			return nil, "a name inside a document with quotes, backslashes or control characters is not carried out"
		}
	}
	if len(path) > 1+deepest {
		return nil, fmt.Sprintf("a path inside a document has at most %d names", deepest)
	}
	return &column{name: of.name, typ: "text", class: text, nullable: true, charset: "utf8mb4", collation: "utf8mb4_bin", of: of, path: path[1:]}, ""
}

// deepest bounds a path: MariaDB asks for three to the power of its length, and one more, at once.
const deepest = 4

// namesOf is the way from a collection's columns to a field. A name may hold dots.
func namesOf(f *datamap.Field) []string {
	var find func(fields []*datamap.Field) []string
	find = func(fields []*datamap.Field) []string {
		for _, g := range fields {
			if g == f {
				return []string{g.Name}
			}
			if below := find(g.Fields); below != nil {
				return append([]string{g.Name}, below...)
			}
		}
		return nil
	}
	return find(f.Collection.Fields)
}

// search is the FROM clause that finds rows of a table, alias t, by what stands in other and a condition on column c. Documents are
// opened once, and not once for each row of other.
func (p *plan) search(other string, t *table, c *column, on string) string {
	if c.of == nil {
		return fmt.Sprintf("%s %s %s AS t ON %s", other, p.d.join(), p.tableName(t), on)
	}
	return fmt.Sprintf("%s %s %s ON %s", p.opened(t, c), p.d.cross(), other, on)
}

// opened is a table, alias t, with the values of a column that stands in another one, or as it is.
func (p *plan) opened(t *table, c *column) string {
	from := p.tableName(t) + " AS t"
	if c.of != nil {
		from += " " + p.d.opens() + " " + p.d.inside("t."+p.d.quote(c.name), c).from
	}
	return from
}

// value is a column of a table's alias, or what search and opened find in it.
func (p *plan) value(alias string, c *column) string {
	expr := alias + "." + p.d.quote(c.name)
	if c.of == nil {
		return expr
	}
	return p.d.inside(expr, c).value
}

// maskInside plans a mask inside a document.
func (b *planner) maskInside(r *rowset, f *datamap.Field) {
	c, why := document(b.d, r.table, namesOf(f))
	if c == nil {
		if why != "" {
			b.at(f.Pos, "%s: %s", f.Label(), why)
		}
		return
	}
	m := mask{col: c.of, in: c, strategy: f.Mask.Strategy, value: f.Mask.Value, pos: f.Mask.Pos, label: f.Label()}
	label, before := f.Label(), len(b.problems)
	inKey := func(u unique) bool { return slices.Contains(u.columns, c.of) }
	switch {
	case c.of.computed:
		b.at(m.pos, "%s stands in a generated column: it cannot be masked", label)
	case slices.Contains(r.table.primaryKey, c.of) || slices.ContainsFunc(r.table.uniques, inKey):
		b.at(m.pos, "%s stands in a column of a key: it cannot be masked", label)
	}
	for _, o := range r.masks {
		if o.col == c.of && (o.in == nil || within(c.path, o.in.path) || within(o.in.path, c.path)) {
			b.at(m.pos, "%s is masked, and so is %s, which holds the one or stands in it", label, o.label)
		}
	}
	b.shape(f, &m, f.Length)
	if len(b.problems) == before {
		r.masks = append(r.masks, m)
	}
}

// excluded demands that what an export leaves out inside a document can be taken out of it.
func (b *planner) excluded(r *rowset) {
	for _, f := range r.rows.Exclude {
		if f.Path == f.Name {
			continue
		}
		if _, why := document(b.d, r.table, namesOf(f)); why != "" {
			b.at(f.Pos, "%s is left out of exports: %s", f.Label(), why)
		}
	}
}

// within reports whether a path is another one or below it.
func within(path, wide []string) bool {
	return len(path) >= len(wide) && slices.Equal(path[:len(wide)], wide)
}

// opens reports whether masks look into documents.
func (r *rowset) opens() bool {
	return slices.ContainsFunc(r.masks, func(m mask) bool { return m.in != nil })
}

// unopened stands for a row of which only its documents tell whether anything is left to mask.
const unopened = "2"

// bareInside is true where a document holds a value that is not masked yet, or is no document.
func (m *mask) bareInside(d dialect, expr string) string {
	in := d.inside(expr, m.in)
	plain := mask{col: m.in, strategy: m.strategy, value: m.value, prefix: m.prefix, digits: m.digits}
	out := fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s)", in.from, plain.bare(d, in.value))
	if broken := d.broken(expr); broken != "" {
		out = "(" + broken + " OR " + out + ")"
	}
	return out
}
