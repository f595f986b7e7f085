package sql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// Survey lays the data map over the live catalogue, as [New] does, and says everything that does not fit, and everything in the
// database that the map says nothing of: all at once, with a place in the map where there is one. An error among the findings is what
// New refuses to start with. A warning stops nothing: a table or a column that the map leaves out, a type that it gives wrongly, a table that
// it names and that no request reaches, a column that looks like a reference and is declared nowhere, a foreign key over which rows that nothing
// erases may make a deletion fail.
//
// What [datamap.Map.Check] finds without a database is left to it. The tables of ledgers (lethe_…) are nobody's.
func Survey(ctx context.Context, c Config) ([]datamap.Finding, error) {
	s := &System{cfg: c, watch: &watch{}}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure a survey: %w", err)
	}
	if err := s.attach(ctx); err != nil {
		return nil, err
	}
	tx, err := s.d.snapshot(ctx, c.DB)
	if err != nil {
		return nil, failed("begin to read the catalogue", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	l, err := s.lay(ctx, live{tx})
	if err != nil {
		return nil, err
	}
	all, err := whole(ctx, live{tx}, s.d, s.schemas())
	if err != nil {
		return nil, err
	}
	v := &survey{s: s, planner: &planner{d: s.d, system: s.system, cat: all}}
	for _, p := range l.problems {
		if !p.offline {
			v.add(datamap.SeverityError, p.pos, "misfit", "%s", p.text)
		}
	}
	v.tables(l)
	v.keys(l)
	v.blocked(l)
	slices.SortStableFunc(v.found, func(a, b datamap.Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Message, b.Message))
	})
	return v.found, nil
}

// schemas are those in which the system has tables.
func (s *System) schemas() []string {
	var out []string
	for col := range s.system.Collections() {
		if n := nameOf(s.d, col); col.Source == nil && !slices.Contains(out, n.schema) {
			out = append(out, n.schema)
		}
	}
	return out
}

// whole reads everything that there is in some schemas.
func whole(ctx context.Context, q reader, d dialect, schemas []string) (*catalogue, error) {
	names, err := d.listTables(ctx, q, schemas)
	if err != nil {
		return nil, failed("list the tables", err)
	}
	names = slices.DeleteFunc(names, func(n tableName) bool { return strings.HasPrefix(n.name, "lethe_") })
	c, err := readCatalogue(ctx, q, d, names)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.tables, func(a, b *table) int { return cmp.Or(cmp.Compare(a.schema, b.schema), cmp.Compare(a.name, b.name)) })
	return c, nil
}

type survey struct {
	*planner
	s     *System
	found []datamap.Finding
}

func (v *survey) add(sev datamap.Severity, pos datamap.Pos, code, format string, args ...any) {
	if pos.File == "" {
		pos = v.system.Pos
	}
	v.found = append(v.found, datamap.Finding{Pos: pos, Severity: sev, Code: code, System: v.system.Name, Message: fmt.Sprintf(format, args...)})
}

func (v *survey) warn(pos datamap.Pos, code, format string, args ...any) {
	v.add(datamap.SeverityWarning, pos, code, format, args...)
}

// tables compares table by table.
func (v *survey) tables(l *layout) {
	for _, t := range v.cat.tables {
		col := v.collection(tableName{t.schema, t.name})
		said := slices.ContainsFunc(l.problems, func(p problem) bool { return strings.Contains(p.text, "add the table "+t.name+" ") })
		if col == nil && said {
			continue
		}
		if col == nil {
			hint := ""
			if personal := guessedPersonal(t); personal != "" {
				hint = "; its columns look like personal data: " + personal
			}
			for _, c := range t.columns {
				hint += v.seems(t, c)
			}
			v.warn(v.dataset(t.schema).Pos, "unknown_table", "the data map does not know table %s.%s%s", t.schema, t.name, hint)
			continue
		}
		if col.Skip {
			continue
		}
		v.columns(col, t)
	}
	for col := range v.system.Collections() {
		reached := slices.ContainsFunc(v.system.Subjects, func(sub *datamap.Subject) bool { _, ok := sub.Of(col); return ok })
		if col.Source == nil && !col.Skip && !reached && len(col.Personal()) == 0 && len(v.system.Subjects) > 0 {
			v.warn(col.Pos, "unreached_table", "no request reaches table %s: skip it on purpose (skip_processing), or say how it belongs to a person", col.Label)
		}
	}
}

func (v *survey) columns(col *datamap.Collection, t *table) {
	for _, c := range t.columns {
		f := fieldOf(col, c.name)
		switch {
		case f == nil && c.serial:
		case f == nil:
			hint := ""
			if g, ok := guessName(t, c); ok && personalCategory(g.category) {
				hint = "; it looks like " + g.category
			}
			hint += v.seems(t, c)
			v.warn(col.Pos, "unknown_column", "the data map does not know column %s of table %s: it is neither erased nor exported%s", c.name, col.Label, hint)
		case !fitsType(f.DataType, c):
			v.warn(f.Pos, "type_differs", "%s is %s in the database, and %s in the data map", f.Label(), c.typ, f.DataType)
		case f.Length > 0 && c.length > 0 && f.Length > c.length:
			v.warn(f.Pos, "length_differs", "%s takes %d characters in the database, and %d in the data map", f.Label(), c.length, f.Length)
		}
		if f != nil {
			v.reference(f, t, c)
		}
	}
	var said []string
	for _, f := range col.PrimaryKey() {
		said = append(said, f.Path)
	}
	if is := columnNames(t.primaryKey); len(said) > 0 && !sameNames(said, is) {
		v.warn(col.Pos, "key_differs", "the primary key of %s is (%s) in the database, and (%s) in the data map", col.Label, strings.Join(is, ", "), strings.Join(said, ", "))
	}
}

func sameNames(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x string) bool {
		return !slices.ContainsFunc(b, func(y string) bool { return strings.EqualFold(x, y) })
	})
}

// keys warns of foreign keys that the map says nothing of and that lead to no person's rows: those that do are errors already.
func (v *survey) keys(l *layout) {
	for _, k := range v.cat.keys {
		parent, child := v.collection(tableName{k.parent.schema, k.parent.name}), v.collectionOf(k)
		if parent == nil || child == nil || parent.Skip || child.Skip {
			continue
		}
		if slices.ContainsFunc(l.problems, func(p problem) bool { return strings.Contains(p.text, k.String()) }) {
			continue
		}
		known := true
		var first *datamap.Field
		for i, name := range k.columns {
			f, to := fieldOf(child, name), fieldOf(parent, k.refers[i].name)
			if f == nil || to == nil {
				known, first = true, nil // said of the column
				break
			}
			if first == nil {
				first = f
			}
			refers := func(a, b *datamap.Field) bool {
				return slices.ContainsFunc(a.References, func(r datamap.Reference) bool { return r.To == b })
			}
			known = known && (f.NotFollowed() || refers(f, to) || refers(to, f))
		}
		if !known && first != nil {
			v.warn(first.Pos, "unknown_key", "the data map does not know the foreign key %s: declare it in references, or list it in lethe.not_followed", k)
		}
	}
}

func (v *survey) collection(n tableName) *datamap.Collection {
	for c := range v.system.Collections() {
		if c.Source == nil && nameOf(v.d, c) == n {
			return c
		}
	}
	return nil
}

// dataset is the one of a schema.
func (v *survey) dataset(schema string) *datamap.Dataset {
	for c := range v.system.Collections() {
		if nameOf(v.d, c).schema == schema {
			return c.Dataset
		}
	}
	return v.system.Datasets[0]
}

// fitsType reports whether a column can be what Fideslang's data_type says. Fideslang has no word for instants, bytes and the like: they are
// strings to it, or nothing is said of them.
func fitsType(said string, c *column) bool {
	base := strings.TrimSuffix(said, "[]")
	if base == "" || base == "object_id" {
		return true
	}
	if base != said { // an array has no class of its own
		return c.class == other || c.class == jsonClass || c.class == text
	}
	switch base {
	case "string":
		return !numeric(c.class) && c.class != boolean || temporal(c)
	case "integer":
		return c.class == integer || c.class == other
	case "float":
		return numeric(c.class) || c.class == other
	case "boolean":
		return c.class == boolean || c.class == integer || c.class == other
	case "object":
		return c.class == jsonClass || c.class == text || c.class == bytesClass || c.class == other
	}
	return true
}

// temporal reports whether the type's name is that of days or instants, which SQLite takes for numbers.
func temporal(c *column) bool {
	typ := strings.ToLower(c.typ)
	return strings.Contains(typ, "date") || strings.Contains(typ, "time")
}
