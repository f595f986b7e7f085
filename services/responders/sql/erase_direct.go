package sql

import (
	"context"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// direct reports whether rows can be changed and counted by one statement without listing them first: they are found in one way,
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
	todo, group, most := "1", "o.d", ""
	if r.rows.Policy != datamap.Delete {
		todo = r.bareFlag("t")
	} else if r.p.d.returning() { // the deletion counts for each dispatch
		group = ""
	}
	switch {
	case b.limited(r):
		most = b.most()
	case group == "":
		return nil, nil
	}
	where := b.conditions(v)
	if where != "" {
		where = " WHERE " + where
	}
	query := fmt.Sprintf("FROM (SELECT f.d AS d, %s AS todo FROM %s%s%s) AS o", todo, b.join(v), where, most)
	if group == "" {
		query = "SELECT 0, count(*), count(*) " + query
	} else {
		query = "SELECT o.d, count(*), sum(o.todo) " + query + " GROUP BY o.d"
	}
	var out []hits
	err := b.db.read(ctx, func(row scanner) error {
		var n hits
		err := row.Scan(&n.d, &n.all, &n.todo)
		out = append(out, n)
		return err
	}, query)
	return out, failed("count rows of "+r.label(), err)
}

// actDirect deletes or masks the rows that hang on those of another set.
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
		if todo += c.todo; !deletes {
			out.tally(c.d, r).before = c.all - c.todo
		}
	}
	switch {
	case p.d.returning():
		return failed(doing, b.db.read(ctx, func(row scanner) error {
			var d int
			var n int64
			if err := row.Scan(&d, &n); err != nil {
				return err
			}
			out.tally(d, r).changed(deletes, n)
			return nil
		}, fmt.Sprintf("WITH done AS (%s RETURNING f.d) SELECT d, count(*) FROM done GROUP BY d", change)))
	case todo == 0:
		return nil
	}
	// A change gives nothing back: it must have been as many rows as were counted.
	for _, c := range b.counted[r] {
		out.tally(c.d, r).changed(deletes, c.todo)
	}
	n, err := b.exec(ctx, doing, change)
	if err != nil {
		return err
	}
	return agree(doing, n, todo)
}

// changed counts rows that one statement found and changed.
func (t *tally) changed(deletes bool, n int64) {
	if deletes {
		t.toErase, t.erase = n, n
		return
	}
	t.toMask, t.mask = n, n
}
