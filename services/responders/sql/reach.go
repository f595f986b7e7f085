package sql

import (
	"context"
	"fmt"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// batch is one erasure of several dispatches in one transaction.
//
// For every set it fills a temporary table with the rows that each dispatch reaches: d, the dispatch; k0 …, the row's key; l0 …,
// what other rows are found by; m = 1, there is something to mask; s = 1, somebody else's row refers to it as well; g = 1, no row
// but the memory of one, from the keys of the first act. Then each set is erased by one statement for all dispatches.
type batch struct {
	s     *System
	db    runner
	ds    []responder.Dispatch
	again []bool // by dispatch: a later round, which takes only what the first act's keys lead to

	made    map[*rowset]bool // the temporary table exists
	several map[*rowset]bool // two dispatches may have reached the same row
	temps   []string
	newRows map[*plan]bool // dispatches are listed in the plan's table of people who signed up anew

	keys [][]responder.RowKey
	left map[leftKey]int64

	have     map[*rowset]int64 // rows in the temporary table, memories aside
	counted  map[*rowset][]hits
	found    map[*rowset][]part // whose rows were read already
	progress *progress          // of a dispatch that stands alone
	chunked  bool               // of what is reached a chunk is taken
}

type leftKey struct {
	d int
	r *rowset
}

// exec runs one statement.
func (b *batch) exec(ctx context.Context, doing, query string, args ...any) (int64, error) {
	n, err := b.db.exec(ctx, query, args...)
	return n, failed(doing, err)
}

// reach fills the temporary tables of a plan for the members of the batch that it is for.
func (b *batch) reach(ctx context.Context, p *plan, members []int) error {
	var first, later []int
	for _, d := range members {
		if b.again[d] {
			later = append(later, d)
		} else {
			first = append(first, d)
		}
	}
	for _, r := range p.sets {
		if err := b.seed(ctx, r, members, first, later); err != nil {
			return err
		}
	}
	if err := b.renewed(ctx, p, later); err != nil {
		return err
	}
	for _, r := range p.sets {
		if err := b.contacts(ctx, r, later); err != nil {
			return err
		}
	}
	for {
		var found int64
		for _, r := range p.sets {
			n, err := b.follow(ctx, r)
			if err != nil {
				return err
			}
			found += n
		}
		if found == 0 || !p.circle {
			return nil
		}
	}
}

// seed finds rows directly: in the first round by every identifier, later by the keys that the first act remembered and by
// identifiers that a system minted.
func (b *batch) seed(ctx context.Context, r *rowset, members, first, later []int) error {
	remembered, err := r.thawed(b.ds, members)
	if err != nil {
		return err
	}
	if remembered.len() > 0 {
		if from := r.byIdent(1); from != "" {
			if _, err := b.addList(ctx, r, from, remembered); err != nil {
				return err
			}
		}
		if err := b.addGhosts(ctx, r, remembered); err != nil {
			return err
		}
	}
	for _, e := range r.entries {
		who := first
		if e.minted {
			who = members
		}
		if err := b.addEntry(ctx, r, e, who); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) addEntry(ctx context.Context, r *rowset, e entry, who []int) error {
	s, err := r.p.seedsOf(ctx, b.db, r, e, b.ds, who)
	if err != nil {
		return err
	}
	if s.values.len() > 0 {
		if _, err := b.addList(ctx, r, r.byValue(e, 1), s.values); err != nil {
			return err
		}
	}
	_, err = b.addList(ctx, r, r.byKey(1), s.keys)
	return err
}

// addList adds the rows that a search with a list finds.
func (b *batch) addList(ctx context.Context, r *rowset, from string, l list) (int64, error) {
	if l.len() == 0 {
		return 0, nil
	}
	args, err := r.p.d.listArgs(l)
	if err != nil {
		return 0, err
	}
	return b.add(ctx, r, "SELECT DISTINCT "+r.row("i.d", 0)+" FROM "+from, "i.d", "", args)
}

// row lists what a temporary table holds of a row of alias t.
func (r *rowset) row(d string, shared int) string {
	p := r.p
	bare := "0"
	if r.masked() {
		bare = r.bareFlag("t")
	}
	out := []string{d + " AS d"}
	for i, c := range r.key {
		out = append(out, fmt.Sprintf("t.%s AS k%d", p.d.quote(c.name), i))
	}
	for i, c := range r.links {
		out = append(out, fmt.Sprintf("t.%s AS l%d", p.d.quote(c.name), i))
	}
	return strings.Join(append(out, bare+" AS m", fmt.Sprintf("%d AS s", shared), "0 AS g"), ", ")
}

// add puts the rows of a query into a set's table, which the first ones make; later ones must not be there yet. It is [errOver] if
// there are more than a transaction should hold.
func (b *batch) add(ctx context.Context, r *rowset, query, d, where string, args []any) (int64, error) {
	p := r.p
	doing := "find rows of " + r.label()
	within, most, args, err := b.window(r, args)
	if err != nil {
		return 0, err
	}
	var conditions []string
	for _, c := range []string{where, within} {
		if c != "" {
			conditions = append(conditions, c)
		}
	}
	if b.made[r] {
		have := []string{"h.d = " + d, "h.g = 0"}
		for i, c := range r.key {
			have = append(have, fmt.Sprintf("h.k%d = t.%s", i, p.d.quote(c.name)))
		}
		conditions = append(conditions, fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s AS h WHERE %s)", p.d.temporaryName(r.name), strings.Join(have, " AND ")))
	}
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	query += most
	var n int64
	if b.made[r] {
		n, err = b.exec(ctx, doing, "INSERT INTO "+p.d.temporaryName(r.name)+" "+query, args...)
	} else {
		n, err = b.make(ctx, r, doing, query, args)
	}
	if err != nil {
		return 0, err
	}
	b.have[r] += n
	return n, b.over(r)
}

func (b *batch) make(ctx context.Context, r *rowset, doing, query string, args []any) (int64, error) {
	d := r.p.d
	n, err := b.exec(ctx, doing, d.temporary(r.name, query, r), args...)
	if err != nil {
		return 0, err
	}
	b.made[r] = true
	b.temps = append(b.temps, r.name)
	if !d.countsTemporary() {
		if err := b.db.read(ctx, func(row scanner) error { return row.Scan(&n) }, "SELECT count(*) FROM "+d.temporaryName(r.name)); err != nil {
			return 0, failed(doing, err)
		}
	}
	if index := d.index(r.name, r.keys("")+", d"); index != "" {
		if _, err := b.exec(ctx, doing, index); err != nil {
			return 0, err
		}
	}
	if analyze := d.analyze(r.name); analyze != "" && r.linking && n >= analyzeFrom {
		if _, err := b.exec(ctx, doing, analyze); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// analyzeFrom is how many rows make it worth telling the database's planner about them.
const analyzeFrom = 500

// addGhosts puts remembered rows into a set's table whether or not they still exist: what refers to them is found by them.
func (b *batch) addGhosts(ctx context.Context, r *rowset, l list) error {
	p := r.p
	out := []string{"i.d"}
	for _, c := range r.key {
		out = append(out, p.d.thaw("NULL", c))
	}
	for i, c := range r.links {
		out = append(out, p.d.thaw(fmt.Sprintf("i.v%d", i), c))
	}
	if !b.made[r] {
		if _, err := b.make(ctx, r, "find rows of "+r.label(), "SELECT "+r.row("0", 0)+" FROM "+p.tableName(r.table)+" AS t WHERE 1 = 0", nil); err != nil {
			return err
		}
	}
	args, err := p.d.listArgs(l)
	if err != nil {
		return err
	}
	_, err = b.exec(ctx, "find rows of "+r.label(), fmt.Sprintf("INSERT INTO %s SELECT %s, 0, 0, 1 FROM %s",
		p.d.temporaryName(r.name), strings.Join(out, ", "), p.d.list(1, "i", len(r.links))), args...)
	return err
}
