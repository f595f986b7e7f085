package sql

import "slices"

// references collects who may refer to the rows of an up set: whatever the database declares, and what the map says.
func (b *planner) references(p *plan, r *rowset) {
	if !r.up {
		return
	}
	add := func(ref reference) {
		for _, v := range r.fromHere(p) { // rows found from these are not somebody else's
			if v.to.table == ref.child && samePairs(v.on, ref.on) {
				return
			}
		}
		if slices.ContainsFunc(p.detach, func(d *detaching) bool { return d.from == r && d.cuts(ref) }) {
			return // nor do rows refer to these in which the reference is set to null
		}
		if !slices.ContainsFunc(r.refs, func(o reference) bool { return o.child == ref.child && slices.Equal(o.on, ref.on) }) {
			for _, c := range ref.on {
				r.link(c.to)
			}
			r.refs = append(r.refs, ref)
		}
	}
	for _, v := range r.vias {
		if v.parent {
			add(reference{v.from.table, v.from, v.on})
		}
	}
	for _, k := range b.cat.keys {
		if k.parent != r.table {
			continue
		}
		ref := reference{}
		for _, o := range p.sets {
			if o.table.schema == k.childSchema && o.table.name == k.child {
				ref.child, ref.set = o.table, o
			}
		}
		if ref.child == nil {
			ref.child = &table{schema: k.childSchema, name: k.child}
		}
		for i, name := range k.columns {
			c, ok := ref.child.column(name)
			if !ok { // of a table that the planner does not read: what the parent's column is
				c = &column{name: name, typ: k.refers[i].typ, class: k.refers[i].class}
			}
			ref.on = append(ref.on, pair{from: c, to: k.refers[i], native: true, key: k.refers[i]})
		}
		add(ref)
	}
}

func (r *rowset) fromHere(p *plan) []*via {
	var out []*via
	for _, s := range p.sets {
		for _, v := range s.vias {
			if v.from == r && !v.parent {
				out = append(out, v)
			}
		}
	}
	return out
}

// cuts reports whether a reference is the one that is set to null. Columns of a table that the planner does not read go by their names.
func (d *detaching) cuts(ref reference) bool {
	return d.table.schema == ref.child.schema && d.table.name == ref.child.name && len(d.on) == len(ref.on) &&
		!slices.ContainsFunc(d.on, func(o pair) bool {
			return !slices.ContainsFunc(ref.on, func(u pair) bool { return u.from.name == o.to.name && u.to == o.from })
		})
}

// samePairs compares a way down with a reference up: the one's to is the other's from.
func samePairs(down, up []pair) bool {
	return len(down) == len(up) && !slices.ContainsFunc(down, func(d pair) bool {
		return !slices.ContainsFunc(up, func(u pair) bool { return u.from == d.to && u.to == d.from })
	})
}
