package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// plan says, for one kind of subject, which rows of which tables are a person's and what becomes of them: the data map's
// subject, laid over the live catalogue.
type plan struct {
	d      dialect
	n      int // among the system's plans, for the names of temporary tables
	kind   string
	sets   []*rowset // in the order in which they can be found
	order  []*rowset // in the order of erasure
	detach []*detaching
	texts  []*freeText // where values of the person are searched for
	circle bool        // a reference leads back to an earlier collection: finding is repeated until nothing is new
}

// rowset is a person's rows in one table.
type rowset struct {
	p          *plan
	name       string // of its temporary table
	rows       *datamap.Rows
	table      *table
	key        []*column // names a row within one transaction
	ident      []*column // names a row for good; part of links
	links      []*column // what other rows are found by, and ident
	entries    []entry
	vias       []*via
	up         bool // found because the person's rows refer to it: other people's may, too
	refs       []reference
	masks      []mask
	categories []string
	loops      []loop
	texts      *freeText // nil: none of its columns
	day        *column   // from which the period of a row that stays is counted; nil: from the erasure
	linking    bool      // other rows are found from it
	freeze     bool      // its keys are remembered: what refers to it could not be found once it is gone
	divisible  bool      // its rows can be erased a chunk at a time
}

// entry is a column by which an identifier finds rows directly.
type entry struct {
	shared bool // several people have it
	kind   string
	col    *column
	// minted: a system made the identifier for one registration, so that who has it later is still the same registration.
	// An e-mail address is not: who signs up anew brings it along.
	minted bool
}

// via is a way from one set to another.
type via struct {
	join     datamap.Join // as the map has it
	from, to *rowset
	on       []pair // from's column, to's column
	parent   bool
	identity string // the kind, where no reference but the same identifier leads there
	minted   bool
	nobodys  []string // with identity: what the map puts in the place of an identifier that it masks
}

type pair struct {
	from, to *column
	native   bool    // the database declares it as a foreign key
	key      *column // of these two the one that it refers to; nil: it declares none
}

// detaching is a reference in somebody's row to the person's, which is set to null.
type detaching struct {
	from       *rowset
	label      string
	coll       *datamap.Collection
	categories []string
	table      *table
	key        []*column
	col        *column
	on         []pair // from's column, the referring column
}

// loop is a foreign key from the table to itself.
type loop struct {
	on       []pair  // the referring column, the column that it refers to
	cut      *column // set to null it refers to nothing; nil: no column of the key takes null
	cascades bool
}

// reference is who may refer to a row of an up set: the person's own rows excepted, somebody else.
type reference struct {
	child *table
	set   *rowset // of the person's rows in child; nil: none
	on    []pair  // the referring column, the set's column
}

// folded reports whether identifiers of the kind are compared without regard to case.
func folded(kind string) bool { return kind == dsr.Email }

// spelled reports whether identifiers of the kind are written in so many ways that SQL cannot compare them.
func spelled(kind string) bool { return kind == dsr.Phone }

func (r *rowset) label() string { return r.rows.Collection.Label }

// masked reports whether some rows of the set may be masked.
func (r *rowset) masked() bool {
	return len(r.masks) > 0 && (r.rows.Policy == datamap.Anonymise || r.sharedMasked())
}

func (r *rowset) sharedMasked() bool {
	return r.up && r.rows.Policy != datamap.Keep && r.rows.Shared == datamap.Anonymise
}

// alone reports whether the set needs no temporary table: its rows are only counted, and are found in one way.
func (r *rowset) alone() bool {
	return r.texts == nil && r.day == nil && r.rows.Policy == datamap.Keep && !r.linking && !r.up && len(r.entries) == 0 && len(r.vias) == 1 && r.vias[0].from != r
}

// column names a link in a set's table. Links stand there beside the key, which a remembered row that is gone does not have.
func (r *rowset) column(c *column) string {
	if i := slices.Index(r.links, c); i >= 0 {
		return fmt.Sprintf("l%d", i)
	}
	panic("sql: column " + c.name + " of " + r.table.name + " is no link") // the planner links every column that it joins by
}

func (r *rowset) link(c *column) {
	if c != nil && !slices.Contains(r.links, c) {
		r.links = append(r.links, c)
	}
}

// unique reports whether a row of to is found from one row of from at most.
func (v *via) unique() bool {
	var cols []*column
	for _, p := range v.on {
		cols = append(cols, p.from)
	}
	return v.identity == "" && v.from.table.distinct(cols)
}

// on is the condition of a join.
func (p *plan) on(pairs []pair, left func(*column) string, right func(*column) string, fold bool) string {
	var out []string
	for _, c := range pairs {
		how := exactly
		switch {
		case fold:
			how = likeMail
		case c.native:
			how = byKey
		}
		out = append(out, p.d.equal(left(c.from), c.compared(c.from), right(c.to), c.compared(c.to), how))
	}
	return strings.Join(out, " AND ")
}

// compared is a column as a foreign key compares it: by the collation of the column that it refers to.
func (o pair) compared(c *column) *column {
	if o.key == nil || o.key.collation == c.collation {
		return c
	}
	as := *c
	as.collation = o.key.collation
	return &as
}

func (p *plan) alias(t string) func(*column) string {
	return func(c *column) string { return p.value(t, c) }
}

func (r *rowset) alias(f string) func(*column) string {
	return func(c *column) string { return f + "." + r.column(c) }
}

func (p *plan) tableName(t *table) string { return p.d.qualified(t.schema, t.name) }

// keys lists the columns of a row's key in a temporary table.
func (r *rowset) keys(alias string) string {
	out := make([]string, len(r.key))
	for i := range r.key {
		out[i] = fmt.Sprintf("%sk%d", alias, i)
	}
	return strings.Join(out, ", ")
}

func (p *plan) list(alias string, cols []*column) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = alias + "." + p.d.quote(c.name)
	}
	return strings.Join(out, ", ")
}

func (p *plan) set(c *datamap.Collection) *rowset {
	for _, r := range p.sets {
		if r.rows.Collection == c {
			return r
		}
	}
	return nil
}

// accepts reports whether identifiers of the kind find rows.
func (p *plan) accepts(kind string) bool {
	return slices.ContainsFunc(p.sets, func(r *rowset) bool {
		return slices.ContainsFunc(r.entries, func(e entry) bool { return e.kind == kind })
	})
}
