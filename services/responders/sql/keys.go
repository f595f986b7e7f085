package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// frozen is one remembered row: by column, its value as text of the dialect.
type frozen map[string]*string

// rowKey and readRowKey put a frozen row into the form in which it travels, sealed.
func rowKey(collection string, f frozen) (responder.RowKey, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return responder.RowKey{}, fmt.Errorf("encode a key of %s: %w", collection, err)
	}
	return responder.RowKey{Collection: collection, Value: string(b)}, nil
}

func readRowKey(k responder.RowKey) (frozen, error) {
	var f frozen
	if err := json.Unmarshal([]byte(k.Value), &f); err != nil {
		return nil, responder.Permanent(ownErrorf("a key of %s is not one that this responder made", k.Collection))
	}
	return f, nil
}

// thawed collects the remembered rows of a set, with the columns of links as the list's columns. A column that a newer map added
// is null there: it finds nothing.
func (r *rowset) thawed(ds []responder.Dispatch, members []int) (list, error) {
	l := newList(len(r.links))
	for _, d := range members {
		for _, k := range ds[d].Keys {
			if k.Collection != r.label() {
				continue
			}
			f, err := readRowKey(k)
			if err != nil {
				return l, err
			}
			values := make([]*string, len(r.links))
			for i, c := range r.links {
				values[i] = f[c.name]
			}
			l.add(d, values...)
		}
	}
	return l, nil
}

// byIdent is the FROM clause of a search for the live rows of a list of thawed rows.
func (r *rowset) byIdent(first int) string {
	p := r.p
	var on []string
	for _, c := range r.ident {
		on = append(on, fmt.Sprintf("t.%s = %s", p.d.quote(c.name), p.d.thaw(fmt.Sprintf("i.v%d", slices.Index(r.links, c)), c)))
	}
	if len(on) == 0 {
		return "" // nothing names a row of this table for good
	}
	return fmt.Sprintf("%s %s %s AS t ON %s", p.d.list(first, "i", len(r.links)), p.d.join(), p.tableName(r.table), strings.Join(on, " AND "))
}

// freezeRows reads, before the erasure, the keys of a set by which late rows will be found, and counts its rows on the way. Each dispatch
// gets at most so many keys; what is over counts in left.
func (b *batch) freezeRows(ctx context.Context, r *rowset) error {
	if !r.freeze || !b.made[r] {
		return nil
	}
	p := r.p
	cols := make([]string, len(r.links))
	for i, c := range r.links {
		cols[i] = p.d.freeze("x."+r.column(c), c)
	}
	query := fmt.Sprintf("SELECT x.d, x.s, x.m, %s FROM %s AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, %s", strings.Join(cols, ", "), p.d.temporaryName(r.name), ordinals(4, len(cols)))
	var of part
	var shared, bare int
	values := make([]*string, len(r.links))
	dest := []any{&of.d, &shared, &bare}
	for i := range values {
		dest = append(dest, &values[i])
	}
	found := []part{}
	err := b.db.read(ctx, func(row scanner) error {
		if err := row.Scan(dest...); err != nil {
			return err
		}
		of.shared, of.bare, of.n = shared == 1, bare == 1, 1
		if last := len(found) - 1; last >= 0 && found[last].like(of) {
			found[last].n++
		} else {
			found = append(found, of)
		}
		if of.shared || len(b.ds[of.d].Keys) > 0 { // those of the first act stay with the request
			return nil
		}
		return b.freeze(r, of.d, values)
	}, query)
	b.found[r] = found
	return failed("remember keys of "+r.label(), err)
}

func (b *batch) freeze(r *rowset, d int, values []*string) error {
	if len(b.keys[d]) >= b.s.cfg.MaxKeys {
		b.left[leftKey{d, r}]++
		return nil
	}
	f := frozen{}
	for i, c := range r.links {
		f[c.name] = values[i]
	}
	k, err := rowKey(r.label(), f)
	b.keys[d] = append(b.keys[d], k)
	return err
}

// ordinals lists n columns of a query by their numbers, from first on.
func ordinals(first, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(first + i)
	}
	return strings.Join(out, ", ")
}
