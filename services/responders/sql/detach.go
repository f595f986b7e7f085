package sql

import (
	"context"
	"fmt"
	"strings"
)

// cut is a reference that is to be set to null, and in how many rows, by dispatch.
type cut struct {
	*detaching
	rows map[int]int64
	all  int64
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
	c := cut{detaching: d, rows: map[int]int64{}}
	if !b.made[d.from] {
		return c, nil
	}
	p := d.from.p
	// A row that refers to two persons of the batch counts for the first.
	query := fmt.Sprintf("SELECT d, count(*) FROM (SELECT min(f.d) AS d FROM %s GROUP BY %s%s) AS o GROUP BY d", b.referring(d), p.list("t", d.key), b.most())
	err := b.db.read(ctx, func(row scanner) error {
		var i int
		var n int64
		if err := row.Scan(&i, &n); err != nil {
			return err
		}
		c.rows[i] = n
		c.all += n
		return nil
	}, query)
	return c, failed("count references of "+d.label, err)
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
	for d, n := range c.rows {
		out.tally(d, c.detaching).detach += n
	}
	return nil
}

// cutSome does so in at most as many rows as a chunk has, and says whether there were as many.
func (b *batch) cutSome(ctx context.Context, d *detaching, out *answers) (more bool, err error) {
	if !b.made[d.from] {
		return false, nil
	}
	p := d.from.p
	keys := make([]string, len(d.key))
	for i, c := range d.key {
		keys[i] = fmt.Sprintf("t.%s AS k%d", p.d.quote(c.name), i)
	}
	some := fmt.Sprintf("SELECT %s FROM %s GROUP BY %s LIMIT %d", strings.Join(keys, ", "), b.referring(d), p.list("t", d.key), b.s.cfg.ChunkRows)
	n, err := b.exec(ctx, "detach "+d.label, p.d.updateRows(p.tableName(d.table), []assignment{{d.col, "NULL"}}, d.key, some))
	if err != nil {
		return false, err
	}
	out.tally(0, d).detach += n
	return n >= int64(b.s.cfg.ChunkRows), nil
}
