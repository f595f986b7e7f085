package sql

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// right is one thing that the role of a connection must be allowed to do, no more.
type right struct {
	verb   string    // SELECT, UPDATE, DELETE on a table; USAGE of a schema; TEMPORARY tables in the database
	on     tableName // of a schema: without a name
	column string    // of UPDATE
	pos    datamap.Pos
}

const (
	selecting = "SELECT"
	updating  = "UPDATE"
	deleting  = "DELETE"
	using     = "USAGE"
	temporary = "TEMPORARY"
)

func (r right) String() string {
	switch {
	case r.verb == temporary:
		return "TEMPORARY on the database"
	case r.verb == using:
		return "USAGE on schema " + r.on.schema
	case r.column != "":
		return fmt.Sprintf("UPDATE (%s) on table %s", r.column, r.on)
	}
	return fmt.Sprintf("%s on table %s", r.verb, r.on)
}

// rights lists what the plans do, in a fixed order: whatever they read, the columns that they mask or set to null, the tables from which they
// delete.
func (l *layout) rights() []right {
	out := []right{{verb: temporary}}
	add := func(pos datamap.Pos, verb string, t *table, column string) {
		n := tableName{t.schema, t.name}
		for _, r := range []right{{verb: using, on: tableName{schema: n.schema}, pos: pos}, {verb: selecting, on: n, pos: pos}, {verb, n, column, pos}} {
			if !slices.ContainsFunc(out, func(o right) bool { return o.verb == r.verb && o.on == r.on && o.column == r.column }) {
				out = append(out, r)
			}
		}
	}
	for _, p := range l.plans {
		for _, r := range p.sets {
			pos := r.rows.Collection.Pos
			add(pos, selecting, r.table, "")
			if r.rows.Policy == datamap.Delete {
				add(pos, deleting, r.table, "")
			}
			for _, l := range r.loops {
				if l.cut != nil && r.rows.Policy == datamap.Delete {
					add(pos, updating, r.table, l.cut.name)
				}
			}
			if r.masked() {
				for _, m := range r.masks {
					add(m.pos, updating, r.table, m.col.name)
				}
			}
			for _, ref := range r.refs {
				add(pos, selecting, ref.child, "")
			}
		}
		for _, x := range p.texts {
			add(x.coll.Pos, selecting, x.table, "")
		}
		for _, d := range p.detach {
			add(d.coll.Pos, updating, d.table, d.col.name)
		}
	}
	verbs := []string{temporary, using, selecting, updating, deleting}
	slices.SortStableFunc(out, func(a, b right) int {
		return cmp.Or(cmp.Compare(slices.Index(verbs, a.verb), slices.Index(verbs, b.verb)), cmp.Compare(a.on.schema, b.on.schema),
			cmp.Compare(a.on.name, b.on.name), cmp.Compare(a.column, b.column))
	})
	return out
}

// Grants returns the statements that give a role the rights which the system's requests need in its database, and no others. Those on
// the ledger's tables are not among them. An engine that knows no rights has none.
func (s *System) Grants(ctx context.Context, role string) ([]string, error) {
	out, err := s.d.grants(ctx, live{s.cfg.DB}, role, s.watch.at.Load().rights())
	return out, failed("write grants", err)
}

// Account quotes the name of a role as the engine wants it in a GRANT. On MariaDB it may name a host: lethe@10.0.0.7.
func (s *System) Account(role string) string { return s.d.account(role) }

// Dialect is the engine that the system stands in.
func (s *System) Dialect() Dialect { return s.cfg.Dialect }
