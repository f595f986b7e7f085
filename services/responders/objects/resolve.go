package objects

import (
	"context"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// resolveMost bounds what is taken from one person's records. The coordinator hands anything near it to a human.
const resolveMost = 1000

// Resolve implements [responder.Resolver]: from any record of the person it reads the identifiers that are wanted.
func (s *System) Resolve(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	a := newAnswers(s, ds)
	out := make([]responder.Answer, len(ds))
	for d := range ds {
		out[d].Err = a.errs[d]
		if a.errs[d] == nil {
			out[d].IdentifierKinds = a.kinds(d)
		}
	}
	for _, p := range s.plans {
		if len(a.of[p]) == 0 {
			continue
		}
		q, err := s.search(ctx, p, withoutShared(p, ds), a.of[p], nil, false)
		if err != nil {
			return nil, err
		}
		found := tallies{}
		for _, r := range p.sets {
			if err := q.resolve(ctx, r, ds, found, out); err != nil {
				return nil, err
			}
		}
		for _, d := range a.of[p] {
			reachable := a.reachable(p, d)
			for _, r := range p.sets {
				if !r.rows.Root {
					continue
				}
				c := newLine(r.label(), r.categories, "resolve", reachable[r])
				if n := found.at(d, r).stay; n > 0 {
					c.Outcome, c.Counts.Found = dsr.Exported, n // its identifiers were read
				}
				doubt(&c, q, r.rows.Collection, linkKey{d, r})
				out[d].Collections = merge(out[d].Collections, c)
			}
		}
	}
	return out, nil
}

// withoutShared leaves out identifiers that several people have: they lead back to none of them.
func withoutShared(p *plan, ds []responder.Dispatch) []responder.Dispatch {
	shared := func(kind string) bool {
		return slices.ContainsFunc(p.sets, func(r *set) bool {
			return slices.ContainsFunc(r.entries, func(e entry) bool { return e.kind == kind && e.shared })
		})
	}
	out := slices.Clone(ds)
	for d := range out {
		out[d].Identifiers = slices.DeleteFunc(slices.Clone(out[d].Identifiers), func(i dsr.Identifier) bool { return shared(i.Kind) })
	}
	return out
}

func (q *search) resolve(ctx context.Context, r *set, ds []responder.Dispatch, found tallies, out []responder.Answer) error {
	if !r.jsonl() {
		return q.resolveObjects(ctx, r, found)
	}
	u, err := q.s.read(ctx, r.label(), r.source, func(_ []byte, rec record) error {
		hits, _ := q.found[r].hits(rec, nil)
		for _, d := range hits {
			found.at(d, r).stay++
			for _, e := range r.supplies {
				if slices.Contains(ds[d].Want, e.kind) {
					out[d].Resolved = learn(out[d].Resolved, ds[d], e.kind, rec.values(e.at))
				}
			}
		}
		return nil
	})
	q.unread[r.rows.Collection] = u
	return err
}

// learn takes identifiers in their normal form, each once. What is no identifier of its kind is nobody's.
func learn(have []dsr.Identifier, d responder.Dispatch, kind string, values []string) []dsr.Identifier {
	for _, v := range values {
		id, err := dsr.Identifier{Kind: kind, Value: v}.Normalise()
		if err == nil && len(have) < resolveMost && !slices.Contains(have, id) && !slices.Contains(d.Identifiers, id) {
			have = append(have, id)
		}
	}
	return have
}

// resolveObjects only says whether the person has any: what their names are made of was at hand.
func (q *search) resolveObjects(ctx context.Context, r *set, found tallies) error {
	as, _ := q.assignments(r)
	for _, o := range owners(as) {
		fs, err := q.s.under(ctx, r.label(), o.name)
		if err != nil {
			return err
		}
		for _, d := range o.ds {
			found.at(d, r).stay += int64(len(fs))
		}
	}
	return nil
}
