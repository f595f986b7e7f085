package datamap

import (
	"slices"
	"strconv"
	"strings"
)

func (r *reader) dataset(n *node) *Dataset {
	o, ok := r.mapping(n, "dataset")
	if !ok {
		return nil
	}
	d := &Dataset{Pos: n.pos, Key: r.fidesKey(o.need("fides_key"), o.name("fides_key"))}
	o.what = "dataset " + quote(d.Key)
	o.native()
	d.Name = r.text(o.opt("name"), o.name("name"))
	d.inherited = r.labels(o)
	if fm, ok := r.fidesMeta(o); ok {
		d.Namespace = r.namespace(fm)
	}
	for _, item := range r.list(o.need("collections"), o.name("collections")) {
		if c := r.collection(item, d); c != nil {
			if first, dup := d.Collection(c.Name); dup {
				r.errs.add(c.Pos, "%s: the collection %q is here twice, first at line %d", o.what, c.Name, first.Pos.Line)
				continue
			}
			d.Collections = append(d.Collections, c)
		}
	}
	if m, ok := r.mapping(o.opt("meta"), o.name("meta")); ok {
		d.meta = r.datasetMeta(m, d)
	}
	return d
}

// fidesMeta also reads fides_meta's old name, as Fideslang does.
func (r *reader) fidesMeta(o object) (object, bool) {
	key := "fides_meta"
	if o.opt(key) == nil {
		key = "fidesops_meta"
	}
	m, ok := r.mapping(o.opt(key), o.name(key))
	if ok {
		m.native()
	}
	return m, ok
}

func (r *reader) namespace(fm object) map[string]string {
	o, ok := r.mapping(fm.opt("namespace"), fm.name("namespace"))
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, p := range o.n.pairs {
		if p.value.kind == textNode || p.value.kind == numberNode {
			out[p.key] = p.value.text
		}
	}
	return out
}

func (r *reader) labels(o object) labels {
	keys := func(key string) []textAt {
		var out []textAt
		for _, item := range r.list(o.opt(key), o.name(key)) {
			if s := r.fidesKey(item, o.name(key)); s != "" {
				out = append(out, textAt{s, item.pos})
			}
		}
		return out
	}
	uses := "data_uses"
	if o.opt(uses) == nil {
		uses = "data_purposes" // its deprecated alias
	}
	return labels{keys("data_categories"), keys(uses), keys("data_subjects")}
}

func (r *reader) collection(n *node, d *Dataset) *Collection {
	o, ok := r.mapping(n, "collection of dataset "+quote(d.Key))
	if !ok {
		return nil
	}
	c := &Collection{Pos: n.pos, Dataset: d, Name: r.text(o.need("name"), o.name("name"))}
	o.what = "collection " + quote(c.Name)
	o.native()
	c.inherited = d.inherited.with(r.labels(o))
	if fm, ok := r.fidesMeta(o); ok {
		c.Skip = r.boolean(fm.opt("skip_processing"), fm.name("skip_processing"))
		for _, item := range r.list(fm.opt("erase_after"), fm.name("erase_after")) {
			c.eraseAfter = append(c.eraseAfter, textAt{r.text(item, fm.name("erase_after")), item.pos})
		}
		if m, ok := r.mapping(fm.opt("masking_strategy_override"), fm.name("masking_strategy_override")); ok {
			m.native()
			if s := m.need("strategy"); s != nil && r.text(s, m.name("strategy")) != string(Delete) {
				r.errs.add(s.pos, "%s: the strategy of a collection is delete", m.what)
			}
			c.nativeErase = true
		}
	}
	c.Fields = r.fields(o.need("fields"), o.what, c, "", c.inherited)
	return c
}

func (r *reader) fields(n *node, what string, c *Collection, path string, inherited labels) []*Field {
	var out []*Field
	for _, item := range r.list(n, what+": fields") {
		f := r.field(item, c, path, inherited)
		if f == nil {
			continue
		}
		if i := slices.IndexFunc(out, func(g *Field) bool { return g.Name == f.Name }); i >= 0 {
			r.errs.add(f.Pos, "%s: the field %q is here twice, first at line %d", what, f.Path, out[i].Pos.Line)
			continue
		}
		out = append(out, f)
	}
	return out
}

func (r *reader) field(n *node, c *Collection, path string, inherited labels) *Field {
	o, ok := r.mapping(n, "field of collection "+quote(c.Name))
	if !ok {
		return nil
	}
	f := &Field{Pos: n.pos, Collection: c, Name: r.text(o.need("name"), o.name("name"))}
	f.Path = f.Name
	if path != "" {
		f.Path = path + "." + f.Name
	}
	o.what = "field " + quote(c.Name+"."+f.Path)
	o.native()
	f.labels = inherited.with(r.labels(o))
	if m, ok := r.fidesMeta(o); ok {
		r.fieldMeta(m, f)
	}
	if sub := o.opt("fields"); sub != nil {
		if base := strings.TrimSuffix(f.DataType, "[]"); base != "" && base != "object" {
			r.errs.add(f.Pos, "%s: its data_type is %s, but a field with fields is an object", o.what, f.DataType)
		}
		f.Fields = r.fields(sub, o.what, c, f.Path, f.labels)
	}
	return f
}

var dataTypes = []string{"string", "integer", "float", "boolean", "object_id", "object"}

func (r *reader) fieldMeta(o object, f *Field) {
	if n := o.opt("data_type"); n != nil {
		f.DataType = r.text(n, o.name("data_type"))
		if base := strings.TrimSuffix(f.DataType, "[]"); f.DataType != "" && !slices.Contains(dataTypes, base) {
			r.errs.add(n.pos, "%s: data_type is %s, with [] for an array, not %q", o.what, names(dataTypes...), f.DataType)
		}
	}
	f.Length = r.positive(o.opt("length"), o.name("length"))
	f.PrimaryKey = r.boolean(o.opt("primary_key"), o.name("primary_key"))
	f.ReadOnly = r.boolean(o.opt("read_only"), o.name("read_only"))
	f.Identity = r.text(o.opt("identity"), o.name("identity"))
	f.Mask = r.mask(o.opt("masking_strategy_override"), o.name("masking_strategy_override"))
	if m := f.Mask; m != nil && m.Strategy == RandomStringRewrite && m.Length == 0 {
		m.Length = defaultRandomLength
		if f.Length > 0 {
			m.Length = min(m.Length, f.Length)
		}
	}
	for _, item := range r.list(o.opt("references"), o.name("references")) {
		if ref, ok := r.reference(item, o.name("references")); ok {
			f.References = append(f.References, ref)
		}
	}
}

func (r *reader) reference(n *node, what string) (Reference, bool) {
	o, ok := r.mapping(n, what)
	if !ok {
		return Reference{}, false
	}
	o.native()
	ref := Reference{
		Pos:       n.pos,
		Dataset:   r.fidesKey(o.need("dataset"), o.name("dataset")),
		Field:     r.text(o.need("field"), o.name("field")),
		Direction: r.text(o.opt("direction"), o.name("direction")),
	}
	if ref.Direction != "" && ref.Direction != "from" && ref.Direction != "to" {
		r.errs.add(o.opt("direction").pos, "%s: direction is from or to, not %q", what, ref.Direction)
	}
	return ref, ref.Dataset != "" && ref.Field != ""
}

func quote(s string) string { return strconv.Quote(s) }
