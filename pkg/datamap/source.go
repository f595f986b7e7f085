package datamap

import (
	"fmt"
	"path"
	"strings"
)

// Formats of a [Source].
const (
	JSONL  = "jsonl"  // files with a JSON object on each line; a line is a row
	Object = "object" // whole objects; an object is a row, and its only key is its name
)

// Source says where the rows of a collection are that is not a table (lethe.objects). Names are relative to the root of the
// system: a directory or a bucket, which the responder is configured with.
type Source struct {
	Pos    Pos
	Format string
	Path   string   // JSONL: a pattern of path.Match, "conversations/*.jsonl"
	Prefix Template // Object: the start of the names of one person's objects
}

// Template is a name with fields in it: "embeddings/{customer_id}/". It ends in a literal character and a literal character
// stands after each field, or else the prefix of customer 1 would also be one of customer 12.
type Template struct {
	text     string
	literals []string // around the fields: one more than fields
	fields   []string
}

// String returns the template as written.
func (t Template) String() string { return t.text }

// Fields returns the paths of the fields in it, in order.
func (t Template) Fields() []string { return t.fields }

// Literal is what stands before the first field: every object of the collection starts with it.
func (t Template) Literal() string { return t.literals[0] }

// Expand puts values in place of the fields. It refuses a value that is missing or empty, that would not stay in its place
// (with a slash, "." or ".."), or that holds what follows the field: the result would be the prefix of another person's
// objects, or of everybody's. The error does not hold the value.
func (t Template) Expand(value func(field string) (string, bool)) (string, error) {
	var b strings.Builder
	b.WriteString(t.literals[0])
	for i, f := range t.fields {
		v, ok := value(f)
		after := t.literals[i+1]
		switch {
		case !ok || v == "":
			return "", fmt.Errorf("expand %s: no value for %s", t.text, f)
		case v == "." || v == ".." || strings.ContainsAny(v, "/\\\x00") || strings.Contains(v, after[:1]):
			return "", fmt.Errorf("expand %s: the value of %s holds a character that ends its place in the name", t.text, f)
		}
		b.WriteString(v)
		b.WriteString(after)
	}
	return b.String(), nil
}

// Match returns the values of the fields in the name of an object, and false for a name that does not start as the template.
func (t Template) Match(name string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(name, t.literals[0])
	if !ok {
		return nil, false
	}
	values := map[string]string{}
	for i, f := range t.fields {
		after := t.literals[i+1]
		n := strings.IndexAny(rest, after[:1]+"/")
		if n <= 0 || !strings.HasPrefix(rest[n:], after) {
			return nil, false
		}
		if old, twice := values[f]; twice && old != rest[:n] {
			return nil, false
		}
		values[f], rest = rest[:n], rest[n+len(after):]
	}
	return values, true
}

func parseTemplate(s string) (Template, error) {
	t := Template{text: s}
	for rest := s; ; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return t, fmt.Errorf("%q has a } without {", s)
		}
		t.literals = append(t.literals, literal)
		if !found {
			break
		}
		field, tail, closed := strings.Cut(after, "}")
		switch {
		case !closed || field == "" || strings.Contains(field, "{"):
			return t, fmt.Errorf("%q has a { without a field and } after it", s)
		case tail == "" || tail[0] == '{' || tail[0] == '}':
			return t, fmt.Errorf("%q: a literal character, such as /, stands after {%s}, or the prefix of 1 is also one of 12", s, field)
		}
		t.fields = append(t.fields, field)
		rest = tail
	}
	if len(t.fields) == 0 {
		return t, fmt.Errorf("%q names no field in braces: it would be every person's prefix", s)
	}
	return t, relative(s)
}

// relative refuses names that leave the root of the system.
func relative(s string) error {
	if strings.HasPrefix(s, "/") || strings.ContainsAny(s, "\\\x00") {
		return fmt.Errorf("%q is not relative, with / between its parts", s)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(s, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q has an empty part, . or .. in it", s)
		}
	}
	return nil
}

func (r *reader) sources(n *node, d *Dataset) {
	o, ok := r.mapping(n, keyObjects)
	if !ok {
		return
	}
	for _, p := range o.n.pairs {
		c, ok := d.Collection(p.key)
		if !ok {
			r.unknownCollection(p.pos, keyObjects, p.key, d)
			continue
		}
		c.Source = r.source(p.value, keyObjects+": "+p.key, c)
	}
	for _, c := range d.Collections {
		if c.Source == nil && !c.Skip && o.at(c.Name) == nil {
			r.errs.add(c.Pos, "%s: collection %q is not in it: it says for each collection of the dataset where its rows are", keyObjects, c.Name)
		}
	}
}

func (r *reader) source(n *node, what string, c *Collection) *Source {
	o, ok := r.mapping(n, what)
	if !ok {
		return nil
	}
	s := &Source{Pos: n.pos}
	f := o.need("format")
	if f == nil {
		return nil
	}
	switch s.Format = r.text(f, o.name("format")); s.Format {
	case JSONL:
		o.only("format", "path")
		if p := o.need("path"); p != nil {
			s.Path = r.text(p, o.name("path"))
			err := relative(s.Path)
			if _, bad := path.Match(s.Path, ""); bad != nil {
				err = fmt.Errorf("%q is no pattern: %w", s.Path, bad)
			}
			if err != nil {
				r.errs.add(p.pos, "%s: %v", o.name("path"), err)
			}
		}
	case Object:
		o.only("format", "prefix")
		if p := o.need("prefix"); p != nil {
			var err error
			if s.Prefix, err = parseTemplate(r.text(p, o.name("prefix"))); err != nil {
				r.errs.add(p.pos, "%s: %v", o.name("prefix"), err)
				return nil
			}
			for _, field := range s.Prefix.fields {
				if _, ok := c.Field(field); !ok {
					r.errs.add(p.pos, "%s: collection %q has no field %q", o.name("prefix"), c.Name, field)
				}
			}
		}
	default:
		r.errs.add(f.pos, "%s: format is %s, not %q", what, names(JSONL, Object), s.Format)
		return nil
	}
	return s
}
