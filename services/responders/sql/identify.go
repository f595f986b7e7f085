package sql

import (
	"context"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// seeds are what one entry of a set is searched with: values that SQL compares, and keys of rows whose spelling SQL could not
// compare and that were found by reading them.
type seeds struct {
	values list // d, the identifier
	keys   list // d, the row's key, frozen
}

// seedsOf collects the identifiers of some dispatches for an entry. Nearly all of them are compared by SQL, over an index where
// there is one. Two kinds are not: what is not ASCII (only Unicode's rules say that Ö and ö are one letter, and what the
// database's lower() does depends on its locale) and telephone numbers, which are written in many ways. For these the rows that
// may match are read, all of them, and compared here, as they were when the identifier was normalised. An identifier in ASCII is
// compared with values in ASCII alone: that strasse is how straße folds finds nobody whom it should not.
func (p *plan) seedsOf(ctx context.Context, q reader, r *rowset, e entry, ds []responder.Dispatch, members []int) (seeds, error) {
	s := seeds{values: newList(1), keys: newList(len(r.key))}
	read := map[string][]int{} // normalised value → dispatches
	for _, d := range members {
		for _, value := range ds[d].Values(e.kind) {
			if v, ok := p.d.identifier(e.col, value); ok && !spelled(e.kind) {
				s.values.add(d, &v)
			}
			if e.col.class == text && (spelled(e.kind) || !ascii(value)) {
				read[value] = append(read[value], d)
			}
		}
	}
	var err error
	s.keys, err = p.spelt(ctx, q, r, e.col, e.kind, read)
	return s, err
}

// byUnicode reports whether some identifiers of the kind can only be compared by Unicode's rules.
func byUnicode(kind string) bool { return folded(kind) || spelled(kind) }

// unclear is true for values that SQL cannot compare.
func (p *plan) unclear(kind, expr string) string {
	if spelled(kind) {
		return expr + " IS NOT NULL"
	}
	return p.d.notASCII(expr)
}

// spelt reads every row whose column may hold one of the normalised values in another spelling, and returns the keys of those
// that do, for the dispatches of the value.
func (p *plan) spelt(ctx context.Context, q reader, r *rowset, col *column, kind string, want map[string][]int) (list, error) {
	out := newList(len(r.key))
	if len(want) == 0 || col.class != text {
		return out, nil
	}
	cols := make([]string, len(r.key))
	for i, c := range r.key {
		cols[i] = p.d.freeze("t."+p.d.quote(c.name), c)
	}
	expr := p.value("t", col)
	query := fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s", p.d.text(expr), strings.Join(cols, ", "), p.opened(r.table, col), p.unclear(kind, expr))
	var value string
	keys := make([]*string, len(r.key))
	dest := []any{&value}
	for i := range keys {
		dest = append(dest, &keys[i])
	}
	err := q.read(ctx, func(row scanner) error {
		if err := row.Scan(dest...); err != nil {
			return err
		}
		for _, d := range want[normalised(kind, value)] {
			out.add(d, keys...)
		}
		return nil
	}, query)
	return out, failed("compare the spelling of identifiers in "+r.label(), err)
}

// normalised is empty for what no identifier of the kind can be: it is nobody's.
func normalised(kind, value string) string {
	n, err := dsr.Identifier{Kind: kind, Value: value}.Normalise()
	if err != nil {
		return ""
	}
	return n.Value
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// byValue and byKey are the FROM clause of a search with seeds, whose list's parameters start at first.
func (r *rowset) byValue(e entry, first int) string {
	p := r.p
	return p.search(p.d.list(first, "i", 1), r.table, e.col, p.d.holds(p.value("t", e.col), e.col, e.kind, "i.v0"))
}

func (r *rowset) byKey(first int) string {
	p := r.p
	on := make([]string, len(r.key))
	for i, c := range r.key {
		on[i] = fmt.Sprintf("t.%s = %s", p.d.quote(c.name), p.d.thaw(fmt.Sprintf("i.v%d", i), c))
	}
	return fmt.Sprintf("%s %s %s AS t ON %s", p.d.list(first, "i", len(r.key)), p.d.join(), p.tableName(r.table), strings.Join(on, " AND "))
}
