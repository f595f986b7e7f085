package objects

import (
	"context"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Export implements [responder.Exporter]: one part of JSON Lines for each collection with records of the person, in the order in
// which they stand, and a part for each whole object. Records stay as they are written but for fields that the map or the scope
// of the request leaves out; fields that the map does not name are left out with a scope, and stay without one.
func (s *System) Export(ctx context.Context, d responder.Dispatch, sink *responder.Sink) (responder.Answer, error) {
	ds := []responder.Dispatch{d}
	a := newAnswers(s, ds)
	if a.errs[0] != nil {
		return responder.Answer{}, a.errs[0]
	}
	out := responder.Answer{IdentifierKinds: a.kinds(0)}
	for _, p := range a.plans[0] {
		q, err := s.search(ctx, p, ds, []int{0}, nil, false)
		if err != nil {
			return responder.Answer{}, err
		}
		reachable := a.reachable(p, 0)
		for _, r := range p.sets {
			c, err := q.export(ctx, r, newLine(r.label(), r.categories, "export", reachable[r]), d, sink)
			if err != nil {
				return responder.Answer{}, err
			}
			doubt(&c, q, r.rows.Collection, linkKey{0, r})
			out.Collections = merge(out.Collections, c)
		}
	}
	return out, nil
}

func (q *search) export(ctx context.Context, r *set, c dsr.Collection, d responder.Dispatch, sink *responder.Sink) (dsr.Collection, error) {
	if c.Outcome == dsr.NotSearched {
		return c, nil
	}
	if !slices.ContainsFunc(r.rows.Collection.Fields, func(f *datamap.Field) bool { return inScope(d.Scope, f) }) {
		c.Note = "nothing in it is in the scope of the request"
		if d.Kind == dsr.Portability {
			c.Outcome = dsr.OutOfScope
		}
		return c, nil
	}
	n, objects, err := q.count(ctx, r)
	switch {
	case err != nil || n == 0:
		return c, err
	case !r.rows.Export:
		c.Note, c.Counts.Found = "left out by the data map", n
		if d.Kind == dsr.Portability { // what a portability request may leave out is no defect
			c.Outcome = dsr.OutOfScope
			return c, nil
		}
		c.Outcome, c.Counts.Withheld = dsr.Withheld, n
		return c, nil
	case r.jsonl():
		n, err = q.exportRecords(ctx, r, d, sink)
		if len(r.rows.Exclude) > 0 {
			c.Note = "left out by the data map: " + paths(r.rows.Exclude)
		}
	default:
		n, err = q.exportObjects(ctx, r, objects, sink)
	}
	c.Outcome, c.Counts = dsr.Exported, dsr.Counts{Found: n, Exported: n}
	return c, err
}

// count says how many records or objects there are before a part is begun.
func (q *search) count(ctx context.Context, r *set) (n int64, objects []file, err error) {
	if r.jsonl() {
		u, err := q.s.read(ctx, r.label(), r.source, func(_ []byte, rec record) error {
			if hits, _ := q.found[r].hits(rec, nil); len(hits) > 0 {
				n++
			}
			return nil
		})
		q.unread[r.rows.Collection] = u
		return n, nil, err
	}
	as, _ := q.assignments(r)
	for _, o := range owners(as) {
		fs, err := q.s.under(ctx, r.label(), o.name)
		if err != nil {
			return 0, nil, err
		}
		objects = append(objects, fs...)
	}
	return int64(len(objects)), objects, nil
}

func (q *search) exportRecords(ctx context.Context, r *set, d responder.Dispatch, sink *responder.Sink) (int64, error) {
	var n int64
	drop := func([]byte) []byte { return nil }
	var edits []edit
	for _, f := range r.rows.Exclude {
		edits = append(edits, edit{pathOf(f), drop})
	}
	err := sink.Records(ctx, r.label(), func(part *responder.Part) error {
		u, err := q.s.read(ctx, r.label(), r.source, func(line []byte, rec record) error {
			hits, _ := q.found[r].hits(rec, nil)
			if len(hits) == 0 {
				return nil
			}
			doc := trimmed(line)
			if all := append(slices.Clone(edits), outside(r, d.Scope, rec)...); len(all) > 0 {
				var err error
				if doc, err = edited(doc, all); err != nil {
					return failed("export a record of "+r.label(), ownErrorf("it cannot be edited"))
				}
			}
			n++
			return part.Line(doc)
		})
		q.unread[r.rows.Collection] = u
		return err
	})
	return n, err
}

// outside takes out what the scope of the request does not name; the key stays, so that records can be told apart.
func outside(r *set, s *dsr.Scope, rec record) []edit {
	if s == nil || len(s.Categories) == 0 {
		return nil
	}
	var out []edit
	for _, m := range rec {
		keep := slices.ContainsFunc(r.rows.Collection.Fields, func(f *datamap.Field) bool {
			return f.Name == m.name && (inScope(s, f) || f.PrimaryKey || slices.ContainsFunc(r.key, func(k path) bool { return k[0] == f.Name }))
		})
		if !keep {
			out = append(out, edit{path{m.name}, func([]byte) []byte { return nil }})
		}
	}
	return out
}

// inScope reports whether one of the field's categories, or of a field inside it, is one that the request names, or below it.
func inScope(s *dsr.Scope, f *datamap.Field) bool {
	if s == nil || len(s.Categories) == 0 {
		return true
	}
	if slices.ContainsFunc(f.Fields, func(g *datamap.Field) bool { return inScope(s, g) }) {
		return true
	}
	return slices.ContainsFunc(f.Categories(), func(c string) bool {
		return slices.ContainsFunc(s.Categories, func(wide string) bool { return c == wide || strings.HasPrefix(c, wide+".") })
	})
}

func paths(fs []*datamap.Field) string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.Path
	}
	return strings.Join(out, ", ")
}

func (q *search) exportObjects(ctx context.Context, r *set, objects []file, sink *responder.Sink) (int64, error) {
	var n int64
	for _, f := range objects {
		rd, err := q.s.cfg.Bucket.NewReader(ctx, f.key, nil)
		if gone(err) {
			continue
		}
		if err != nil {
			return n, failed("read an object of "+r.label(), err)
		}
		err = sink.Object(ctx, r.label(), f.key, rd.ContentType(), reading{rd, "read an object of " + r.label()})
		if closeErr := rd.Close(); err == nil && closeErr != nil {
			err = failed("read an object of "+r.label(), closeErr)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
