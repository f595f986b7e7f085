package sql

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// since says what changed from an older state of the catalogue to this one, in the words of tables, columns and constraints: never
// a definition, which may hold values.
func (c *catalogue) since(old *catalogue) []string {
	var out []string
	for _, was := range old.tables {
		is, ok := c.table(tableName{was.schema, was.name})
		if !ok {
			out = append(out, fmt.Sprintf("table %s is gone", was.name))
			continue
		}
		out = append(out, is.since(was)...)
	}
	for _, is := range c.tables {
		if _, ok := old.table(tableName{is.schema, is.name}); !ok {
			out = append(out, fmt.Sprintf("table %s is there", is.name))
		}
	}
	out = append(out, named(keyFacts(old), keyFacts(c), "foreign key")...)
	return out
}

func (t *table) since(was *table) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if t.kind != was.kind {
		add("%s is %s", t.name, cmp.Or(t.kind, "a table"))
	}
	if t.unfit != was.unfit {
		add("table %s %s", t.name, cmp.Or(t.unfit, "can be erased in again"))
	}
	for _, o := range was.columns {
		c, ok := t.column(o.name)
		switch {
		case !ok:
			add("column %s.%s is gone", t.name, o.name)
		case !reflect.DeepEqual(c, o):
			add("column %s.%s is %s, was %s", t.name, c.name, c.describe(), o.describe())
		}
	}
	for _, c := range t.columns {
		if _, ok := was.column(c.name); !ok {
			out = append(out, fmt.Sprintf("column %s.%s is new", t.name, c.name))
		}
	}
	if is, was := names(t.primaryKey), names(was.primaryKey); is != was {
		add("the primary key of %s is (%s), was (%s)", t.name, is, was)
	}
	if is, was := uniqueNames(t.uniques), uniqueNames(was.uniques); is != was {
		add("unique in %s is %s, was %s", t.name, cmp.Or(is, "nothing"), cmp.Or(was, "nothing"))
	}
	if t.hidden != was.hidden {
		add("row-level security of %s %s rows from this role", t.name, map[bool]string{true: "hides", false: "no longer hides"}[t.hidden])
	}
	for _, fact := range named(was.facts, t.facts, "") {
		if len(out) == 0 || !strings.HasPrefix(fact, "definition of ") { // a table's whole text says nothing beside what is said of its parts
			out = append(out, fact)
		}
	}
	return out
}

func (c *column) describe() string {
	s := c.typ
	if c.length > 0 {
		s += fmt.Sprintf(" of %d characters", c.length)
	}
	if !c.nullable {
		s += " not null"
	}
	if c.collation != "" {
		s += ", compared by " + c.collation
	}
	if c.computed {
		s += ", generated"
	}
	if c.lowIndex {
		s += ", with an index over lower()"
	}
	return s
}

// named compares definitions by their names.
func named(was, is map[string]string, what string) []string {
	var out []string
	if what != "" {
		what += " "
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		now, ok := is[name]
		switch {
		case !ok:
			out = append(out, what+name+" is gone")
		case now != was[name]:
			out = append(out, what+name+" is another one")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[name]; !ok {
			out = append(out, what+name+" is new")
		}
	}
	return out
}

func keyFacts(c *catalogue) map[string]string {
	out := map[string]string{}
	for _, k := range c.keys {
		name := k.String()
		if k.childSchema != k.parent.schema {
			name = k.childSchema + "." + name
		}
		out[name] += " on delete " + k.onDelete // two may say the same
	}
	return out
}

func names(cs []*column) string { return strings.Join(columnNames(cs), ", ") }

func uniqueNames(us []unique) string {
	var out []string
	for _, u := range us {
		s := "(" + names(u.columns) + ")"
		if u.loose {
			s += " by " + cmp.Or(u.name, "an expression or for some rows")
		}
		if !u.nulls {
			s += " nulls not distinct"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// leftOut lists the columns that came to tables of the map and that the map does not know: they stop nothing, and are neither erased
// nor exported.
func (s *System) leftOut(is, was *catalogue) []string {
	var out []string
	for col := range s.system.Collections() {
		n := nameOf(s.d, col)
		t, ok := is.table(n)
		if !ok {
			continue
		}
		old, ok := was.table(n)
		for _, c := range t.columns {
			if ok {
				if _, there := old.column(c.name); there {
					continue
				}
			}
			if fieldOf(col, c.name) == nil && !c.serial {
				out = append(out, col.Label+"."+c.name)
			}
		}
	}
	return out
}
