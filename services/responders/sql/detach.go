package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// cut is a reference that is to be set to null, and in how many rows.
type cut struct {
	*detaching
	rows []attached
	all  int64
}

// attached are the rows of one dispatch that refer to the person's, and how many of them are counted as found elsewhere in the same line.
type attached struct {
	d        int
	n, known int64
}

// attached counts the rows that refer to the persons' over references which are to be set to null. It is [errOver] if there are more
// than a transaction should change.
func (b *batch) attached(ctx context.Context, p *plan) ([]cut, error) {
	var out []cut
	for _, d := range p.detach {
		c, err := b.attachedOver(ctx, d)
		if err != nil {
			return nil, err
		}
		if c.all > int64(b.s.cfg.ChunkRows) {
			return nil, errOver
		}
		if c.all > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

func (b *batch) attachedOver(ctx context.Context, d *detaching) (cut, error) {
	c := cut{detaching: d}
	if !b.made[d.from] {
		return c, nil
	}
	known := b.foundElsewhere(d)
	if known == "" {
		known = "1 = 0"
	}
	query := fmt.Sprintf("SELECT o.d, count(*), sum(CASE WHEN %s THEN 1 ELSE 0 END) FROM (%s%s) AS o GROUP BY o.d", known, b.attachedRows(d), b.most())
	err := b.db.read(ctx, func(row scanner) error {
		var rows attached
		err := row.Scan(&rows.d, &rows.n, &rows.known)
		c.rows = append(c.rows, rows)
		c.all += rows.n
		return err
	}, query)
	return c, failed("count references of "+d.label, err)
}

// attachedRows is a query for the keys k0 … of the rows that refer, each with the dispatch d that it counts for: of two persons of the batch the first.
func (b *batch) attachedRows(d *detaching) string {
	keys := make([]string, len(d.key))
	for i, c := range d.key {
		keys[i] = fmt.Sprintf("t.%s AS k%d", d.from.p.d.quote(c.name), i)
	}
	return fmt.Sprintf("SELECT min(f.d) AS d, %s FROM %s GROUP BY %s", strings.Join(keys, ", "), b.referring(d), d.from.p.list("t", d.key))
}

// foundElsewhere is true where a row of alias o, with the columns of attachedRows, is the person's own as well, or refers to the person over another
// reference that is to be set to null after this one: it is found once. It is empty where there can be no such row.
func (b *batch) foundElsewhere(d *detaching) string {
	p := d.from.p
	same := make([]string, len(d.key))
	for i, c := range d.key {
		same[i] = fmt.Sprintf("t.%s = o.k%d", p.d.quote(c.name), i)
	}
	at := strings.Join(same, " AND ")
	var out []string
	for _, r := range p.sets {
		if r.table == d.table && r.rows.Policy != "" {
			out = append(out, b.reaches(r, at)...)
		}
	}
	for _, e := range p.detach[slices.Index(p.detach, d)+1:] {
		if e.table == d.table && b.made[e.from] {
			out = append(out, fmt.Sprintf("coalesce((SELECT min(f.d) FROM %s WHERE %s), -1) = o.d", b.referring(e), at))
		}
	}
	return strings.Join(out, " OR ")
}

// reaches is true where a set holds the row of alias o for its dispatch. Its table does not say so where there is none, or a chunk's rows alone: then
// the way does by which they are found.
func (b *batch) reaches(r *rowset, at string) []string {
	p := r.p
	if b.made[r] && !(b.chunked && b.limited(r)) {
		where := []string{"h.d = o.d", "h.g = 0"}
		for i := range r.key {
			where = append(where, fmt.Sprintf("h.k%d = o.k%d", i, i))
		}
		return []string{fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS h WHERE %s)", p.d.temporaryName(r.name), strings.Join(where, " AND "))}
	}
	v := r.vias[0]
	if !b.made[v.from] {
		return nil
	}
	where := []string{"f.d = o.d", at}
	if more := b.conditions(v); more != "" {
		where = append(where, more)
	}
	return []string{fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s)", b.join(v), strings.Join(where, " AND "))}
}

// referring is the FROM clause for the rows of alias t that refer to rows of the set, of alias f.
func (b *batch) referring(d *detaching) string {
	p := d.from.p
	return fmt.Sprintf("%s AS f %s %s AS t ON %s", p.d.temporaryName(d.from.name), p.d.join(), p.tableName(d.table), b.refers(d))
}

func (b *batch) refers(d *detaching) string {
	p := d.from.p
	on := []string{p.on(d.on, d.from.alias("f"), p.alias("t"), false), "t." + p.d.quote(d.col.name) + " IS NOT NULL"}
	if d.from.up {
		on = append(on, "f.s = 0")
	}
	return strings.Join(on, " AND ")
}

// cut sets references in somebody's rows to null.
func (b *batch) cut(ctx context.Context, c cut, out *answers) error {
	p := c.from.p
	doing := "detach " + c.label
	n, err := b.exec(ctx, doing, p.d.updateFrom(p.tableName(c.table), []assignment{{c.col, "NULL"}}, p.d.temporaryName(c.from.name)+" AS f", b.refers(c.detaching)))
	if err != nil {
		return err
	}
	if err := agree(doing, n, c.all); err != nil {
		return err
	}
	for _, rows := range c.rows {
		out.tally(rows.d, c.detaching).detached(rows.n, rows.known)
	}
	return nil
}

// cutSome does so in at most as many rows as a chunk has, and says whether there were as many.
func (b *batch) cutSome(ctx context.Context, d *detaching, out *answers) (more bool, err error) {
	if !b.made[d.from] {
		return false, nil
	}
	left := int64(b.s.cfg.ChunkRows)
	known := b.foundElsewhere(d)
	if known != "" { // of those that are counted elsewhere each statement says how many there were
		n, err := b.cutAt(ctx, d, "WHERE "+known, left)
		if err != nil {
			return false, err
		}
		out.tally(0, d).detached(n, n)
		if left -= n; left <= 0 {
			return true, nil
		}
		known = "WHERE NOT (" + known + ")"
	}
	n, err := b.cutAt(ctx, d, known, left)
	if err != nil {
		return false, err
	}
	out.tally(0, d).detached(n, 0)
	return n >= left, nil
}

func (b *batch) cutAt(ctx context.Context, d *detaching, where string, most int64) (int64, error) {
	p := d.from.p
	keys := make([]string, len(d.key))
	for i := range d.key {
		keys[i] = fmt.Sprintf("o.k%[1]d AS k%[1]d", i)
	}
	some := fmt.Sprintf("SELECT %s FROM (%s) AS o %s LIMIT %d", strings.Join(keys, ", "), b.attachedRows(d), where, most)
	return b.exec(ctx, "detach "+d.label, p.d.updateRows(p.tableName(d.table), []assignment{{d.col, "NULL"}}, d.key, some))
}

// detached counts rows in which a reference is set to null, and how many of them are found elsewhere.
func (t *tally) detached(n, known int64) {
	t.detach += n
	t.elsewhere += known
}
