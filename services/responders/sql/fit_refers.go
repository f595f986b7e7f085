package sql

import (
	"context"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// refers refuses a mask of a column that refers to a row which cannot be there: none has a random value or a hash, and whether one has a
// constant the database says. Of a composite key nothing is said where another column may be null, which lets every value through.
func (b *planner) refers(ctx context.Context, q runner, r *rowset, k referring) error {
	if k.table != r.table || b.goes(r, k) {
		return nil
	}
	for i, col := range k.columns {
		m := r.maskOf(col)
		others := slices.ContainsFunc(k.columns, func(o *column) bool { return o != col && o.nullable })
		if m == nil || m.strategy == datamap.NullRewrite || others || b.follows(k, i, m) {
			continue
		}
		if m.strategy == datamap.StringRewrite {
			found := false
			unanswered, err := b.probe(ctx, q, "look for what masks refer to", func(scanner) error { found = true; return nil },
				fmt.Sprintf("SELECT 1 FROM %s WHERE %s %s %s LIMIT 1", b.d.qualified(k.parent.schema, k.parent.name), b.d.quote(k.refers[i]), k.equals[i], b.d.trial(m.value, col)))
			if err != nil {
				return err
			}
			if unanswered != nil || found {
				continue
			}
		}
		b.at(m.pos, "%s refers to %s of table %s, where no row has %s", m.label, k.refers[i], k.parent.name, m.writes())
	}
	return nil
}

// goes reports whether the database may take the reference away before the row is masked: with the row that it leads to, or because the map
// detaches it.
func (b *planner) goes(r *rowset, k referring) bool {
	acts := k.onDelete != "no action" && k.onDelete != "restrict"
	return acts && slices.ContainsFunc(r.p.sets, func(o *rowset) bool {
		return o.table.schema == k.parent.schema && o.table.name == k.parent.name && o.rows.Policy == datamap.Delete
	}) || slices.ContainsFunc(r.p.detach, func(d *detaching) bool { return d.table == r.table && slices.Contains(k.columns, d.col) })
}

// follows reports whether the value may be one that a mask gives to the row that the column refers to.
func (b *planner) follows(k referring, i int, m *mask) bool {
	parent := b.collectionAt(k.parent)
	if parent == nil {
		return false
	}
	f := fieldOf(parent, k.refers[i])
	if f == nil || f.Mask == nil {
		return false
	}
	return m.strategy == datamap.StringRewrite || k.onUpdate != "no action" && k.onUpdate != "restrict"
}
