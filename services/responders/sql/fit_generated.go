package sql

import (
	"context"
	"slices"
)

// generated adds, for each unique index over a generated column, one over the columns that its expression mentions: as with an index over
// the expression itself, a constant in one of them is a constant in it. SQLite does not say the expression.
func (b *planner) generated(ctx context.Context, q reader) error {
	var over []*table
	for _, t := range b.cat.tables {
		if slices.ContainsFunc(t.everyUnique(), func(u unique) bool {
			return slices.ContainsFunc(u.columns, func(c *column) bool { return c.computed })
		}) {
			over = append(over, t)
		}
	}
	if len(over) == 0 {
		return nil
	}
	made, err := b.d.readGenerated(ctx, q, over)
	if err != nil {
		return failed("read the expressions of generated columns", err)
	}
	for _, t := range over {
		for _, u := range t.everyUnique() {
			if behind := u.behind(t, made); behind != nil {
				t.uniques = append(t.uniques, *behind)
			}
		}
	}
	return nil
}

func (t *table) everyUnique() []unique {
	return append(slices.Clone(t.uniques), unique{columns: t.primaryKey, nulls: true})
}

// behind is the index over what its generated columns are made of; nil: it has none.
func (u unique) behind(t *table, made []generated) *unique {
	out := u
	out.columns, out.loose, out.prefix = nil, true, 0
	found := false
	for _, c := range u.columns {
		of := []*column{c}
		if i := slices.IndexFunc(made, func(g generated) bool { return g.table == t && g.col == c }); i >= 0 {
			of, found = t.mentionedIn(made[i].expr), true
		}
		for _, o := range of {
			if !slices.Contains(out.columns, o) {
				out.columns = append(out.columns, o)
			}
		}
	}
	if !found {
		return nil
	}
	return &out
}
