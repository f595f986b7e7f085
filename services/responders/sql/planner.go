package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// planner lays the data map over the catalogue and collects what does not fit.
type planner struct {
	d        dialect
	system   *datamap.System
	cat      *catalogue
	problems []problem
}

// problem is something that does not fit, with its place in the map where it has one.
type problem struct {
	pos     datamap.Pos
	text    string
	offline bool // the map contradicts itself, whatever the database holds
	right   bool // the role of the connection lacks a right, and nothing else is wrong
}

func texts(ps []problem) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.text
	}
	return out
}

func (b *planner) at(pos datamap.Pos, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(b.problems, func(p problem) bool { return p.text == text }) {
		b.problems = append(b.problems, problem{pos: pos, text: text})
	}
}

// nameOf is where a collection's table stands: in the schema that the dataset's namespace names. SQLite has one alone.
func nameOf(d dialect, c *datamap.Collection) tableName {
	schema, name := c.Dataset.Namespace["schema"], c.Name
	my, database := d.(mysql)
	if database && schema == "" { // where the two words mean one thing
		schema = c.Dataset.Namespace["database"]
	}
	if _, one := d.(lite); one || schema == "" {
		schema = d.defaultSchema()
	}
	if database && my.lower {
		schema, name = strings.ToLower(schema), strings.ToLower(name)
	}
	return tableName{schema, name}
}

func (b *planner) table(c *datamap.Collection) *table {
	n := nameOf(b.d, c)
	t, ok := b.cat.table(n)
	if !ok || t.kind != "" {
		return nil // reported by exists
	}
	return t
}

// column finds the column of a field that the planner works with.
func (b *planner) column(f *datamap.Field, what string) *column {
	t := b.table(f.Collection)
	if t == nil {
		return nil
	}
	if f.Path != f.Name {
		b.at(f.Pos, "%s: %s inside a document is not carried out by this build", f.Label(), what)
		return nil
	}
	c, _ := t.column(f.Name) // reported by exists
	return c
}

// exists demands that everything the map names is there, whether or not a person is found there.
func (b *planner) exists() {
	for c := range b.system.Collections() {
		if c.Skip {
			continue
		}
		if c.Source != nil {
			b.at(c.Pos, "%s is no table (lethe.objects): a system has one kind of responder", c.Label)
			continue
		}
		t, ok := b.cat.table(nameOf(b.d, c))
		if !ok {
			b.at(c.Pos, "table %s does not exist", nameOf(b.d, c))
			continue
		}
		if t.kind != "" {
			b.at(c.Pos, "%s is %s: name the tables behind it", nameOf(b.d, c), t.kind)
			continue
		}
		for _, whole := range t.partOf {
			if o := b.collectionAt(whole); o != nil && !o.Skip {
				b.at(c.Pos, "%s is a part of %s, which the data map names as well: name one of them", c.Label, o.Label)
			}
		}
		if t.unfit != "" {
			b.at(c.Pos, "table %s %s", nameOf(b.d, c), t.unfit)
		}
		for _, f := range c.Fields {
			if _, ok := t.column(f.Name); !ok {
				b.at(f.Pos, "column %s of table %s does not exist", f.Name, nameOf(b.d, c))
			}
		}
	}
}

// visible demands that the role sees every table that may refer to one of the map.
func (b *planner) visible(ctx context.Context, q reader) error {
	var schemas []string
	for _, t := range b.cat.tables {
		if !slices.Contains(schemas, t.schema) {
			schemas = append(schemas, t.schema)
		}
	}
	hidden, err := b.d.hidden(ctx, q, schemas)
	for _, s := range hidden {
		b.at(b.system.Pos, "the role sees only some tables of database %s, and a foreign key from another one would go unseen: grant it SELECT on all of them (GRANT SELECT ON %s.* …)", s, b.d.quote(s))
	}
	return err
}

// plan lays one kind of subject over the catalogue. It returns nil where that cannot be.
func (b *planner) plan(s *datamap.Subject, n int) *plan {
	p := &plan{d: b.d, n: n, kind: s.Kind}
	for i, rows := range s.Rows {
		t := b.table(rows.Collection)
		if t == nil {
			return nil
		}
		r := &rowset{p: p, name: fmt.Sprintf("lethe_%d_%d", n, i), rows: rows, table: t, key: b.d.rowKey(t), categories: rows.Collection.Categories()}
		if len(r.key) == 0 {
			b.at(rows.Collection.Pos, "table %s has no primary key: its rows cannot be told apart", nameOf(b.d, rows.Collection))
			return nil
		}
		b.hides(rows.Collection, t)
		p.sets = append(p.sets, r)
	}
	for _, r := range p.sets {
		b.entries(s, r)
		b.vias(p, r)
	}
	b.detach(p, s)
	b.texts(p, s)
	for _, r := range p.sets {
		b.loops(r)
		b.ident(s, r)
		b.back(p, r)
		b.references(p, r)
		b.masks(r)
		b.freeze(p, r)
		b.excluded(r)
		b.dates(r)
	}
	for _, o := range s.Order {
		p.order = append(p.order, p.set(o.Collection))
	}
	b.divide(p)
	b.keys(p)
	return p
}

// hides demands that the role sees every row: what row-level security hides would be left behind, or stop every batch.
func (b *planner) hides(c *datamap.Collection, t *table) {
	if t.hidden {
		b.at(c.Pos, "row-level security of table %s hides rows from this role: give it BYPASSRLS", nameOf(b.d, c))
	}
}

func (b *planner) entries(s *datamap.Subject, r *rowset) {
	for _, e := range r.rows.Entries {
		c := b.holder(e.Field)
		if c == nil {
			continue
		}
		r.entries = append(r.entries, entry{kind: e.Kind, col: c, minted: minted(s, e.Field), shared: e.Shared})
	}
}

// minted reports whether the field holds what a system made up for one registration: the key of the person's row, or what the
// map calls a unique id.
func minted(s *datamap.Subject, f *datamap.Field) bool {
	for _, root := range s.Roots {
		if root.Collection == f.Collection && slices.Contains(root.Key, f) {
			return true
		}
	}
	return slices.ContainsFunc(f.Categories(), func(c string) bool {
		return c == "user.unique_id" || strings.HasPrefix(c, "user.unique_id.")
	})
}

func (b *planner) vias(p *plan, r *rowset) {
	for _, j := range r.rows.Via {
		v := &via{join: j, from: p.set(j.From), to: r, parent: j.Parent, identity: j.Identity}
		v.on = b.pairs(j, "a reference")
		if len(v.on) != len(j.On) || v.from == nil {
			continue // reported
		}
		if j.Identity != "" {
			v.minted = b.mintedJoin(j)
			v.nobodys = stoodFor(j)
		}
		for _, c := range v.on {
			v.from.link(c.from)
		}
		v.from.linking = true
		r.up = r.up || j.Parent
		p.circle = p.circle || j.Recursive && v.from != r
		r.vias = append(r.vias, v)
	}
}

// loops finds the foreign keys from a table to itself, where a deletion has to do something about them.
func (b *planner) loops(r *rowset) {
	if !b.d.rowByRow() {
		return
	}
	for _, k := range b.cat.keys {
		if k.parent != r.table || k.childSchema != r.table.schema || k.child != r.table.name {
			continue
		}
		l := loop{cascades: k.onDelete == "cascade"}
		for i, name := range k.columns {
			c, ok := r.table.column(name)
			if !ok {
				continue // the database would not have it
			}
			l.on = append(l.on, pair{from: c, to: k.refers[i], native: true, key: k.refers[i]})
			if l.cut == nil && c.nullable && !c.computed {
				l.cut = c
			}
		}
		r.loops = append(r.loops, l)
	}
}

func (b *planner) mintedJoin(j datamap.Join) bool {
	return slices.ContainsFunc(j.On, func(o datamap.Pair) bool {
		for _, s := range b.system.Subjects {
			if minted(s, o.From) || minted(s, o.To) {
				return true
			}
		}
		return false
	})
}

func (b *planner) pairs(j datamap.Join, what string) []pair {
	var out []pair
	for _, o := range j.On {
		var from, to *column
		if j.Identity == "" {
			from, to = b.column(o.From, what), b.column(o.To, what)
		} else {
			from, to = b.holder(o.From), b.holder(o.To)
		}
		if from != nil && from.of != nil {
			b.at(o.From.Pos, "%s: rows of %s cannot be found from an identifier inside a document or an array: keep it in a column of its own", o.From.Label(), j.To.Label)
			continue
		}
		if from != nil && to != nil {
			out = append(out, pair{from: from, to: to})
		}
	}
	b.native(b.table(j.From), b.table(j.To), out)
	return out
}

// native marks pairs that the database declares as a foreign key, from either side.
func (b *planner) native(from, to *table, pairs []pair) {
	for _, k := range b.cat.keys {
		for i := range pairs {
			p := &pairs[i]
			switch {
			case p.native:
			case k.joins(to, p.to, from, p.from):
				p.native, p.key = true, p.from
			case k.joins(from, p.from, to, p.to):
				p.native, p.key = true, p.to
			}
		}
	}
}

func (b *planner) detach(p *plan, s *datamap.Subject) {
	for _, d := range s.Detach {
		t, from := b.table(d.Join.To), p.set(d.Join.From)
		col := b.column(d.Field, "a reference")
		on := b.pairs(d.Join, "a reference")
		if t == nil || from == nil || col == nil || len(on) != len(d.Join.On) {
			continue // reported
		}
		b.hides(d.Join.To, t)
		if !col.nullable {
			b.at(d.Field.Pos, "%s is NOT NULL: it cannot be detached", d.Field.Label())
		}
		for _, c := range on {
			from.link(c.from)
		}
		from.linking = true
		p.detach = append(p.detach, &detaching{from: from, label: d.Join.To.Label, coll: d.Join.To, categories: d.Join.To.Categories(), table: t, key: b.d.rowKey(t), col: col, on: on})
	}
}

// ident picks what names a row after the transaction: the primary key, else what the map calls the key.
func (b *planner) ident(s *datamap.Subject, r *rowset) {
	if r.table.inherited { // one number may be one row in each table
		r.ident = append(r.ident, r.key[0])
	}
	r.ident = append(r.ident, r.table.primaryKey...)
	if len(r.table.primaryKey) == 0 {
		for _, f := range r.rows.Collection.PrimaryKey() {
			if c := b.column(f, "a key"); c != nil {
				r.ident = append(r.ident, c)
			}
		}
	}
	for _, root := range s.Roots {
		if root.Collection != r.rows.Collection {
			continue
		}
		for _, f := range root.Key {
			c := b.column(f, "a key")
			if c == nil {
				continue
			}
			if len(r.table.primaryKey) == 0 && !slices.Contains(r.ident, c) {
				r.ident = append(r.ident, c)
			}
			r.link(c)
		}
	}
	for _, c := range r.ident {
		r.link(c)
	}
}

// freeze decides whose keys are remembered: the person's own rows', and those of rows without which others are not found again.
func (b *planner) freeze(_ *plan, r *rowset) {
	cut := func(v *via) bool { // the erasure takes away what the rows are found by
		return slices.ContainsFunc(v.on, func(c pair) bool {
			return slices.ContainsFunc(r.masks, func(m mask) bool { return m.col == c.to || m.col == c.to.of }) ||
				slices.ContainsFunc(v.from.masks, func(m mask) bool { return v.parent && m.col == c.from })
		})
	}
	r.freeze = r.rows.Root || r.linking && (r.rows.Policy == datamap.Delete || slices.ContainsFunc(r.vias, cut))
}
