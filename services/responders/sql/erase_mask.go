package sql

import (
	"context"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// mask rewrites the rows of a set and returns how many. Keyed hashes come first: their key never goes to the database, so the
// values are read, and written back in chunks.
func (b *batch) mask(ctx context.Context, r *rowset, where string) (int64, error) {
	var hashed []*mask
	for i := range r.masks {
		if r.masks[i].hashed() {
			hashed = append(hashed, &r.masks[i])
		}
	}
	if len(hashed) > 0 {
		if err := b.hash(ctx, r, where, hashed); err != nil {
			return 0, err
		}
	}
	return b.exec(ctx, "mask "+r.label(), r.p.d.updateRows(r.p.tableName(r.table), r.setMasks(), r.key, r.listed(where)))
}

// setMasks assigns what SQL writes.
func (r *rowset) setMasks() []assignment {
	d := r.p.d
	var set []assignment
	for i := range r.masks {
		if m := &r.masks[i]; !m.hashed() {
			set = append(set, assignment{m.col, m.becomes(d, "t."+d.quote(m.col.name))})
		}
	}
	if len(set) == 0 { // every row was written by its hash: one column is touched once more, so that the rows are counted
		col := r.masks[0].col
		set = append(set, assignment{col, "t." + d.quote(col.name)})
	}
	return set
}

// hashChunk bounds how many rows are in memory while keyed hashes are made.
const hashChunk = 2000

// hash replaces values by their keyed hashes. A hashed value is known by its form, so that each chunk finds the next rows.
func (b *batch) hash(ctx context.Context, r *rowset, where string, masks []*mask) error {
	p := r.p
	doing := "hash values of " + r.label()
	var cols, bare []string
	var set []assignment
	for _, c := range r.key {
		cols = append(cols, p.d.freeze("t."+p.d.quote(c.name), c))
	}
	for i, m := range masks {
		name := p.d.quote(m.col.name)
		cols = append(cols, p.d.text("t."+name))
		bare = append(bare, m.bare(p.d, "t."+name))
		set = append(set, assignment{m.col, fmt.Sprintf("coalesce(i.v%d, t.%s)", len(r.key)+i, name)})
	}
	read := fmt.Sprintf("SELECT %s FROM %s AS t WHERE (%s) AND (%s) IN (%s) LIMIT %d",
		strings.Join(cols, ", "), p.tableName(r.table), strings.Join(bare, " OR "), p.list("t", r.key), r.listed(where), hashChunk)
	var same []string
	for i, c := range r.key {
		same = append(same, fmt.Sprintf("t.%s = %s", p.d.quote(c.name), p.d.thaw(fmt.Sprintf("i.v%d", i), c)))
	}
	write := p.d.updateFrom(p.tableName(r.table), set, p.d.list(1, "i", len(cols)), strings.Join(same, " AND "))
	for {
		l := newList(len(cols))
		values := make([]*string, len(cols))
		dest := make([]any, len(cols))
		for i := range values {
			dest[i] = &values[i]
		}
		err := b.db.read(ctx, func(row scanner) error {
			if err := row.Scan(dest...); err != nil {
				return err
			}
			for i, m := range masks {
				if v := values[len(r.key)+i]; v != nil && !m.isHash(*v) {
					h := m.hash(b.s.cfg.MaskKey, *v)
					values[len(r.key)+i] = &h
				}
			}
			l.add(0, values...)
			return nil
		}, read)
		if err != nil {
			return failed(doing, err)
		}
		if l.len() == 0 {
			return nil
		}
		args, err := p.d.listArgs(l)
		if err != nil {
			return err
		}
		n, err := b.exec(ctx, doing, write, args...)
		if err != nil {
			return err
		}
		if err := agree(doing, n, int64(l.len())); err != nil {
			return err
		}
	}
}

// method names what a policy does, for acknowledgements.
func method(p datamap.Policy) string {
	switch p {
	case datamap.Delete:
		return "delete"
	case datamap.Anonymise:
		return "mask"
	case datamap.Keep:
		return "keep"
	}
	return "count"
}
