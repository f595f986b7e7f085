package datamap

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Policy is what an erasure does to the rows of a collection that are the person's.
type Policy string

// The policies. The empty one means that the map does not say: a responder refuses such a collection.
const (
	Delete    Policy = "delete"
	Anonymise Policy = "anonymise" // apply the masks of the fields; an instruction, the outcome is pseudonymised without an assessment
	Keep      Policy = "keep"      // leave unchanged, with a ground
)

// detach is the word for a reference in somebody else's row that is set to null.
const detach = "detach"

// Root is where the person's own row is in a dataset.
type Root struct {
	Pos        Pos
	Kind       string // of subject: customer, employee …
	Collection *Collection
	Key        []*Field   // what names a row: usually the primary key
	Identities []Identity // identifiers that the row holds, by kind
}

// Identity is an identifier that a field holds.
type Identity struct {
	Kind   string
	Field  *Field
	Shared bool // several people have it (lethe.shared_identities): it never finds a person's own row
}

func (r *reader) subjects(n *node, d *Dataset, m *meta) {
	o, ok := r.mapping(n, keySubjects)
	if !ok {
		return
	}
	for _, p := range o.n.pairs {
		what := keySubjects + ": " + p.key
		if !dsr.ValidName(p.key) {
			r.errs.add(p.pos, "%s: %q is no kind of subject: a lower-case letter, then letters, digits, _ . or -", keySubjects, p.key)
		}
		s, ok := r.mapping(p.value, what)
		if !ok {
			continue
		}
		s.only("collection", "key", "identities")
		cn := s.need("collection")
		if cn == nil {
			continue
		}
		c, ok := d.Collection(r.text(cn, s.name("collection")))
		if !ok {
			r.unknownCollection(cn.pos, what, cn.text, d)
			continue
		}
		root := Root{Pos: p.pos, Kind: p.key, Collection: c, Key: r.key(s, c)}
		if ids, ok := r.mapping(s.opt("identities"), s.name("identities")); ok {
			for _, id := range ids.n.pairs {
				if !dsr.ValidName(id.key) {
					r.errs.add(id.pos, "%s: %q is no kind of identifier: a lower-case letter, then letters, digits, _ . or -", ids.what, id.key)
				}
				if f := r.fieldOf(c, id.value, ids.name(id.key)); f != nil {
					root.Identities = append(root.Identities, Identity{Kind: id.key, Field: f})
				}
			}
		}
		m.roots = append(m.roots, root)
	}
}

// key reads one field or a list of them.
func (r *reader) key(s object, c *Collection) []*Field {
	n := s.need("key")
	if n == nil {
		return nil
	}
	items := []*node{n}
	if n.kind == listNode {
		items = n.items
	}
	var out []*Field
	for _, item := range items {
		if f := r.fieldOf(c, item, s.name("key")); f != nil {
			out = append(out, f)
		}
	}
	if len(items) == 0 {
		r.errs.add(n.pos, "%s: names no field", s.name("key"))
	}
	return out
}

func (r *reader) fieldOf(c *Collection, n *node, what string) *Field {
	path := r.text(n, what)
	if path == "" {
		if n.kind == textNode {
			r.errs.add(n.pos, "%s: names no field", what)
		}
		return nil
	}
	f, ok := c.Field(path)
	if !ok {
		r.errs.add(n.pos, "%s: collection %q has no field %q", what, c.Name, path)
		return nil
	}
	return f
}

func (r *reader) erase(n *node, d *Dataset, m *meta) {
	o, ok := r.mapping(n, keyErase)
	if !ok {
		return
	}
	m.erase, m.detach = map[string]map[*Collection]policyAt{}, map[string]map[*Field]Pos{}
	for _, kind := range o.n.pairs {
		m.kinds = append(m.kinds, kindAt{kind.key, keyErase, kind.pos})
		k, ok := r.mapping(kind.value, keyErase+": "+kind.key)
		if !ok {
			continue
		}
		collections, fields := map[*Collection]policyAt{}, map[*Field]Pos{}
		for _, p := range k.n.pairs {
			what := k.name(p.key)
			if p.value.kind == textNode && p.value.text == detach {
				if f, ok := d.Field(p.key); ok {
					fields[f] = p.pos
				} else {
					r.errs.add(p.pos, "%s: dataset %q has no field %q, written as collection.field", k.what, d.Key, p.key)
				}
				continue
			}
			c, ok := d.Collection(p.key)
			if !ok {
				if _, isField := d.Field(p.key); isField {
					r.errs.add(p.value.pos, "%s: a field is detached or nothing; delete, anonymise and keep are for collections", what)
				} else {
					r.unknownCollection(p.pos, k.what, p.key, d)
				}
				continue
			}
			collections[c] = policyAt{r.policy(p.value, what, Delete, Anonymise, Keep), p.pos}
		}
		m.erase[kind.key], m.detach[kind.key] = collections, fields
	}
}

func (r *reader) policy(n *node, what string, allowed ...Policy) Policy {
	s := r.text(n, what)
	if s == "" && n.kind != textNode {
		return ""
	}
	if !slices.Contains(allowed, Policy(s)) {
		words := make([]string, len(allowed))
		for i, p := range allowed {
			words[i] = string(p)
		}
		r.errs.add(n.pos, "%s: %q is no policy here: want %s", what, s, names(words...))
		return ""
	}
	return Policy(s)
}
