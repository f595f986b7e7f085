package datamap

import (
	"slices"
	"strings"
)

// Dataset is a Fideslang dataset: the collections of one database, directory or index.
type Dataset struct {
	Pos         Pos
	Key         string            // fides_key
	Name        string            // for people; may be empty
	Namespace   map[string]string // fides_meta.namespace: for a database {schema: shop}
	System      *System           // the system that holds it
	Collections []*Collection     // in the order of the file

	inherited labels
	meta      meta
}

// Collection is a table, an index, the records of JSON Lines files or a family of objects.
type Collection struct {
	Pos     Pos
	Dataset *Dataset
	Name    string // the table's name; the schema is in Dataset.Namespace
	// Label is the name in acknowledgements and records, unique in its system: Name, with the dataset's key before it where
	// two datasets of the system have a collection of this name.
	Label     string
	Fields    []*Field // in the order of the file
	Skip      bool     // fides_meta.skip_processing: left out on purpose
	Retention *Period  // lethe.retention; nil: not declared
	Source    *Source  // lethe.objects; nil: a table of the dataset's database

	inherited   labels
	nativeErase bool // fides_meta.masking_strategy_override: {strategy: delete}
	eraseAfter  []textAt
}

// Field is a column, or a path inside a document.
type Field struct {
	Pos        Pos
	Collection *Collection
	Name       string
	Path       string   // from the collection down: "address.city"
	Fields     []*Field // of an object
	DataType   string   // string, integer, float, boolean, object_id, object, each with [] for an array; may be empty
	Length     int      // longest value in characters; 0: not declared
	PrimaryKey bool
	ReadOnly   bool
	Identity   string // kind of identifier that the field holds; may be empty
	Mask       *Mask  // nil: none
	References []Reference

	labels labels
}

// Reference says that the field holds the same values as another one.
type Reference struct {
	Pos       Pos
	Dataset   string
	Field     string // collection.field
	Direction string // from, to, or empty
	To        *Field // nil where the map does not hold it

	dangling string // why To is nil
}

// labels are what Fideslang attaches to datasets, collections and fields alike.
type labels struct {
	categories, uses, subjects []textAt
}

// textAt is a word with its place, for findings.
type textAt struct {
	text string
	pos  Pos
}

func (l labels) with(o labels) labels {
	return labels{union(slices.Clone(l.categories), o.categories), union(slices.Clone(l.uses), o.uses), union(slices.Clone(l.subjects), o.subjects)}
}

func words(ts []textAt) []string {
	var out []string
	for _, t := range ts {
		if !slices.Contains(out, t.text) {
			out = append(out, t.text)
		}
	}
	return out
}

// Categories returns the field's data categories, those of the collection and the dataset included.
func (f *Field) Categories() []string { return words(f.labels.categories) }

// DataUses returns the purposes attached to the field, those of the collection and the dataset included.
func (f *Field) DataUses() []string { return words(f.labels.uses) }

// Personal reports whether the field holds personal data: a category under user.
func (f *Field) Personal() bool { return slices.ContainsFunc(f.Categories(), personal) }

func personal(category string) bool {
	return category == "user" || strings.HasPrefix(category, "user.")
}

// Field returns the field at a path such as "address.city".
func (c *Collection) Field(path string) (*Field, bool) {
	for f := range c.All() {
		if f.Path == path {
			return f, true
		}
	}
	return nil, false
}

// All ranges over the fields, nested ones after the field that holds them.
func (c *Collection) All() func(yield func(*Field) bool) {
	return func(yield func(*Field) bool) { walk(c.Fields, yield) }
}

func walk(fields []*Field, yield func(*Field) bool) bool {
	for _, f := range fields {
		if !yield(f) || !walk(f.Fields, yield) {
			return false
		}
	}
	return true
}

// PrimaryKey returns the fields of the primary key, in the order of the file; none where the map names none.
func (c *Collection) PrimaryKey() []*Field {
	var out []*Field
	for f := range c.All() {
		if f.PrimaryKey {
			out = append(out, f)
		}
	}
	return out
}

// Personal returns the fields that hold personal data.
func (c *Collection) Personal() []*Field {
	var out []*Field
	for f := range c.All() {
		if f.Personal() {
			out = append(out, f)
		}
	}
	return out
}

// Categories returns the data categories of all fields, sorted.
func (c *Collection) Categories() []string {
	out := words(c.inherited.categories)
	for f := range c.All() {
		out = union(out, f.Categories())
	}
	slices.Sort(out)
	return out
}

// Collection returns the collection of this name.
func (d *Dataset) Collection(name string) (*Collection, bool) {
	i := slices.IndexFunc(d.Collections, func(c *Collection) bool { return c.Name == name })
	if i < 0 {
		return nil, false
	}
	return d.Collections[i], true
}

// Field returns the field written as collection.field. Both may hold dots: the longest collection that has the field wins.
func (d *Dataset) Field(name string) (*Field, bool) {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '.' {
			continue
		}
		if c, ok := d.Collection(name[:i]); ok {
			if f, ok := c.Field(name[i+1:]); ok {
				return f, true
			}
		}
	}
	return nil, false
}
