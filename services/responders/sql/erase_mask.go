package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// mask rewrites the rows of a set and returns how many. What SQL does not write comes first: it is read, and written back some at a time.
// Where a row's name is the place that it stands at, which a change moves, everything is written with it.
func (b *batch) mask(ctx context.Context, r *rowset, where string) (int64, error) {
	var moved int64
	if written := r.written(); len(written) > 0 {
		n, err := b.write(ctx, r, where, written)
		if err != nil {
			return 0, err
		}
		if r.moves() {
			moved = n
		}
	}
	n, err := b.update(ctx, r, "mask "+r.label(), r.p.d.updateRows(r.p.tableName(r.table), r.setMasks(), r.key, r.listed(where)))
	if err != nil {
		return 0, err
	}
	return moved + n, b.bared(ctx, r, where)
}

// written groups the masks that are not SQL's by their columns: a document may have several.
func (r *rowset) written() [][]*mask {
	var out [][]*mask
	for i := range r.masks {
		m := &r.masks[i]
		if !m.written() {
			continue
		}
		at := slices.IndexFunc(out, func(of []*mask) bool { return of[0].col == m.col })
		if at < 0 {
			out = append(out, []*mask{m})
			continue
		}
		out[at] = append(out[at], m)
	}
	return out
}

// setMasks assigns what SQL writes.
func (r *rowset) setMasks() []assignment {
	d := r.p.d
	set := r.plainMasks()
	if len(set) == 0 { // every row was written already: one column is touched once more, so that the rows are counted
		col := r.masks[0].col
		set = append(set, assignment{col, "t." + d.quote(col.name)})
	}
	return set
}

func (r *rowset) plainMasks() []assignment {
	var set []assignment
	for i := range r.masks {
		if m := &r.masks[i]; !m.written() {
			set = append(set, assignment{m.col, m.becomes(r.p.d, "t."+r.p.d.quote(m.col.name))})
		}
	}
	return set
}

// What is in memory at once while values are made here.
const (
	someRows  = 2000
	someBytes = 4 << 20 // after which no further row is taken
)

// write replaces values by what is made of them here, and returns how many rows it wrote. A masked value is known by its form, so that each
// read finds the next rows.
func (b *batch) write(ctx context.Context, r *rowset, where string, columns [][]*mask) (int64, error) {
	p := r.p
	doing := "mask values of " + r.label()
	var cols, bare []string
	var set []assignment
	for _, c := range r.key {
		cols = append(cols, p.d.freeze("t."+p.d.quote(c.name), c))
	}
	for i, of := range columns {
		name, value := "t."+p.d.quote(of[0].col.name), fmt.Sprintf("i.v%d", len(r.key)+i)
		cols = append(cols, p.d.text(name))
		for _, m := range of {
			bare = append(bare, m.bare(p.d, name))
		}
		if of[0].in != nil {
			value = p.d.parsed(value, of[0].col)
		}
		set = append(set, assignment{of[0].col, fmt.Sprintf("coalesce(%s, %s)", value, name)})
	}
	if r.moves() {
		set = append(set, r.plainMasks()...)
	}
	most, err := b.listedRows(ctx, r, where)
	if err != nil {
		return 0, err
	}
	var total int64
	read := fmt.Sprintf("SELECT %s FROM %s AS t WHERE (%s) AND (%s) IN (%s) LIMIT %d",
		strings.Join(cols, ", "), p.tableName(r.table), strings.Join(bare, " OR "), p.list("t", r.key), r.listed(where), someRows)
	var same []string
	for i, c := range r.key {
		same = append(same, fmt.Sprintf("t.%s = %s", p.d.quote(c.name), p.d.thaw(fmt.Sprintf("i.v%d", i), c)))
	}
	write := p.d.updateFrom(p.tableName(r.table), set, p.d.list(1, "i", len(cols)), strings.Join(same, " AND "))
	last := map[string]bool{} // the keys of the rows before
	for {
		l, err := b.some(ctx, r, columns, read)
		if err != nil {
			return total, failed(doing, err)
		}
		if l.len() == 0 {
			return total, nil
		}
		total += int64(l.len())
		keys := map[string]bool{}
		for n := range l.len() {
			key := make([]*string, len(r.key))
			for i := range key {
				key[i] = l.columns[i][n]
			}
			name := rowText("", 0, key)
			if last[name] || total > most {
				return total, responder.Permanent(ownErrorf("%s: what was masked is not masked: a trigger may write something else, or arrays lie too deep in each other", doing))
			}
			keys[name] = true
		}
		last = keys
		args, err := p.d.listArgs(l)
		if err != nil {
			return total, err
		}
		n, err := b.update(ctx, r, doing, write, args...)
		if err != nil {
			return total, err
		}
		if err := agree(doing, n, int64(l.len())); err != nil {
			return total, err
		}
	}
}

// some reads some rows and makes of their values what they become.
func (b *batch) some(ctx context.Context, r *rowset, columns [][]*mask, read string) (list, error) {
	l := newList(len(r.key) + len(columns))
	values := make([]*string, len(r.key)+len(columns))
	dest := make([]any, len(values))
	for i := range values {
		dest[i] = &values[i]
	}
	size := 0
	err := b.db.read(ctx, func(row scanner) error {
		if size > someBytes {
			return nil // found again by the next read
		}
		if err := row.Scan(dest...); err != nil {
			return err
		}
		for i, of := range columns {
			v := &values[len(r.key)+i]
			if *v == nil {
				continue
			}
			text, err := masked(b.s.cfg.MaskKey, of, **v)
			if err != nil {
				return responder.Permanent(ownErrorf("%s of a row: %v", of[0].label, err))
			}
			*v = &text
			size += len(text)
		}
		l.add(0, values...)
		return nil
	}, read)
	return l, err
}

// masked is what a column's value becomes under masks that SQL does not write.
func masked(key []byte, of []*mask, value string) (string, error) {
	if m := of[0]; m.in == nil {
		if m.isHash(value) {
			return value, nil
		}
		return m.hash(key, value), nil
	}
	doc := []byte(value)
	for _, m := range of {
		var err error
		if doc, err = m.rewrite(key, doc); err != nil {
			return "", err
		}
	}
	return string(doc), nil
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
