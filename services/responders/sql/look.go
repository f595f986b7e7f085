package sql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// Verify implements [responder.System]. It looks, by the keys that the first act remembered and by the identifiers, at every
// mapped collection, and changes nothing.
//
// Counts.Remaining are rows that an erasure would still take: rows that should be gone and carry a key from before the erasure or
// hang on one that does, rows whose masked columns hold values of another form than the mask's, references that should be
// detached. Rows that stay by the map's word do not count. Counts.Found adds rows of the person's own that came anew with the
// same e-mail address or the like, which are reported and not erased.
func (s *System) Verify(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	var out []responder.Answer
	err := s.reading(ctx, func(s *System, tx *sql.Tx) error {
		a := newAnswers(s, ds)
		l := &look{s: s, tx: tx, ds: ds, remaining: map[tallyKey]int64{}, came: map[tallyKey]int64{}, shared: map[tallyKey]bool{}, texts: map[tallyKey]*textual{}}
		for _, p := range s.plans {
			if members := a.of[p]; len(members) > 0 {
				if err := l.run(ctx, p, members); err != nil {
					return err
				}
			}
		}
		out = l.answers(a)
		return nil
	})
	return out, err
}

// reading runs what only reads: in the ledger's transaction, or in one of its own that can do nothing else.
func (s *System) reading(ctx context.Context, do func(*System, *sql.Tx) error) error {
	tx := ledger.Tx(ctx)
	if tx == nil {
		var err error
		if tx, err = s.d.snapshot(ctx, s.cfg.DB); err != nil {
			return failed("begin to read", err)
		}
		defer tx.Rollback() //nolint:errcheck // it only read
	}
	s, err := s.present(ctx, live{tx})
	if err != nil {
		return err
	}
	if err := s.d.prepare(ctx, tx, s.cfg); err != nil {
		return failed("prepare to read", err)
	}
	return do(s, tx)
}

// tallyKey names what was counted: of is a set, a detaching, or what a set shares.
type tallyKey struct {
	d  int
	of any
}

type look struct {
	s  *System
	tx *sql.Tx
	ds []responder.Dispatch

	remaining, came map[tallyKey]int64
	shared          map[tallyKey]bool // other people's rows refer to some of the set's
	texts           map[tallyKey]*textual
}

// sharing is a set of which rows of other people's may refer to some.
type sharing struct{ set *rowset }

func (l *look) run(ctx context.Context, p *plan, members []int) error {
	if err := l.lookThrough(ctx, p, members); err != nil {
		return err
	}
	s, err := lookSearch(ctx, live{l.tx}, p, l.ds, members)
	if err != nil {
		return err
	}
	c, err := closed(ctx, live{l.tx}, p, s)
	if err != nil {
		return err
	}
	var parts []string
	var of []any
	add := func(what any, query string) {
		parts = append(parts, fmt.Sprintf("SELECT %d AS what, o.d, count(*) AS n FROM (%s) AS o GROUP BY o.d", len(of), query))
		of = append(of, what)
	}
	for n, r := range p.sets {
		if r.rows.Policy == datamap.Delete || r.masked() {
			add(r, c.left(n, r))
		}
	}
	for _, d := range p.detach {
		add(d, c.stillAttached(d))
	}
	for _, n := range c.anew {
		add(n, "SELECT DISTINCT d, "+n.set.keys("")+" FROM "+n.name)
	}
	for n, r := range p.sets {
		if r.up && len(r.fromHere(p)) > 0 {
			add(sharing{r}, fmt.Sprintf("SELECT DISTINCT d, %s FROM c%d WHERE s = 1", r.keys(""), n))
		}
	}
	if len(parts) == 0 {
		return c.unstage(ctx, live{l.tx})
	}
	err = live{l.tx}.read(ctx, func(row scanner) error {
		var what, d int
		var n int64
		if err := row.Scan(&what, &d, &n); err != nil {
			return err
		}
		switch of := of[what].(type) {
		case comer:
			l.came[tallyKey{d, of.set}] += n
		case sharing:
			l.shared[tallyKey{d, of.set}] = true
		default:
			l.remaining[tallyKey{d, of}] += n
		}
		return nil
	}, c.with()+strings.Join(parts, "\nUNION ALL "), c.args...)
	if err != nil {
		return failed("look again", err)
	}
	return c.unstage(ctx, live{l.tx})
}

// left finds the rows that an erasure would still take or mask. Documents are opened here, once for each row, and not wherever the
// rows are found: SQLite copies an expression into every place that uses it, and refuses a statement that grows too deep so.
func (c *chain) left(n int, r *rowset) string {
	if !r.opens() {
		return fmt.Sprintf("SELECT DISTINCT d, %s FROM c%d WHERE m = 1", r.keys(""), n)
	}
	return fmt.Sprintf("SELECT DISTINCT x.d, %s FROM c%d AS x %s %s AS t ON %s WHERE x.m = 1 OR x.m = %s AND (%s)",
		r.keys("x."), n, c.p.d.join(), c.p.tableName(r.table), r.sameKey("x", "t"), unopened, r.bareRow("t"))
}

// stillAttached finds rows that refer to the person's over a reference that should be null.
func (c *chain) stillAttached(d *detaching) string {
	return fmt.Sprintf("SELECT DISTINCT f.d, %s FROM %s %s %s AS t ON %s WHERE t.%s IS NOT NULL", c.p.list("t", d.key), c.source(len(c.p.sets), d.from),
		c.p.d.join(), c.p.tableName(d.table), c.p.on(d.on, d.from.alias("f"), c.p.alias("t"), false), c.p.d.quote(d.col.name))
}

// lookSearch is what a look starts from: the keys of the first act; identifiers that a system minted; by what a person brings
// along only rows that are not the person's own, and, to report them, those that are and came anew.
func lookSearch(ctx context.Context, q reader, p *plan, ds []responder.Dispatch, members []int) (search, error) {
	s := search{remembered: map[*rowset]list{}, reached: map[*rowset]list{}}
	for _, r := range p.sets {
		remembered, err := r.thawed(ds, members)
		if err != nil {
			return s, err
		}
		s.remembered[r] = remembered
		for _, e := range r.entries {
			found, err := p.seedsOf(ctx, q, r, e, ds, members)
			if err != nil {
				return s, err
			}
			of := seeded{set: r, entry: e, seeds: found, role: theirs}
			switch {
			case e.minted:
			case r.rows.Root:
				of.role = anew
			default:
				of.role = contact
			}
			s.seeds = append(s.seeds, of)
		}
	}
	return s, nil
}

// answers writes one line for each collection, in the order of the dispatches.
func (l *look) answers(a *answers) []responder.Answer {
	out := make([]responder.Answer, len(l.ds))
	for d := range l.ds {
		if out[d].Err = a.errs[d]; out[d].Err != nil {
			continue
		}
		out[d].IdentifierKinds = a.kinds(d)
		out[d].Collections = make([]dsr.Collection, 0, a.most(d))
		for _, p := range a.plans[d] {
			reachable := a.reachable(p, d)
			for _, r := range p.sets {
				if r.rows.Policy != "" {
					out[d].Collections = merge(out[d].Collections, lookLine(r.label(), r.categories, reachable[r], l.remaining[tallyKey{d, r}], l.came[tallyKey{d, r}]))
				}
			}
			for _, c := range p.detach {
				out[d].Collections = merge(out[d].Collections, lookLine(c.label, c.categories, reachable[c.from], l.remaining[tallyKey{d, c}], 0))
			}
			out[d].Collections = l.textLines(out[d].Collections, p, d)
		}
		for _, p := range a.plans[d] { // when the lines say everything else
			l.sayBehind(out[d].Collections, p, d)
		}
	}
	return out
}

// sayBehind adds to the lines of collections that what hangs on rows which other people share was not searched. A line that says anything else
// stays what it is: a record repeats nothing of one that was not searched.
func (l *look) sayBehind(lines []dsr.Collection, p *plan, d int) {
	behind := p.behind(func(r *rowset) bool { return l.shared[tallyKey{d, r}] })
	for _, r := range p.sets {
		i := slices.IndexFunc(lines, func(c dsr.Collection) bool { return c.Name == r.label() })
		switch of := behind[r]; {
		case i < 0 || of == nil:
		case lines[i].Note != "" || lines[i].Counts != dsr.Counts{}:
			note(&lines[i], of.notSearched())
		default:
			of.say(&lines[i])
		}
	}
}

func lookLine(name string, categories []string, searched bool, remaining, came int64) dsr.Collection {
	out := dsr.Collection{
		Name: name, Categories: categories, CountQuality: dsr.CountsExact, Method: "count", MethodVersion: methodVersion,
		Outcome: dsr.NotFound, Counts: dsr.Counts{Found: remaining + came, Remaining: remaining},
	}
	if !searched {
		out.Outcome, out.Note = dsr.NotSearched, "no identifier at hand leads to this collection"
	}
	if came > 0 {
		note(&out, fmt.Sprintf("%d came anew and is left: it carries no key from before the erasure", came))
	}
	return out
}
