package sql

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Here is what a mask demands where a trigger may write back what was taken away: such a row was changed all the same.

// moves reports whether a change gives a row another key.
func (r *rowset) moves() bool {
	return slices.ContainsFunc(r.key, func(c *column) bool { return c.typ == "tid" })
}

// update runs a statement that masks rows. Rows that move cannot be looked at afterwards: the statement itself says how many still hold
// something.
func (b *batch) update(ctx context.Context, r *rowset, doing, query string, args ...any) (int64, error) {
	if !r.table.rewritten || !r.moves() {
		return b.exec(ctx, doing, query, args...)
	}
	var n, left int64
	err := b.db.read(ctx, func(row scanner) error { return row.Scan(&n, &left) },
		fmt.Sprintf("WITH done AS (%s RETURNING %s AS bare) SELECT count(*), coalesce(sum(bare), 0) FROM done", query, r.bareFlag("t")), args...)
	if err != nil {
		return 0, failed(doing, err)
	}
	return n, r.stubborn(left)
}

// bared demands that no row holds what was to be masked.
func (b *batch) bared(ctx context.Context, r *rowset, where string) error {
	if !r.table.rewritten || r.moves() {
		return nil
	}
	left, err := b.countOne(ctx, r, fmt.Sprintf("SELECT count(*) FROM %s AS t WHERE (%s) IN (%s) AND %s = 1",
		r.p.tableName(r.table), r.p.list("t", r.key), r.listed(where), r.bareFlag("t")))
	if err != nil {
		return err
	}
	return r.stubborn(left)
}

// listedRows is how many rows there are to write at most: a trigger that writes back what it is given would have them written for ever.
func (b *batch) listedRows(ctx context.Context, r *rowset, where string) (int64, error) {
	if !r.table.rewritten {
		return math.MaxInt64, nil
	}
	return b.countOne(ctx, r, "SELECT count(*) FROM (SELECT DISTINCT "+strings.TrimPrefix(r.listed(where), "SELECT ")+") AS o")
}

func (b *batch) countOne(ctx context.Context, r *rowset, query string) (int64, error) {
	var n int64
	err := b.db.read(ctx, func(row scanner) error { return row.Scan(&n) }, query)
	return n, failed("count rows of "+r.label(), err)
}

// stubborn is the error for rows that keep what was taken from them.
func (r *rowset) stubborn(left int64) error {
	if left == 0 {
		return nil
	}
	return responder.Transient(ownErrorf("mask %s: %d rows still hold what they held: a trigger or a rule writes it back", r.label(), left))
}
