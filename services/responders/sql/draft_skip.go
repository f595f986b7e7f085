package sql

import "slices"

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
			if dt.refers(c, t) {
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

// refers reports whether a column refers to a table, or is named as if it did.
func (dt *drafted) refers(c *column, to *table) bool {
	return refersByName(c, to) || slices.ContainsFunc(dt.keys, func(w way) bool { return w.key.parent == to && slices.Contains(w.key.columns, c.name) })
}
