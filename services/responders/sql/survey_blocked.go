package sql

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// blocked warns of foreign keys over which rows that nothing erases may make the deletion of a person's fail. It is no error: the erasure says so
// when it happens, and changes nothing.
func (v *survey) blocked(l *layout) {
	var said []foreignKey
	for _, p := range l.plans {
		for _, r := range p.sets {
			for _, k := range l.cat.keys {
				known := slices.ContainsFunc(said, func(o foreignKey) bool { return o.String() == k.String() && o.childSchema == k.childSchema })
				if k.parent != r.table || known || !refuses(r, k) {
					continue
				}
				if pos, why := v.leftOut(p, r, k); why != "" {
					said = append(said, k)
					v.warn(pos, "blocking_key", "deleting rows of %s fails while rows of %s, which %s, refer to them over the foreign key %s", r.label(), k.child, why, k)
				}
			}
		}
	}
}

// refuses reports whether the database refuses to delete rows of a set while others refer to them over a foreign key. What is found over references
// to it alone is not deleted then.
func refuses(r *rowset, k foreignKey) bool {
	if r.rows.Policy != datamap.Delete || slices.Contains([]string{"cascade", "set null", "set default"}, k.onDelete) {
		return false
	}
	return len(r.entries) > 0 || slices.ContainsFunc(r.vias, func(v *via) bool { return !v.parent })
}

// leftOut says where and why the map takes no care of rows that refer to a set's; empty where it does. Rows that
// are deleted with the person over another reference are no exception: other people's may refer to the person over this one.
func (v *survey) leftOut(p *plan, r *rowset, k foreignKey) (at datamap.Pos, why string) {
	child := v.collectionOf(k)
	switch {
	case child == nil: // an error
		return at, ""
	case child.Skip:
		return child.Pos, "the data map skips"
	}
	var fields []*datamap.Field
	for _, name := range k.columns {
		if f := fieldOf(child, name); f != nil {
			fields = append(fields, f)
		}
	}
	i := slices.IndexFunc(fields, (*datamap.Field).NotFollowed)
	if i < 0 || detached(p, fields) {
		return at, ""
	}
	return fields[i].Pos, "lethe.not_followed leaves out"
}
