package sql

import (
	"context"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// direct reports whether rows can be counted by one statement and changed by another without listing them: they are found in one way,
// each from one row of one dispatch, nothing is found from them, and no trigger or rule stands in between.
func (b *batch) direct(r *rowset) bool {
	plain := r.rows.Policy == datamap.Delete || r.rows.Policy == datamap.Anonymise && !slices.ContainsFunc(r.masks, func(m mask) bool { return m.written() })
	return !b.chunked && !r.examined() && (r.day == nil || r.rows.Policy == datamap.Delete) && r.p.d.deleteFrom("", "", "") != "" && plain && len(r.loops) == 0 && !r.linking && !r.up && !r.table.guarded && (r.rows.Policy == datamap.Delete || !r.table.rewritten) && len(r.entries) == 0 &&
		len(r.vias) == 1 && r.vias[0].unique() && r.vias[0].from != r && !b.later() && !b.several[r.vias[0].from]
}

// hits are how many rows of a set one dispatch reaches, and how many of them are to be changed.
type hits struct {
	d         int
	all, todo int64
}

// measure counts the rows of sets that are changed without being listed: before anything is changed, for it is [errOver] if there are
// more than a transaction should hold.
func (b *batch) measure(ctx context.Context, p *plan) error {
	for _, r := range p.order {
		if r.rows.Policy == "" || r.alone() || !b.direct(r) || !b.made[r.vias[0].from] {
			continue
		}
		counts, err := b.measured(ctx, r)
		if err != nil {
			return err
		}
		var all int64
		for _, c := range counts {
			all += c.all
		}
		if b.limited(r) && all > int64(b.s.cfg.ChunkRows) {
			return errOver
		}
		b.counted[r] = counts
	}
	return nil
}

func (b *batch) measured(ctx context.Context, r *rowset) ([]hits, error) {
	v := r.vias[0]
	todo, most := "1", ""
	if r.rows.Policy != datamap.Delete {
		todo = r.bareFlag("t")
	}
	if b.limited(r) {
		most = b.most()
	}
	where := b.conditions(v)
	if where != "" {
		where = " WHERE " + where
	}
	var out []hits
	err := b.db.read(ctx, func(row scanner) error {
		var n hits
		err := row.Scan(&n.d, &n.all, &n.todo)
		out = append(out, n)
		return err
	}, fmt.Sprintf("SELECT o.d, count(*), sum(o.todo) FROM (SELECT f.d AS d, %s AS todo FROM %s%s%s) AS o GROUP BY o.d", todo, b.join(v), where, most))
	return out, failed("count rows of "+r.label(), err)
}

// actDirect deletes or masks the rows that hang on those of another set: as many as were counted right before.
// To have the change itself say whose rows it took costs more than the count (PostgreSQL fetches each row again to return a column).
func (b *batch) actDirect(ctx context.Context, r *rowset, out *answers) error {
	v := r.vias[0]
	if !b.made[v.from] {
		return nil
	}
	p := r.p
	from := p.d.temporaryName(v.from.name) + " AS f"
	where := p.on(v.on, v.from.alias("f"), p.alias("t"), false)
	if more := b.conditions(v); more != "" {
		where += " AND " + more
	}
	deletes := r.rows.Policy == datamap.Delete
	doing := "delete from " + r.label()
	change := p.d.deleteFrom(p.tableName(r.table), from, where)
	if !deletes {
		doing = "mask " + r.label()
		change = p.d.updateFrom(p.tableName(r.table), r.setMasks(), from, where+" AND "+r.bareFlag("t")+" = 1")
	}
	var todo int64
	for _, c := range b.counted[r] {
		todo += c.todo
		out.tally(c.d, r).changed(deletes, c)
	}
	if todo == 0 {
		return nil
	}
	n, err := b.exec(ctx, doing, change)
	if err != nil {
		return err
	}
	return agree(doing, n, todo)
}

// changed counts the rows of a set that one statement changes.
func (t *tally) changed(deletes bool, n hits) {
	if deletes {
		t.toErase, t.erase = n.todo, n.todo
		return
	}
	t.toMask, t.mask, t.before = n.todo, n.todo, n.all-n.todo
}
