package objects

import (
	"context"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// search finds out, for one kind of subject and the dispatches that ask about it, by which values their records are found:
// everywhere, before anything is changed, for what leads from one collection to another is gone afterwards.
//
// In later rounds, and in looks, a person's own record counts only if it carries a key from before the erasure: one that the
// first act remembered, or an identifier that a system minted for one registration. A record of the person's own that merely
// holds the same e-mail address is of somebody who signed up anew, and with it whatever is found by that address alone: it is
// reported and left.
type search struct {
	s       *System
	p       *plan
	ds      []responder.Dispatch
	members []int
	later   map[int]bool // dispatches that take only what carries a key from before

	found   map[*set]matchers
	detach  map[*detaching]*matcher
	ways    map[*via]*matcher
	renewed map[int]bool
	unread  map[*datamap.Collection]unread
	links   map[linkKey]int
	tooMany map[linkKey]bool // more values than the limit lead to the set: not all of it is searched

	remember bool
	keys     map[int][]responder.RowKey
	seen     map[seenKey]bool
	left     map[linkKey]int64 // records that were not remembered
}

type seenKey struct {
	d int
	k responder.RowKey
}

type linkKey struct {
	d int
	r *set
}

func (s *System) search(ctx context.Context, p *plan, ds []responder.Dispatch, members []int, later map[int]bool, remember bool) (*search, error) {
	q := &search{
		s: s, p: p, ds: ds, members: members, later: later,
		found: map[*set]matchers{}, detach: map[*detaching]*matcher{}, ways: map[*via]*matcher{},
		renewed: map[int]bool{}, unread: map[*datamap.Collection]unread{}, links: map[linkKey]int{}, tooMany: map[linkKey]bool{},
		remember: remember, keys: map[int][]responder.RowKey{}, seen: map[seenKey]bool{}, left: map[linkKey]int64{},
	}
	mem, err := recall(ds, members)
	if err != nil {
		return nil, err
	}
	for _, r := range p.sets {
		for _, v := range r.vias {
			m := &matcher{role: theirs, kind: v.identity}
			if v.identity != "" && !v.minted {
				m.role = contact
			}
			for _, o := range v.on {
				m.at = append(m.at, o.to)
			}
			q.ways[v] = m
		}
	}
	for _, d := range p.detach {
		m := &matcher{}
		for _, o := range d.on {
			m.at = append(m.at, o.to)
		}
		q.detach[d] = m
	}
	for _, r := range p.sets {
		q.direct(r, mem[r.label()])
		for _, k := range mem[r.label()] {
			q.lead(r, k.d, k.f.values)
		}
		if !r.jsonl() {
			continue
		}
		if len(r.links) == 0 && !r.rows.Root {
			continue // nothing is found from it; it is read when it is worked on
		}
		if err := q.read(ctx, r); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (f frozen) values(p path) []string {
	if v, ok := f[p.String()]; ok {
		return []string{v}
	}
	return nil
}

// direct collects how records of a set are found: by what was remembered, by identifiers, over references.
func (q *search) direct(r *set, mem []remembered) {
	var ms matchers
	own := &matcher{at: r.key}
	minted := map[string]*matcher{}
	for _, k := range mem {
		if values, ok := tuple(r.key, k.f.values); ok {
			for _, t := range values {
				own.add(k.d, t)
			}
		}
		for _, e := range r.supplies {
			if !e.minted {
				continue
			}
			for _, v := range k.f.values(e.at) {
				m := minted[e.at.String()]
				if m == nil {
					m = &matcher{at: []path{e.at}, kind: e.kind}
					minted[e.at.String()] = m
					ms = append(ms, m)
				}
				m.add(k.d, normal(e.kind, v))
			}
		}
	}
	if len(r.key) > 0 {
		ms = append(ms, own)
	}
	for _, e := range r.entries {
		first := &matcher{at: []path{e.at}, kind: e.kind}
		later := &matcher{at: []path{e.at}, kind: e.kind}
		switch {
		case e.minted:
		case r.rows.Root:
			later.role = anew
		default:
			later.role = contact
		}
		for _, d := range q.members {
			for _, v := range q.ds[d].Values(e.kind) {
				if q.later[d] {
					later.add(d, v)
				} else {
					first.add(d, v)
				}
			}
		}
		ms = append(ms, first, later)
	}
	for _, v := range r.vias {
		ms = append(ms, q.ways[v])
	}
	q.found[r] = ms
}

// read goes through a set whose records lead elsewhere, or are the person's own.
func (q *search) read(ctx context.Context, r *set) error {
	u, err := q.s.read(ctx, r.label(), r.source, func(_ []byte, rec record) error {
		hits, came := q.found[r].hits(rec, q.renewed)
		for _, d := range came {
			q.renewed[d] = true
		}
		for _, d := range hits {
			q.lead(r, d, rec.values)
			if err := q.keep(r, d, rec.values); err != nil {
				return err
			}
		}
		return nil
	})
	q.unread[r.rows.Collection] = u
	return err
}

// lead notes what a record's values lead to.
func (q *search) lead(r *set, d int, values func(path) []string) {
	for _, to := range q.p.sets {
		for _, v := range to.vias {
			if v.from != r {
				continue
			}
			at := make([]path, len(v.on))
			for i, o := range v.on {
				at[i] = o.from
			}
			q.leadTo(q.ways[v], linkKey{d, to}, at, values)
		}
	}
	for _, c := range q.p.detach {
		if c.from != r {
			continue
		}
		at := make([]path, len(c.on))
		for i, o := range c.on {
			at[i] = o.from
		}
		q.leadTo(q.detach[c], linkKey{d, r}, at, values)
	}
}

func (q *search) leadTo(m *matcher, k linkKey, at []path, values func(path) []string) {
	ts, ok := tuple(at, func(p path) []string {
		vs := slices.Clone(values(p))
		for i, v := range vs {
			vs[i] = normal(m.kind, v)
		}
		return vs
	})
	if !ok {
		return
	}
	for _, t := range ts {
		if slices.Contains(m.who[t], k.d) {
			continue
		}
		if q.links[k]++; q.links[k] > q.s.cfg.MaxLinks {
			q.tooMany[k] = true
			return
		}
		m.add(k.d, t)
	}
}

// tuple combines the values at several paths; false where one of them has none.
func tuple(at []path, values func(path) []string) ([]string, bool) {
	var out []string
	for i, p := range at {
		vs := values(p)
		if len(vs) == 0 {
			return nil, false
		}
		if i == 0 {
			out = slices.Clone(vs)
			continue
		}
		var longer []string
		for _, t := range out {
			for _, v := range vs {
				if len(longer) < mostTuples {
					longer = append(longer, t+"\x00"+v)
				}
			}
		}
		out = longer
	}
	return out, len(out) > 0
}

// keep remembers a record, for what is written later and refers to it.
func (q *search) keep(r *set, d int, values func(path) []string) error {
	if !q.remember || len(q.ds[d].Keys) > 0 { // those of the first act stay with the request
		return nil
	}
	f := frozen{}
	put := func(p path) {
		if vs := values(p); len(vs) == 1 {
			f[p.String()] = vs[0]
		}
	}
	for _, p := range r.key {
		put(p)
	}
	for _, e := range r.supplies {
		if e.minted {
			put(e.at)
		}
	}
	for _, p := range r.links {
		put(p)
	}
	if len(f) == 0 {
		return nil
	}
	k, err := rowKey(r.label(), f)
	if err != nil {
		return err
	}
	id := seenKey{d, k}
	switch {
	case q.seen[id]:
	case len(q.keys[d]) >= q.s.cfg.MaxKeys:
		q.left[linkKey{d, r}]++
	default:
		q.seen[id] = true
		q.keys[d] = append(q.keys[d], k)
	}
	return nil
}
