package objects

import (
	"context"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Verify implements [responder.System]. It reads every file and changes none.
//
// Counts.Remaining are records and objects that an erasure would still take: those that carry a key from before the erasure, or
// hang on one that does, and should be gone, hold a value that is not masked, or a reference that should be null. Counts.Found
// adds records of the person's own that came anew with the same e-mail address or the like, which are reported and not erased.
func (s *System) Verify(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	a := newAnswers(s, ds)
	later := map[int]bool{}
	for d := range ds {
		later[d] = true
	}
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
		q, err := s.search(ctx, p, ds, a.of[p], later, false)
		if err != nil {
			return nil, err
		}
		if err := q.look(ctx, a.tallies); err != nil {
			return nil, err
		}
		for _, d := range a.of[p] {
			reachable := a.reachable(p, d)
			for _, r := range p.sets {
				if r.rows.Policy != "" {
					out[d].Collections = merge(out[d].Collections, q.lookLine(d, newLine(r.label(), r.categories, "count", reachable[r]), a.tallies.at(d, r), r.rows.Collection, r))
				}
			}
			for _, c := range p.detach {
				out[d].Collections = merge(out[d].Collections, q.lookLine(d, newLine(c.to.Label, c.to.Categories(), "count", reachable[c.from]), a.tallies.at(d, c), c.to, c.from))
			}
		}
	}
	return out, nil
}

func (q *search) lookLine(d int, c dsr.Collection, t *tally, of *datamap.Collection, r *set) dsr.Collection {
	c.Counts = dsr.Counts{Found: t.remain + t.came, Remaining: t.remain}
	if t.came > 0 {
		note(&c, fmt.Sprintf("%d came anew and is left: it carries no key from before the erasure", t.came))
	}
	doubt(&c, q, of, linkKey{d, r})
	return c
}

// look counts what remains.
func (q *search) look(ctx context.Context, out tallies) error {
	for _, r := range q.p.sets {
		if r.rows.Policy == "" {
			continue
		}
		if !r.jsonl() {
			if err := q.lookAtObjects(ctx, r, out); err != nil {
				return err
			}
			continue
		}
		u, err := q.s.read(ctx, r.label(), r.source, func(_ []byte, rec record) error {
			hits, came := q.found[r].hits(rec, q.renewed)
			if r.rows.Root {
				for _, d := range came {
					out.at(d, r).came++
				}
			}
			if r.rows.Policy == datamap.Keep || r.rows.Policy == datamap.Anonymise && !r.bare(rec) {
				return nil
			}
			for _, d := range hits {
				out.at(d, r).remain++
			}
			return nil
		})
		if err != nil {
			return err
		}
		q.unread[r.rows.Collection] = u
	}
	for _, c := range q.p.detach {
		ms := matchers{q.detach[c]}
		u, err := q.s.read(ctx, c.to.Label, c.to.Source, func(_ []byte, rec record) error {
			hits, _ := ms.hits(rec, nil)
			for _, d := range hits {
				out.at(d, c).remain++
			}
			return nil
		})
		if err != nil {
			return err
		}
		q.unread[c.to] = u
	}
	return nil
}

func (q *search) lookAtObjects(ctx context.Context, r *set, out tallies) error {
	as, unnamed := q.assignments(r)
	for d := range unnamed {
		out.at(d, r).unnamed = true
	}
	for _, o := range owners(as) {
		fs, err := q.s.under(ctx, r.label(), o.name)
		if err != nil {
			return err
		}
		for _, d := range o.came {
			out.at(d, r).came += int64(len(fs))
		}
		if r.rows.Policy == datamap.Delete {
			for _, d := range o.ds {
				out.at(d, r).remain += int64(len(fs))
			}
		}
	}
	return nil
}
