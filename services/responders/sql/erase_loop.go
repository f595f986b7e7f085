package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// delete removes the rows of a set that are the person's alone, and returns how many.
//
// InnoDB checks references, and follows ON DELETE CASCADE, as each row goes: of two rows of one table of which one refers to the
// other the wrong one may come first. So references within the table are set to null before, and where they take no null the
// rows go in rounds, those first that nothing refers to. A cascade never deletes anything then, and every row is counted.
func (b *batch) delete(ctx context.Context, r *rowset, doing string) (int64, error) {
	const own = "g = 0 AND s = 0"
	p := r.p
	for _, l := range r.loops {
		if l.cut == nil {
			continue
		}
		if _, err := b.exec(ctx, doing, p.d.updateRows(p.tableName(r.table), []assignment{{l.cut, "NULL"}}, r.key, r.listed(own))); err != nil {
			return 0, err
		}
	}
	if !r.inRounds() {
		return b.exec(ctx, doing, p.d.deleteRows(p.tableName(r.table), r.key, r.listed(own)))
	}
	var total int64
	for {
		n, err := b.exec(ctx, doing, r.deleteLeaves(own))
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// inRounds reports whether rows of the table refer to each other over a reference that takes no null.
func (r *rowset) inRounds() bool {
	return slices.ContainsFunc(r.loops, func(l loop) bool { return l.cut == nil })
}

// deleteLeaves deletes the rows to which no other row of the table refers over a reference that takes no null.
func (r *rowset) deleteLeaves(where string) string {
	p := r.p
	var same []string
	for _, c := range r.key {
		same = append(same, fmt.Sprintf("c.%[1]s = t.%[1]s", p.d.quote(c.name)))
	}
	var refers []string
	for _, l := range r.loops {
		if l.cut != nil {
			continue
		}
		refer := p.on(l.on, p.alias("c"), p.alias("t"), false)
		if l.cascades { // a row that refers to itself goes with itself; without a cascade InnoDB refuses it
			refer += " AND NOT (" + strings.Join(same, " AND ") + ")"
		}
		refers = append(refers, "("+refer+")")
	}
	var key []string
	for i, c := range r.key {
		key = append(key, fmt.Sprintf("t.%s = x.k%d", p.d.quote(c.name), i))
	}
	return fmt.Sprintf("DELETE t FROM (SELECT DISTINCT %s) AS x %s %s AS t ON %s LEFT JOIN %s AS c ON %s WHERE c.%s IS NULL",
		strings.TrimPrefix(r.listed(where), "SELECT "), p.d.join(), p.tableName(r.table), strings.Join(key, " AND "),
		p.tableName(r.table), strings.Join(refers, " OR "), p.d.quote(r.key[0].name))
}

// circled says what a deletion in rounds that came to an end before its time means.
func circled(doing string, changed, counted int64) error {
	return responder.Transient(ownErrorf("%s: %d of %d rows are referred to by others of the same table over a reference that takes no null, in a circle or from rows that stay", doing, counted-changed, counted))
}
