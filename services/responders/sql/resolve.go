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
)

// Resolve implements [responder.Resolver]: from any mapped row of the person it reads the identifiers that are wanted. A person
// who is not there is not_found; rows that hold none of what is wanted are found all the same.
func (s *System) Resolve(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	var out []responder.Answer
	err := s.reading(ctx, func(s *System, tx *sql.Tx) error {
		a := newAnswers(s, ds)
		of := make([]learnt, len(ds))
		for _, p := range s.plans {
			if members := a.of[p]; len(members) > 0 {
				if err := s.resolve(ctx, tx, p, ds, members, of); err != nil {
					return err
				}
			}
		}
		out = a.resolved(of)
		return nil
	})
	return out, err
}

// learnt is what a resolution learnt about one person.
type learnt struct {
	rows        map[string]int64 // by the label of the person's own collection
	identifiers []dsr.Identifier
}

// resolveMost bounds what is taken from one person's rows. The coordinator hands anything near it to a human.
const resolveMost = 1000

func (s *System) resolve(ctx context.Context, tx *sql.Tx, p *plan, ds []responder.Dispatch, members []int, out []learnt) error {
	start, err := firstSearch(ctx, live{tx}, p, ds, members, false)
	if err != nil {
		return err
	}
	c, err := closed(ctx, live{tx}, p, start)
	if err != nil {
		return err
	}
	var parts []string
	var supplies []datamap.Identity
	for n, r := range p.sets {
		if r.rows.Root {
			parts = append(parts, fmt.Sprintf("SELECT %d AS what, o.d AS d, %s AS v FROM (SELECT DISTINCT d, %s FROM c%d) AS o GROUP BY o.d", -1-n, p.d.text("count(*)"), r.keys(""), n))
		}
	}
	for _, id := range s.supplies(p.kind) {
		r := p.set(id.Field.Collection)
		if r == nil || !wanted(ds, members, id.Kind) {
			continue
		}
		col, _ := holderIn(p.d, r.table, id.Field)
		if col == nil || col.of != nil && !r.rows.Root {
			continue // a document of another row may name many people
		}
		name := p.value("t", col)
		found := fmt.Sprintf("c%d AS x %s %s AS t ON %s", slices.Index(p.sets, r), p.d.join(), p.tableName(r.table), r.sameKey("x", "t"))
		if col.of != nil {
			found += " " + p.d.opens() + " " + p.d.inside("t."+p.d.quote(col.name), col).from
		}
		parts = append(parts, fmt.Sprintf("SELECT DISTINCT %d AS what, x.d AS d, %s AS v FROM %s WHERE x.s = 0 AND %s IS NOT NULL",
			len(supplies), p.d.text(name), found, name))
		supplies = append(supplies, id)
	}
	err = live{tx}.read(ctx, func(row scanner) error {
		var what, d int
		var v string
		if err := row.Scan(&what, &d, &v); err != nil {
			return err
		}
		if what < 0 {
			out[d].count(p.sets[-1-what].label(), v)
			return nil
		}
		if c, masked := constantOf(supplies[what].Field); masked && strings.TrimRight(v, " ") == strings.TrimRight(c, " ") {
			return nil
		}
		out[d].learn(ds[d], dsr.Identifier{Kind: supplies[what].Kind, Value: v})
		return nil
	}, c.with()+strings.Join(parts, "\nUNION ALL ")+"\nORDER BY 1, 2, 3", c.args...)
	if err != nil {
		return failed("resolve identifiers", err)
	}
	return c.unstage(ctx, live{tx})
}

// supplies lists the fields of a kind of subject that hold identifiers.
func (s *System) supplies(kind string) []datamap.Identity {
	sub, ok := s.system.Subject(kind)
	if !ok {
		return nil
	}
	return sub.Supplies()
}

func wanted(ds []responder.Dispatch, members []int, kind string) bool {
	return slices.ContainsFunc(members, func(d int) bool { return slices.Contains(ds[d].Want, kind) })
}

func (f *learnt) count(label, n string) {
	if f.rows == nil {
		f.rows = map[string]int64{}
	}
	var rows int64
	fmt.Sscan(n, &rows) //nolint:errcheck // the database wrote the number
	f.rows[label] += rows
}

// learn takes an identifier that is wanted, in its normal form, once. What is no identifier of its kind is nobody's.
func (f *learnt) learn(d responder.Dispatch, id dsr.Identifier) {
	id, err := id.Normalise()
	if err != nil || !slices.Contains(d.Want, id.Kind) || len(f.identifiers) >= resolveMost {
		return
	}
	if !slices.Contains(f.identifiers, id) && !slices.Contains(d.Identifiers, id) {
		f.identifiers = append(f.identifiers, id)
	}
}

// firstSearch is what a resolution and an export start from: every identifier at hand finds rows of the person.
func firstSearch(ctx context.Context, q reader, p *plan, ds []responder.Dispatch, members []int, shared bool) (search, error) {
	s := search{remembered: map[*rowset]list{}, reached: map[*rowset]list{}}
	for _, r := range p.sets {
		for _, e := range r.entries {
			if e.shared && !shared {
				continue // what several people have leads back to none of them
			}
			found, err := p.seedsOf(ctx, q, r, e, ds, members)
			if err != nil {
				return s, err
			}
			s.seeds = append(s.seeds, seeded{set: r, entry: e, seeds: found, role: theirs})
		}
	}
	return s, nil
}

// resolved writes the answers: one line for each collection that holds a person's own row.
func (a *answers) resolved(of []learnt) []responder.Answer {
	out := make([]responder.Answer, len(a.ds))
	for d := range a.ds {
		if out[d].Err = a.errs[d]; out[d].Err != nil {
			continue
		}
		out[d].IdentifierKinds = a.kinds(d)
		out[d].Resolved = of[d].identifiers
		for _, p := range a.plans[d] {
			reachable := a.reachable(p, d)
			for _, r := range p.sets {
				if !r.rows.Root {
					continue
				}
				c := dsr.Collection{
					Name: r.label(), Categories: r.categories, CountQuality: dsr.CountsExact, Method: "resolve", MethodVersion: methodVersion,
					Outcome: dsr.NotFound, Counts: dsr.Counts{Found: of[d].rows[r.label()]},
				}
				switch {
				case c.Counts.Found > 0:
					c.Outcome = dsr.Exported // its identifiers were read
				case !reachable[r]:
					c.Outcome, c.Note = dsr.NotSearched, "no identifier at hand leads to this collection"
				}
				out[d].Collections = merge(out[d].Collections, c)
			}
		}
	}
	return out
}
