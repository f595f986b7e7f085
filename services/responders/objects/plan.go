package objects

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// plan says, for one kind of subject, which records and objects are a person's and what becomes of them.
type plan struct {
	kind   string
	sets   []*set // in the order in which they can be found
	order  []*set // in the order of erasure
	detach []*detaching
}

// set is a person's records or objects in one collection.
type set struct {
	rows       *datamap.Rows
	source     *datamap.Source
	categories []string
	entries    []entry
	vias       []*via
	key        []path // of the person's own record
	links      []path // by which other collections are found
	masks      []mask
	supplies   []entry // fields that hold identifiers
}

// path is where a field is in a record, from the outside in.
type path []string

func pathOf(f *datamap.Field) path { return strings.Split(f.Path, ".") }

// String returns the path as the data map writes it.
func (p path) String() string { return strings.Join(p, ".") }

func index(ps []path, p path) int {
	return slices.IndexFunc(ps, func(o path) bool { return slices.Equal(o, p) })
}

func add(ps []path, p path) []path {
	if index(ps, p) >= 0 {
		return ps
	}
	return append(ps, p)
}

// entry is a field by which an identifier finds records directly.
type entry struct {
	kind   string
	at     path
	shared bool // several people have it
	// minted: a system made the identifier for one registration. An e-mail address is brought along by whoever signs up anew.
	minted bool
}

// via is a way from one collection to another: fields that hold the same values.
type via struct {
	from, to *set
	on       []pair
	identity string // the kind, where no reference but the same identifier leads there
	minted   bool
}

type pair struct{ from, to path }

// detaching is a field in somebody's record that refers to the person's and is set to null.
type detaching struct {
	from  *set
	to    *datamap.Collection
	field path
	on    []pair
}

func (r *set) label() string { return r.rows.Collection.Label }
func (r *set) jsonl() bool   { return r.source.Format == datamap.JSONL }

func (p *plan) set(c *datamap.Collection) *set {
	i := slices.IndexFunc(p.sets, func(r *set) bool { return r.rows.Collection == c })
	if i < 0 {
		return nil
	}
	return p.sets[i]
}

func (p *plan) hashes() bool {
	return slices.ContainsFunc(p.sets, func(r *set) bool {
		return slices.ContainsFunc(r.masks, func(m mask) bool { return m.strategy == datamap.HMAC })
	})
}

func (p *plan) accepts(kind string) bool {
	return slices.ContainsFunc(p.sets, func(r *set) bool {
		return slices.ContainsFunc(r.entries, func(e entry) bool { return e.kind == kind })
	})
}

// planner reads the map's subjects and collects what cannot be carried out on files.
type planner struct {
	system   *datamap.System
	problems []string
}

func (b *planner) problem(format string, args ...any) {
	if p := fmt.Sprintf(format, args...); !slices.Contains(b.problems, p) {
		b.problems = append(b.problems, p)
	}
}

func (b *planner) plan(s *datamap.Subject) *plan {
	p := &plan{kind: s.Kind}
	for _, rows := range s.Rows {
		c := rows.Collection
		if c.Source == nil {
			b.problem("%s is a table, not a file (lethe.objects): a system has one kind of responder", c.Label)
			return p
		}
		if rows.Policy == datamap.Anonymise && c.Source.Format == datamap.Object {
			b.problem("%s: whole objects are deleted or kept, not anonymised", c.Label)
		}
		p.sets = append(p.sets, &set{rows: rows, source: c.Source, categories: c.Categories()})
	}
	for _, r := range p.sets {
		b.entries(s, r)
		b.vias(p, r)
		b.masks(r)
	}
	for _, id := range s.Supplies() {
		if r := p.set(id.Field.Collection); r != nil {
			r.supplies = append(r.supplies, entry{kind: id.Kind, at: pathOf(id.Field), shared: id.Shared, minted: minted(s, id.Field)})
		}
	}
	for _, root := range s.Roots {
		if r := p.set(root.Collection); r != nil {
			for _, f := range root.Key {
				r.key = add(r.key, pathOf(f))
			}
		}
	}
	b.detach(p, s)
	for _, o := range s.Order {
		p.order = append(p.order, p.set(o.Collection))
	}
	return p
}

func (b *planner) entries(s *datamap.Subject, r *set) {
	for _, e := range r.rows.Entries {
		at := pathOf(e.Field)
		if !r.jsonl() && !slices.Contains(r.source.Prefix.Fields(), e.Field.Path) {
			continue // inside of an object nobody looks
		}
		r.entries = append(r.entries, entry{kind: e.Kind, at: at, shared: e.Shared, minted: minted(s, e.Field)})
	}
}

// minted reports whether the field holds what a system made up for one registration: the key of the person's record, or what
// the map calls a unique id.
func minted(s *datamap.Subject, f *datamap.Field) bool {
	for _, root := range s.Roots {
		if root.Collection == f.Collection && slices.Contains(root.Key, f) {
			return true
		}
	}
	return slices.ContainsFunc(f.Categories(), func(c string) bool {
		return c == "user.unique_id" || strings.HasPrefix(c, "user.unique_id.")
	})
}

func (b *planner) vias(p *plan, r *set) {
	for _, j := range r.rows.Via {
		from := p.set(j.From)
		switch {
		case j.Parent:
			b.problem("%s: the reference %s leads away from the person's record; this build follows references in files only the other way (direction from)", r.label(), j)
			continue
		case j.Recursive || from == nil:
			b.problem("%s: %s leads in a circle, which this build does not follow in files", r.label(), j)
			continue
		case !from.jsonl():
			b.problem("%s: %s leads out of whole objects, in which nobody looks", r.label(), j)
			continue
		}
		v := &via{from: from, to: r, identity: j.Identity}
		for _, o := range j.On {
			v.on = append(v.on, pair{pathOf(o.From), pathOf(o.To)})
			from.links = add(from.links, pathOf(o.From))
			for _, sub := range b.system.Subjects {
				v.minted = v.minted || minted(sub, o.From) || minted(sub, o.To)
			}
		}
		r.vias = append(r.vias, v)
	}
}

func (b *planner) detach(p *plan, s *datamap.Subject) {
	for _, d := range s.Detach {
		from, to := p.set(d.Join.From), d.Join.To
		if from == nil || !from.jsonl() || to.Source == nil || to.Source.Format != datamap.JSONL {
			b.problem("%s cannot be detached: both sides must be JSON Lines", d.Field.Label())
			continue
		}
		c := &detaching{from: from, to: to, field: pathOf(d.Field)}
		for _, o := range d.Join.On {
			c.on = append(c.on, pair{pathOf(o.From), pathOf(o.To)})
			from.links = add(from.links, pathOf(o.From))
		}
		p.detach = append(p.detach, c)
	}
}

func (b *planner) masks(r *set) {
	if r.rows.Policy != datamap.Anonymise {
		return
	}
	for _, f := range r.rows.Masked() {
		r.masks = append(r.masks, newMask(f))
	}
}
