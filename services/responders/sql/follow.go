package sql

import (
	"context"
	"fmt"
	"strings"
)

// follow finds the rows of a set over its references, from sets whose tables are filled.
func (b *batch) follow(ctx context.Context, r *rowset) (int64, error) {
	b.several[r] = len(r.entries) > 0 || len(r.vias) != 1 || !r.vias[0].unique() || r.vias[0].from == r || b.several[r.vias[0].from]
	if r.alone() {
		return 0, nil
	}
	if len(r.entries) > 0 && len(r.vias) == 0 {
		var err error
		if b.several[r], err = b.shared(ctx, r); err != nil {
			return 0, err
		}
	}
	if b.direct(r) {
		return 0, nil
	}
	var found int64
	for _, parents := range []bool{false, true} { // a person's own row comes first: it is nobody else's, however else it is found
		for _, v := range r.vias {
			if v.parent != parents {
				continue
			}
			for {
				n, err := b.followVia(ctx, v)
				if err != nil {
					return found, err
				}
				found += n
				if n == 0 || v.from != r { // a reference from the set to itself is followed to its end
					break
				}
			}
			n, err := b.followSpelt(ctx, v)
			if err != nil {
				return found, err
			}
			found += n
		}
	}
	if !b.made[r] {
		_, err := b.make(ctx, r, "find rows of "+r.label(), "SELECT "+r.row("0", 0)+" FROM "+r.p.tableName(r.table)+" AS t WHERE 1 = 0", nil)
		return found, err
	}
	n, err := b.unshare(ctx, r)
	return found + n, err
}

func (b *batch) followVia(ctx context.Context, v *via) (int64, error) {
	if !b.made[v.from] || spelled(v.identity) { // these followSpelt finds, all of them
		return 0, nil
	}
	shared := 0
	if v.parent {
		shared = 1
	}
	if b.fromOne(v) {
		p := v.to.p
		left := func(c *column) string {
			return fmt.Sprintf("(SELECT f.%s FROM %s AS f)", v.from.column(c), p.d.temporaryName(v.from.name))
		}
		return b.add(ctx, v.to, "SELECT "+v.to.row("0", shared)+" FROM "+p.tableName(v.to.table)+" AS t", "0", p.on(v.on, left, p.alias("t"), false), nil)
	}
	distinct := "DISTINCT "
	if v.unique() && !b.later() {
		distinct = ""
	}
	return b.add(ctx, v.to, "SELECT "+distinct+v.to.row("f.d", shared)+" FROM "+b.join(v), "f.d", b.conditions(v), nil)
}

// fromOne reports whether a chunk's rows, which are wanted in the order of their key, hang on one row alone. Said to a database as a value, and not
// as a table that might have more, its index gives them in this order, and the first ones without looking at the others.
func (b *batch) fromOne(v *via) bool {
	return b.chunked && v.to.p.d.keyOrder() && v.to.stepped() && v.from != v.to && v.on[0].to.of == nil &&
		b.have[v.from] == 1 && len(b.ds) == 1 && len(b.ds[0].Keys) == 0 && b.conditions(v) == ""
}

// followSpelt finds, over an identifier, what SQL could not compare.
func (b *batch) followSpelt(ctx context.Context, v *via) (int64, error) {
	if !byUnicode(v.identity) || !b.made[v.from] {
		return 0, nil
	}
	p := v.to.p
	held := "f." + v.from.column(v.on[0].from)
	where := p.unclear(v.identity, held)
	if more := b.conditions(v); more != "" {
		where += " AND " + more
	}
	want := map[string][]int{}
	err := b.db.read(ctx, func(row scanner) error {
		var d int
		var value string
		if err := row.Scan(&d, &value); err != nil {
			return err
		}
		value = v.means(value)
		want[value] = append(want[value], d)
		return nil
	}, fmt.Sprintf("SELECT DISTINCT f.d, %s FROM %s AS f WHERE %s", p.d.text(held), p.d.temporaryName(v.from.name), where))
	if err != nil {
		return 0, failed("find rows of "+v.to.label(), err)
	}
	delete(want, "")
	keys, err := p.spelt(ctx, b.db, v.to, v.on[0].to, v.identity, want)
	if err != nil {
		return 0, err
	}
	return b.addList(ctx, v.to, v.to.byKey(1), keys)
}

// shared reports whether two dispatches found the same row, as two requests of one person in one batch do.
func (b *batch) shared(ctx context.Context, r *rowset) (bool, error) {
	if !b.made[r] || len(b.ds) == 1 {
		return false, nil
	}
	found := false
	err := b.db.read(ctx, func(row scanner) error { return row.Scan(&found) },
		fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE g = 0 GROUP BY %s HAVING count(*) > 1)", r.p.d.temporaryName(r.name), r.keys("")))
	return found, failed("find rows of "+r.label(), err)
}

// join is the FROM clause by which v finds its rows, conditions what else must hold.
func (b *batch) join(v *via) string {
	p := v.to.p
	return p.search(p.d.temporaryName(v.from.name)+" AS f", v.to.table, v.on[0].to, p.on(v.on, v.from.alias("f"), p.alias("t"), folded(v.identity)))
}

func (b *batch) conditions(v *via) string {
	var out []string
	if v.from.up {
		out = append(out, "f.s = 0") // what hangs on a row that others share is not this person's
	}
	if v.identity != "" {
		if more := v.somebodys("f." + v.from.column(v.on[0].from)); more != "" {
			out = append(out, more)
		}
	}
	if b.newRows[v.to.p] && v.identity != "" && !v.minted {
		out = append(out, "f.d NOT IN (SELECT d FROM "+v.to.p.d.temporaryName(v.to.p.newTable())+")")
	}
	return strings.Join(out, " AND ")
}

func (b *batch) later() bool {
	for _, a := range b.again {
		if a {
			return true
		}
	}
	return false
}

// unshare finds out which of the rows that the person's refer to nobody else refers to: these are the person's alone.
func (b *batch) unshare(ctx context.Context, r *rowset) (int64, error) {
	if !r.up {
		return 0, nil
	}
	p := r.p
	where := []string{"x.s = 1", "x.g = 0"}
	for _, ref := range r.refs {
		own := ""
		if ref.set != nil && b.made[ref.set] {
			own = fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM %s AS y WHERE %s AND y.g = 0)", p.d.temporaryName(ref.set.name), ref.set.sameKey("y", "c"))
		}
		where = append(where, fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s AS c WHERE %s%s)", p.tableName(ref.child), p.on(ref.on, p.alias("c"), r.alias("x"), false), own))
	}
	return b.exec(ctx, "find rows of "+r.label(), fmt.Sprintf("UPDATE %s AS x SET s = 0 WHERE %s", p.d.temporaryName(r.name), strings.Join(where, " AND ")))
}

// sameKey is true where temporary table's alias x and the table's alias t mean one row.
func (r *rowset) sameKey(x, t string) string {
	var out []string
	for i, c := range r.key {
		out = append(out, fmt.Sprintf("%s.k%d = %s.%s", x, i, t, r.p.d.quote(c.name)))
	}
	return strings.Join(out, " AND ")
}
