package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// A person with ten million rows is erased in chunks, so that no transaction holds locks for long or grows without bound. A chunk
// reaches at most Config.ChunkRows rows of each table that can be divided (divide.go) and works the tables in the order of the erasure,
// those that refer first, up to and including the first one that had more rows than that. The next chunk begins anew. What is deleted is
// gone by then; what stays is stepped over by its key, which the progress remembers. The step of the ledger settles with each chunk, in the
// same transaction, as deferred: a process that dies leaves whole chunks behind and their exact counts.

// errOver says that more rows were reached than a transaction should hold.
var errOver = errors.New("more rows than a transaction should hold")

// limited reports whether at most so many rows of a set are reached at once. A batch is limited wherever it can be halved.
func (b *batch) limited(r *rowset) bool {
	if len(b.ds) > 1 {
		return true
	}
	return r.divisible && (r.rows.Policy == datamap.Delete || !b.later())
}

// window bounds what a query adds to a set: a condition, and what stands at the query's end.
func (b *batch) window(r *rowset, args []any) (within, most string, _ []any, err error) {
	if !b.limited(r) {
		return "", "", args, nil
	}
	room := int64(b.s.cfg.ChunkRows) - b.have[r]
	if !b.chunked {
		return "", fmt.Sprintf(" LIMIT %d", room+1), args, nil
	}
	most = fmt.Sprintf(" LIMIT %d", room)
	if !r.stepped() {
		return "", most, args, nil
	}
	most = fmt.Sprintf(" ORDER BY %s%s", ordinals(2, len(r.key)), most)
	after := b.progress.kind(r.p).After[r.label()]
	if after == nil {
		return "", most, args, nil
	}
	l := newList(len(r.key))
	l.add(0, after...)
	more, err := r.p.d.listArgs(l)
	if err != nil {
		return "", "", nil, err
	}
	cols, values := make([]string, len(r.key)), make([]string, len(r.key))
	for i, c := range r.key {
		cols[i], values[i] = "t."+r.p.d.quote(c.name), r.p.d.thaw(fmt.Sprintf("w.v%d", i), c)
	}
	within = fmt.Sprintf("(%s) > (SELECT %s FROM %s)", strings.Join(cols, ", "), strings.Join(values, ", "), r.p.d.list(len(args)+1, "w", len(r.key)))
	return within, most, append(slices.Clone(args), more...), nil
}

// over ends a search that found too much to be worked whole.
func (b *batch) over(r *rowset) error {
	if !b.chunked && b.limited(r) && b.have[r] > int64(b.s.cfg.ChunkRows) {
		return errOver
	}
	return nil
}

// full reports whether a chunk may have left rows of the set behind.
func (b *batch) full(r *rowset) bool {
	return b.limited(r) && b.have[r] >= int64(b.s.cfg.ChunkRows)
}

// most is the end of a query that counts what might be too much.
func (b *batch) most() string { return fmt.Sprintf(" LIMIT %d", b.s.cfg.ChunkRows+1) }

// chunk erases a part of what one dispatch reaches for one kind of subject, and says whether there is more.
func (b *batch) chunk(ctx context.Context, p *plan, members []int, out *answers) (more bool, err error) {
	b.chunked = true
	defer func() { b.chunked = false }()
	at := b.progress.begin(p)
	if err := b.reach(ctx, p, members); err != nil {
		return false, err
	}
	for _, r := range p.sets {
		if r.rows.Root && !at.Rooted { // before those of other rows take their place
			if err := b.freezeRows(ctx, r); err != nil {
				return false, err
			}
		}
	}
	if !at.Rooted {
		if err := b.learn(ctx, p); err != nil {
			return false, err
		}
	}
	at.Rooted = true
	if err := b.changing(ctx, p); err != nil {
		return false, err
	}
	for _, d := range p.detach {
		if more, err := b.cutSome(ctx, d, out); more || err != nil {
			return more, err
		}
	}
	for _, r := range p.order {
		if !at.done(r) {
			if !r.rows.Root {
				if err := b.freezeRows(ctx, r); err != nil {
					return false, err
				}
			}
			if err := b.act(ctx, r, out); err != nil {
				return false, err
			}
			if err := b.inspect(ctx, r, members, out); err != nil {
				return false, err
			}
		}
		if b.full(r) {
			return true, b.step(ctx, r, at)
		}
		if r.rows.Policy != datamap.Delete {
			at.Done = append(at.Done, r.label())
		}
	}
	b.progress.end(p)
	return false, nil
}

// step goes past the rows of a set that were worked: the next chunk begins behind them, and what hangs on them is found anew.
func (b *batch) step(ctx context.Context, r *rowset, at *kindProgress) error {
	for _, below := range r.p.below(r) {
		delete(at.After, below.label())
		at.Done = slices.DeleteFunc(at.Done, func(l string) bool { return l == below.label() })
	}
	if r.rows.Policy == datamap.Delete {
		return nil // they are gone
	}
	cols, order := make([]string, len(r.key)), make([]string, len(r.key))
	for i, c := range r.key {
		cols[i], order[i] = r.p.d.freeze(fmt.Sprintf("x.k%d", i), c), fmt.Sprintf("x.k%d DESC", i)
	}
	last := make([]*string, len(r.key))
	dest := make([]any, len(last))
	for i := range last {
		dest[i] = &last[i]
	}
	err := b.db.read(ctx, func(row scanner) error { return row.Scan(dest...) }, fmt.Sprintf("SELECT %s FROM %s AS x WHERE x.g = 0 ORDER BY %s LIMIT 1",
		strings.Join(cols, ", "), r.p.d.temporaryName(r.name), strings.Join(order, ", ")))
	at.After[r.label()] = last
	return failed("remember how far the rows of "+r.label()+" are worked", err)
}
