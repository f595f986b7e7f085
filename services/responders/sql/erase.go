package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// Erase implements [responder.System]: one statement for each table and what becomes of its rows, whatever the number of
// dispatches, in the ledger's transaction or, where the ledger stands beside, in one of its own. A batch that reaches too many rows
// is [responder.ErrTooLarge]; of a dispatch that does so alone a chunk is erased, and the rest when it is worked again.
//
// Rows that two dispatches of a batch reach count as found for both, and as erased for the one that comes first in the batch.
func (s *System) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	if tx := ledger.Tx(ctx); tx != nil {
		return s.erase(ctx, tx, ds)
	}
	tx, err := s.cfg.DB.BeginTx(ctx, s.d.begin())
	if err != nil {
		return nil, failed("begin an erasure", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do; after an error that one is returned
	as, err := s.erase(ctx, tx, ds)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, failed("commit an erasure", err)
	}
	return as, nil
}

func (s *System) erase(ctx context.Context, tx *sql.Tx, ds []responder.Dispatch) ([]responder.Answer, error) {
	s, err := s.present(ctx, live{tx})
	if err != nil {
		return nil, err
	}
	if err := s.d.prepare(ctx, tx, s.cfg); err != nil {
		return nil, failed("prepare an erasure", err)
	}
	as, err := s.work(ctx, live{tx}, ds)
	if err != nil {
		return nil, err
	}
	if err := s.d.settle(ctx, tx); err != nil {
		return nil, failed("check the deferred constraints", err)
	}
	return as, s.unmoved(ctx, live{tx})
}

// work erases what a batch of dispatches asks for.
func (s *System) work(ctx context.Context, db runner, ds []responder.Dispatch) ([]responder.Answer, error) {
	b := &batch{
		s: s, db: db, ds: ds, again: make([]bool, len(ds)), made: map[*rowset]bool{}, several: map[*rowset]bool{}, newRows: map[*plan]bool{},
		keys: make([][]responder.RowKey, len(ds)), left: map[leftKey]int64{}, have: map[*rowset]int64{}, counted: map[*rowset][]hits{}, found: map[*rowset][]part{},
	}
	out := newAnswers(s, ds)
	if err := b.resume(out); err != nil {
		return nil, err
	}
	for d := range ds {
		b.again[d] = ds[d].Round > 1
	}
	for _, p := range s.plans {
		members := out.of[p]
		if len(members) == 0 || b.progress.ended(p) {
			continue
		}
		more, err := b.run(ctx, p, members, out)
		if err != nil {
			b.abandon(ctx)
			return nil, err
		}
		if more {
			return b.pause(ctx, out)
		}
		if b.progress != nil {
			b.progress.begin(p)
			b.progress.end(p)
		}
	}
	if err := b.drop(ctx); err != nil {
		return nil, err
	}
	if b.progress != nil && b.progress.Chunks > 0 {
		s.cfg.Logger.InfoContext(ctx, "a person's rows were erased in chunks", "system", s.cfg.System, "request_id", string(ds[0].RequestID),
			"chunks", b.progress.Chunks+1, "since", b.progress.Since)
	}
	return out.erased(b), nil
}

// run erases for one kind of subject. more says that only a chunk was.
func (b *batch) run(ctx context.Context, p *plan, members []int, out *answers) (more bool, err error) {
	if !b.progress.begun(p) {
		err := b.whole(ctx, p, members, out)
		if !errors.Is(err, errOver) {
			return false, err
		}
		if len(b.ds) > 1 {
			return false, responder.ErrTooLarge
		}
		if err := b.drop(ctx); err != nil {
			return false, err
		}
	}
	return b.chunk(ctx, p, members, out)
}

// whole erases everything for one kind of subject, or nothing: it is [errOver] where that is too much.
func (b *batch) whole(ctx context.Context, p *plan, members []int, out *answers) error {
	if err := b.reach(ctx, p, members); err != nil {
		return err
	}
	if err := b.measure(ctx, p); err != nil {
		return err
	}
	cuts, err := b.attached(ctx, p)
	if err != nil {
		return err
	}
	for _, r := range p.sets {
		if err := b.freezeRows(ctx, r); err != nil {
			return err
		}
	}
	if err := b.learn(ctx, p); err != nil {
		return err
	}
	if err := b.changing(ctx, p); err != nil {
		return err
	}
	for _, c := range cuts {
		if err := b.cut(ctx, c, out); err != nil {
			return err
		}
	}
	for _, r := range p.order {
		if err := b.act(ctx, r, out); err != nil {
			return err
		}
		if err := b.inspect(ctx, r, members, out); err != nil {
			return err
		}
	}
	return nil
}

// changing is called before the first change.
func (b *batch) changing(ctx context.Context, p *plan) error {
	if s := p.d.changing(); s != "" {
		_, err := b.exec(ctx, "prepare an erasure", s)
		return err
	}
	return nil
}

// agree demands that a statement changed as many rows as were counted. A trigger or a rule that does something else instead
// would otherwise go as an erasure; a concurrent change is gone when the batch is repeated.
func agree(doing string, changed, counted int64) error {
	if changed == counted {
		return nil
	}
	return responder.Transient(ownErrorf("%s: %d rows were changed and %d counted: a trigger or a rule does something else instead, or somebody else changed them meanwhile", doing, changed, counted))
}

// part is one group of rows in a temporary table: of a dispatch, shared or not, with something to mask or not.
type part struct {
	d            int
	shared, bare bool
	n            int64
}

func (f part) like(o part) bool { return f.d == o.d && f.shared == o.shared && f.bare == o.bare }

// act does to one set what its policy says.
func (b *batch) act(ctx context.Context, r *rowset, out *answers) error {
	if r.rows.Policy == "" {
		return nil // nothing personal is in it, or the map would have been refused
	}
	if r.alone() {
		return b.countAlone(ctx, r, out)
	}
	if b.direct(r) {
		return b.actDirect(ctx, r, out)
	}
	found, known := b.found[r]
	if !known {
		var err error
		if found, err = b.parts(ctx, r, "SELECT d, s, m, count(*) FROM %s WHERE g = 0 GROUP BY d, s, m"); err != nil {
			return err
		}
	}
	for _, f := range found {
		out.tally(f.d, r).reached(r, f, b.again[f.d])
	}
	if r.rows.Policy == datamap.Delete {
		doing := "delete from " + r.label()
		del := func() (int64, error) { return b.delete(ctx, r, doing) }
		err := b.settle(ctx, r, found, doing, func(f part) bool { return !f.shared }, del, func(f part) { out.tally(f.d, r).erase += f.n })
		if err != nil {
			return err
		}
	}
	if !r.masked() {
		return nil
	}
	where, whose := "g = 0 AND m = 1", func(f part) bool { return f.bare }
	switch {
	case r.rows.Policy == datamap.Delete: // only what others share is masked
		where, whose = where+" AND s = 1", func(f part) bool { return f.bare && f.shared }
	case r.up && r.rows.Shared == datamap.Keep:
		where, whose = where+" AND s = 0", func(f part) bool { return f.bare && !f.shared }
	}
	return b.settle(ctx, r, found, "mask "+r.label(), whose, func() (int64, error) { return b.mask(ctx, r, where) },
		func(f part) { out.tally(f.d, r).mask += f.n })
}

// settle runs a statement for the rows that pick takes and counts each changed row for the first dispatch that reached it.
func (b *batch) settle(ctx context.Context, r *rowset, found []part, doing string, pick func(part) bool, run func() (int64, error), count func(part)) error {
	reached := sum(found, pick)
	if reached == 0 {
		return nil
	}
	n, err := run()
	if err != nil {
		return err
	}
	owners := found
	if n != reached { // some rows were reached by several dispatches, or the count is wrong
		owners, err = b.parts(ctx, r, "SELECT d, s, m, count(*) FROM (SELECT min(d) AS d, min(s) AS s, max(m) AS m FROM %s WHERE g = 0 GROUP BY "+r.keys("")+") AS o GROUP BY d, s, m")
		if err != nil {
			return err
		}
		if counted := sum(owners, pick); n < counted && r.inRounds() && r.rows.Policy == datamap.Delete {
			return circled(doing, n, counted)
		} else if err := agree(doing, n, counted); err != nil {
			return err
		}
	}
	for _, f := range owners {
		if pick(f) {
			count(f)
		}
	}
	return nil
}

func sum(parts []part, pick func(part) bool) int64 {
	var n int64
	for _, f := range parts {
		if pick(f) {
			n += f.n
		}
	}
	return n
}

func (b *batch) parts(ctx context.Context, r *rowset, query string) ([]part, error) {
	var out []part
	err := b.db.read(ctx, func(row scanner) error {
		var f part
		var s, m int
		if err := row.Scan(&f.d, &s, &m, &f.n); err != nil {
			return err
		}
		f.shared, f.bare = s == 1, m == 1
		out = append(out, f)
		return nil
	}, fmt.Sprintf(query, r.p.d.temporaryName(r.name)))
	if err != nil {
		return nil, failed("count rows of "+r.label(), err)
	}
	return out, nil
}

// countAlone counts rows that stay as they are and that nothing else is found by.
func (b *batch) countAlone(ctx context.Context, r *rowset, out *answers) error {
	v := r.vias[0]
	if !b.made[v.from] {
		return nil
	}
	p := r.p
	where := b.conditions(v)
	if where != "" {
		where = " WHERE " + where
	}
	query := fmt.Sprintf("SELECT f.d, count(*) FROM %s%s GROUP BY f.d", b.join(v), where)
	if !v.unique() || b.later() {
		query = fmt.Sprintf("SELECT o.d, count(*) FROM (SELECT DISTINCT f.d, %s FROM %s%s) AS o GROUP BY o.d", p.list("t", r.key), b.join(v), where)
	}
	err := b.db.read(ctx, func(row scanner) error {
		f := part{}
		if err := row.Scan(&f.d, &f.n); err != nil {
			return err
		}
		out.tally(f.d, r).reached(r, f, b.again[f.d])
		return nil
	}, query)
	return failed("count rows of "+r.label(), err)
}

// listed is a query for the keys that stand in the set's table.
func (r *rowset) listed(where string) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s", r.keys(""), r.p.d.temporaryName(r.name), where)
}

// drop removes the temporary tables: a connection goes back to a pool, and a transaction may hold another batch.
func (b *batch) drop(ctx context.Context) error {
	for _, name := range b.temps {
		if _, err := b.exec(ctx, "drop a temporary table", b.s.d.drop(name)); err != nil {
			return err
		}
	}
	b.temps = nil
	clear(b.made)
	clear(b.have)
	clear(b.found)
	clear(b.several)
	clear(b.newRows)
	return nil
}

// abandon removes, after an error, what a rollback would leave behind in the session. It does what it can: what remains is
// replaced by the next batch in the session, or ends with it.
func (b *batch) abandon(ctx context.Context) {
	if !b.s.d.keepsTemporary() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonLimit)
	defer cancel()
	for _, name := range b.temps {
		if _, err := b.db.exec(ctx, b.s.d.drop(name)); err != nil {
			return
		}
	}
}

const abandonLimit = 5 * time.Second
