package sql

import (
	"slices"
	"strings"
)

// A draft skips tables whose rows are nobody's: no record speaks of them again. Foreign keys alone do not tell, since many applications declare
// none; a column that is named like the key of a table of personal data may refer to it as well.

// skips reports whether a table is skipped; where it is not and a draft would have nothing to say of it, open says why it stays.
func (b *draft) skips(dt *drafted) (skip bool, open string) {
	if len(dt.of) > 0 || dt.up || dt.personal() {
		return false, ""
	}
	if len(b.kinds) == 0 {
		return false, "open: nothing in it is personal; skip it (skip_processing: true) if its rows are nobody's"
	}
	for _, t := range b.cat.tables {
		of := b.tables[t]
		if of == dt || !of.personal() {
			continue
		}
		for _, c := range dt.table.columns {
			if b.refersByName(dt, c, t) {
				return false, "open: " + guessed(c.name + " may refer to " + t.name)[len("guessed: "):] +
					", whose rows are personal: declare it in references, or skip the table (skip_processing: true) if its rows are nobody's"
			}
		}
	}
	return true, ""
}

func (dt *drafted) personal() bool {
	for _, g := range dt.columns {
		if personalCategory(g.category) {
			return true
		}
	}
	return false
}

// refersByName reports whether a column refers to a table, or is named as if it did: user_id for users and for wp_users, emp_no for what has that key.
func (b *draft) refersByName(dt *drafted, c *column, to *table) bool {
	if slices.ContainsFunc(dt.keys, func(w way) bool { return w.key.parent == to && slices.Contains(w.key.columns, c.name) }) {
		return true
	}
	name, of := tokens(c.name), tokens(to.name)
	if len(to.primaryKey) == 1 && !slices.Equal(tokens(to.primaryKey[0].name), []string{"id"}) && slices.Equal(name, tokens(to.primaryKey[0].name)) {
		return true
	}
	if len(of) == 0 || len(name) < 2 || name[len(name)-1] != "id" {
		return false
	}
	last := of[len(of)-1]
	return strings.HasSuffix(strings.Join(name, "_"), singular(last)+"_id") || strings.HasSuffix(strings.Join(name, "_"), last+"_id")
}
