package objects

import (
	"bytes"
	"context"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Erase implements [responder.System]. Everything is searched before anything is changed, and what is found from a record is
// erased before the record: a process that dies in between is made up for by doing it once more.
//
// Records that two dispatches of a batch reach count as found for both, and as erased for the one that comes first in the batch.
func (s *System) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	defer s.forget()
	s.late = tallies{}
	a := newAnswers(s, ds)
	later := map[int]bool{}
	for d := range ds {
		later[d] = ds[d].Round > 1
	}
	qs := map[*plan]*search{}
	for _, p := range s.plans {
		if len(a.of[p]) == 0 {
			continue
		}
		q, err := s.search(ctx, p, ds, a.of[p], later, true)
		if err != nil {
			return nil, err
		}
		qs[p] = q
		for _, c := range p.detach {
			if err := q.cut(ctx, c, a.tallies); err != nil {
				return nil, err
			}
		}
		for _, r := range p.order {
			if err := q.act(ctx, r, a.tallies); err != nil {
				return nil, err
			}
		}
	}
	if err := s.lastLook(ctx); err != nil {
		return nil, err
	}
	a.tallies.add(s.late)
	return a.erased(qs), nil
}

// cut sets a reference in somebody's record to null.
func (q *search) cut(ctx context.Context, c *detaching, out tallies) error {
	ms := matchers{q.detach[c]}
	if len(q.detach[c].who) == 0 {
		return nil
	}
	u, err := q.s.change(ctx, c.to.Label, c.to.Source, out, func(line []byte, r record, t tallies) ([]byte, error) {
		hits, _ := ms.hits(r, nil)
		if len(hits) == 0 {
			return line, nil
		}
		t.at(hits[0], c).detach++
		return editedLine(line, []edit{{c.field, func([]byte) []byte { return []byte("null") }}})
	})
	q.unread[c.to] = u
	return err
}

// act does to one set what its policy says.
func (q *search) act(ctx context.Context, r *set, out tallies) error {
	if r.rows.Policy == "" {
		return nil // nothing personal is in it, or the map would have been refused
	}
	if !r.jsonl() {
		return q.actObjects(ctx, r, out)
	}
	u, err := q.s.change(ctx, r.label(), r.source, out, func(line []byte, rec record, t tallies) ([]byte, error) {
		hits, came := q.found[r].hits(rec, q.renewed)
		for _, d := range came {
			t.at(d, r).came++
		}
		if len(hits) == 0 {
			return line, nil
		}
		return q.changed(r, line, rec, hits, t)
	})
	q.unread[r.rows.Collection] = u
	return err
}

// changed is what becomes of a record of the dispatches in hits; nil takes it out.
func (q *search) changed(r *set, line []byte, rec record, hits []int, t tallies) ([]byte, error) {
	switch r.rows.Policy {
	case datamap.Delete:
		for _, d := range hits {
			t.at(d, r).toErase++
		}
		t.at(hits[0], r).erase++
		return nil, nil
	case datamap.Anonymise:
		if !r.bare(rec) {
			for _, d := range hits {
				if !q.later[d] {
					t.at(d, r).before++
				}
			}
			return line, nil
		}
		for _, d := range hits {
			t.at(d, r).toMask++
		}
		t.at(hits[0], r).mask++
		edits := make([]edit, len(r.masks))
		for i := range r.masks {
			m := &r.masks[i]
			edits[i] = edit{m.at, func(v []byte) []byte { return m.become(q.s.cfg.MaskKey, v) }}
		}
		return editedLine(line, edits)
	}
	for _, d := range hits {
		x := t.at(d, r)
		x.stay++
		if q.later[d] {
			x.known++
		}
	}
	return line, nil
}

// bare reports whether anything in a record is left to mask.
func (r *set) bare(rec record) bool {
	for i := range r.masks {
		if bareAt(rec, &r.masks[i], r.masks[i].at) {
			return true
		}
	}
	return false
}

func bareAt(rec record, m *mask, p path) bool {
	for _, x := range rec {
		if x.name != p[0] {
			continue
		}
		if len(p) == 1 {
			if m.bare(x.value) {
				return true
			}
			continue
		}
		if bareInside(x.value, m, p[1:]) {
			return true
		}
	}
	return false
}

func bareInside(value []byte, m *mask, p path) bool {
	switch first(value) {
	case '{':
		inner, err := members(value)
		return err == nil && bareAt(inner, m, p)
	case '[':
		es, err := elements(value)
		if err != nil {
			return false
		}
		for _, e := range es {
			if bareInside(e, m, p) {
				return true
			}
		}
	}
	return false
}

// editedLine edits a record and keeps what stands around it: a byte order mark, the line break.
func editedLine(line []byte, edits []edit) ([]byte, error) {
	body := trimmed(line)
	at := bytes.Index(line, body)
	doc, err := edited(body, edits)
	if err != nil {
		return nil, ownErrorf("a record cannot be edited")
	}
	return bytes.Join([][]byte{line[:at], doc, line[at+len(body):]}, nil), nil
}

// actObjects deletes or counts the whole objects of a set.
func (q *search) actObjects(ctx context.Context, r *set, out tallies) error {
	as, unnamed := q.assignments(r)
	for d := range unnamed {
		out.at(d, r).unnamed = true
	}
	for _, o := range owners(as) {
		fs, err := q.s.under(ctx, r.label(), o.name)
		if err != nil {
			return err
		}
		n := int64(len(fs))
		for _, d := range o.came {
			out.at(d, r).came += n
		}
		if n == 0 || len(o.ds) == 0 {
			continue
		}
		for _, d := range o.ds {
			if err := q.keepObject(r, d, o.name); err != nil {
				return err
			}
			x := out.at(d, r)
			if r.rows.Policy == datamap.Delete {
				x.toErase += n
				continue
			}
			x.stay += n
			if q.later[d] {
				x.known += n
			}
		}
		if r.rows.Policy != datamap.Delete {
			continue
		}
		for _, f := range fs {
			if err := q.s.cfg.Bucket.Delete(ctx, f.key); err != nil && !gone(err) {
				return failed("delete an object of "+r.label(), err)
			}
			out.at(o.ds[0], r).erase++
		}
		q.s.prune(r, o.name)
	}
	return nil
}

// keepObject remembers by what a person's own objects were named.
func (q *search) keepObject(r *set, d int, name string) error {
	if !r.rows.Root {
		return nil
	}
	values, ok := r.source.Prefix.Match(name)
	if !ok {
		return nil
	}
	return q.keep(r, d, func(p path) []string {
		if v, ok := values[p.String()]; ok {
			return []string{v}
		}
		return nil
	})
}
