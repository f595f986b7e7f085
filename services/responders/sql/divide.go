package sql

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// divide finds out which sets can be worked a chunk at a time. The others are always worked whole:
//   - where rows of one table refer to each other, part of them cannot go before the rest;
//   - where the person's rows refer to rows that others may share, all of the former must be known;
//   - where a reference to the person's rows is set to null in rows that are found for another reason as well, all of the former must be known, and
//     the latter are found in one way, from rows that are all known: else some would go before the reference in them is counted, or count as
//     found twice;
//   - where rows stay, there must be a key by which to step over them, one way to find them, and one way to what hangs on them, or some
//     would count twice.
func (b *planner) divide(p *plan) {
	for _, r := range p.sets {
		r.divisible = b.divisible(p, r)
	}
}

func (b *planner) divisible(p *plan, r *rowset) bool {
	if p.circle || r.up || slices.ContainsFunc(r.vias, func(v *via) bool { return v.from == r }) {
		return false
	}
	itself := func(k foreignKey) bool {
		return k.parent == r.table && k.childSchema == r.table.schema && k.child == r.table.name
	}
	if r.rows.Policy == datamap.Delete && slices.ContainsFunc(b.cat.keys, itself) {
		return false
	}
	if r.rows.Policy != datamap.Delete && !(b.d.ordered(r.table) && r.oneWay()) {
		return false
	}
	below := p.below(r)
	if slices.ContainsFunc(p.detach, func(d *detaching) bool { return d.mixes(r, below) }) {
		return false
	}
	at := slices.Index(p.order, r)
	return !slices.ContainsFunc(below, func(o *rowset) bool {
		stays := o.rows.Policy == datamap.Anonymise || o.rows.Policy == datamap.Keep
		return o.up || slices.Index(p.order, o) > at || stays && !o.oneWay() || r.rows.Policy == datamap.Delete && stays && !b.d.ordered(r.table)
	})
}

// mixes reports whether it could not be known, if a set was divided, which rows that lose their reference are found for another reason as well.
func (d *detaching) mixes(r *rowset, below []*rowset) bool {
	holds := func(o *rowset) bool { return o.table == d.table && o.rows.Policy != "" }
	again := slices.ContainsFunc(r.p.detach, func(o *detaching) bool { return o != d && o.table == d.table })
	switch {
	case d.from == r || slices.Contains(below, d.from):
		return again || slices.ContainsFunc(r.p.sets, holds)
	case holds(r) && (len(r.entries) > 0 || !r.oneWay()):
		return true
	}
	return slices.ContainsFunc(below, holds)
}

// oneWay reports whether rows are found by one query alone.
func (r *rowset) oneWay() bool {
	if len(r.entries) == 0 {
		return len(r.vias) == 1 && !byUnicode(r.vias[0].identity)
	}
	return len(r.vias) == 0 && len(r.entries) == 1 && !byUnicode(r.entries[0].kind)
}

// stepped reports whether chunks go by the order of the key: because rows stay, or because rows that hang on them do and are
// counted with them.
func (r *rowset) stepped() bool {
	return r.rows.Policy != datamap.Delete || slices.ContainsFunc(r.p.below(r), func(o *rowset) bool { return o.rows.Policy != datamap.Delete })
}

// below lists the sets whose rows are found from those of r, directly or not.
func (p *plan) below(r *rowset) []*rowset {
	var out []*rowset
	todo := []*rowset{r}
	for len(todo) > 0 {
		r, todo = todo[0], todo[1:]
		for _, o := range p.sets {
			if !slices.Contains(out, o) && slices.ContainsFunc(o.vias, func(v *via) bool { return v.from == r }) {
				out = append(out, o)
				todo = append(todo, o)
			}
		}
	}
	return out
}
