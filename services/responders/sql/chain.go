package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// chain writes the beginning of statements that find the rows of a plan and change nothing (SQLite alone needs temporary tables, see stage.go): one
// common table expression for each set, found from those before it. It serves looks, resolution and export; the erasure does not use it, so
// that a look does not repeat the erasure's mistakes.
//
// The expression of set 3 is c3 (d, k0 …, l0 …, m, s): m = 1, an erasure would still take or mask the row; m = 2, that is so if a
// document in it, which was not opened, has anything left to mask, or another column; s = 1, rows of other
// people refer to it as well. g3 (d, l0 …) are remembered rows, whether or not they are still there. n0, n1 … (d, k0 …) are a
// person's own rows that came anew.
type chain struct {
	p    *plan
	ctes []expression
	args []any
	next int

	ghosts map[*rowset]bool
	anew   []comer
}

// search is what a chain starts from.
type search struct {
	remembered map[*rowset]list // keys of the first act, by the columns of links
	reached    map[*rowset]list // rows that a circle of references led back to, in the same form
	seeds      []seeded
}

// seeded are the seeds of one entry.
type seeded struct {
	set *rowset
	entry
	seeds
	role seedRole
}

// seedRole says what a row that an identifier finds directly is.
type seedRole int

const (
	theirs  seedRole = iota // the person's
	contact                 // the person's unless they signed up anew
	anew                    // of a person who signed up anew, unless it is known otherwise
)

func newChain(p *plan, s search) (*chain, error) {
	c := &chain{p: p, next: 1, ghosts: map[*rowset]bool{}}
	for _, r := range p.sets {
		if err := c.remember(r, s); err != nil {
			return nil, err
		}
	}
	// A person's own rows, then those that came anew, then everything else, which depends on both.
	first := func(r *rowset) bool { return r.rows.Root && len(r.vias) == 0 }
	for n, r := range p.sets {
		if first(r) {
			if err := c.expression(n, r, s); err != nil {
				return nil, err
			}
		}
	}
	for _, of := range s.seeds {
		if of.role == anew {
			if err := c.comeAnew(of, first(of.set)); err != nil {
				return nil, err
			}
		}
	}
	for n, r := range p.sets {
		if !first(r) {
			if err := c.expression(n, r, s); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func (c *chain) index(r *rowset) int { return slices.Index(c.p.sets, r) }

// from registers a list and returns its FROM clause.
func (c *chain) from(l list, clause func(first int) string) (string, error) {
	args, err := c.p.d.listArgs(l)
	if err != nil {
		return "", err
	}
	text := clause(c.next)
	c.args = append(c.args, args...)
	c.next += len(args)
	return text, nil
}

func (c *chain) remember(r *rowset, s search) error {
	var l list
	for _, from := range []list{s.remembered[r], s.reached[r]} {
		if from.len() > 0 {
			l.d = append(l.d, from.d...)
			if l.columns == nil {
				l.columns = make([][]*string, len(from.columns))
			}
			for i := range from.columns {
				l.columns[i] = append(l.columns[i], from.columns[i]...)
			}
		}
	}
	if l.len() == 0 {
		return nil
	}
	list, err := c.from(l, func(first int) string { return c.p.d.list(first, "i", len(r.links)) })
	if err != nil {
		return err
	}
	cols := []string{"i.d AS d"}
	for i, col := range r.links {
		cols = append(cols, fmt.Sprintf("%s AS l%d", c.p.d.thaw(fmt.Sprintf("i.v%d", i), col), i))
	}
	c.ghosts[r] = true
	c.ctes = append(c.ctes, expression{name: fmt.Sprintf("g%d", c.index(r)), shared: true, query: "SELECT " + strings.Join(cols, ", ") + " FROM " + list})
	return nil
}

// comeAnew finds a person's own rows by what the person brings along, those left out that are known from before.
func (c *chain) comeAnew(of seeded, found bool) error {
	r := of.set
	keys := "i.d AS d"
	for i, col := range r.key {
		keys += fmt.Sprintf(", t.%s AS k%d", c.p.d.quote(col.name), i)
	}
	known := ""
	switch {
	case found:
		known = fmt.Sprintf(" WHERE NOT EXISTS (SELECT 1 FROM c%d AS y WHERE y.d = i.d AND %s)", c.index(r), r.sameKey("y", "t"))
	case c.ghosts[r] && len(r.ident) > 0:
		same := []string{"g.d = i.d"}
		for _, col := range r.ident {
			same = append(same, fmt.Sprintf("g.l%d = t.%s", slices.Index(r.links, col), c.p.d.quote(col.name)))
		}
		known = fmt.Sprintf(" WHERE NOT EXISTS (SELECT 1 FROM g%d AS g WHERE %s)", c.index(r), strings.Join(same, " AND "))
	}
	var parts []string
	for _, from := range c.seedClauses(of) {
		text, err := c.from(from.list, from.clause)
		if err != nil {
			return err
		}
		parts = append(parts, "SELECT "+keys+" FROM "+text+known)
	}
	if len(parts) == 0 {
		return nil
	}
	name := fmt.Sprintf("n%d", len(c.anew))
	c.anew = append(c.anew, comer{name, r})
	c.ctes = append(c.ctes, expression{name: name, shared: true, query: strings.Join(parts, "\n UNION ")})
	return nil
}

// comer is the expression of rows that came anew in a set.
type comer struct {
	name string
	set  *rowset
}

type clause struct {
	list   list
	clause func(first int) string
}

func (c *chain) seedClauses(of seeded) []clause {
	var out []clause
	if of.values.len() > 0 {
		out = append(out, clause{of.values, func(first int) string { return of.set.byValue(of.entry, first) }})
	}
	if of.keys.len() > 0 {
		out = append(out, clause{of.keys, of.set.byKey})
	}
	return out
}

// expression writes the rows of one set.
func (c *chain) expression(n int, r *rowset, s search) error {
	var parts []string
	if l := s.remembered[r]; l.len() > 0 && len(r.ident) > 0 {
		text, err := c.from(l, r.byIdent)
		if err != nil {
			return err
		}
		parts = append(parts, "SELECT "+c.row(n, r, "i.d", nil)+" FROM "+text)
	}
	for _, of := range s.seeds {
		if of.set != r || of.role == anew {
			continue
		}
		for _, from := range c.seedClauses(of) {
			text, err := c.from(from.list, from.clause)
			if err != nil {
				return err
			}
			if of.role == contact {
				text += c.butAnew("i.d", " WHERE ")
			}
			parts = append(parts, "SELECT "+c.row(n, r, "i.d", nil)+" FROM "+text)
		}
	}
	var self []string
	for _, v := range r.vias {
		if v.from == r {
			self = append(self, c.p.on(v.on, r.alias("f"), c.p.alias("t"), folded(v.identity)))
			continue
		}
		parts = append(parts, c.way(n, v)...)
	}
	if len(parts) == 0 {
		parts = append(parts, "SELECT "+c.row(n, r, "0", nil)+" FROM "+c.p.tableName(r.table)+" AS t WHERE 1 = 0")
	}
	if len(self) > 0 {
		if c.ghosts[r] {
			parts = append(parts, fmt.Sprintf("SELECT %s FROM g%d AS f %s %s AS t ON %s", c.row(n, r, "f.d", nil), n, c.p.d.join(), c.p.tableName(r.table), strings.Join(self, " OR ")))
		}
		parts = append(parts, fmt.Sprintf("SELECT %s FROM c%d AS f %s %s AS t ON %s", c.row(n, r, "f.d", nil), n, c.p.d.join(), c.p.tableName(r.table), strings.Join(self, " OR ")))
	}
	// One that is used once the database may see through.
	c.ctes = append(c.ctes, expression{name: fmt.Sprintf("c%d", n), shared: r.linking || len(self) > 0, query: strings.Join(parts, "\n UNION ")})
	return nil
}

// way finds rows over a reference, from the rows that there are and from those that are remembered. A reference that leads back
// to an earlier set starts from remembered rows only; who runs the chain adds what it finds to them until nothing is new.
func (c *chain) way(n int, v *via) []string {
	from := c.over(n, v)
	if from == "" {
		return nil
	}
	return []string{"SELECT " + c.row(n, v.to, "f.d", v) + " FROM " + from}
}

// over is the FROM clause of a way, to rows of alias t; empty where nothing leads there.
func (c *chain) over(n int, v *via) string {
	from := c.source(n, v.from)
	if from == "" || spelled(v.identity) { // the latter [chain.spelt] finds, all of them
		return ""
	}
	word, where := " WHERE ", ""
	if v.identity != "" {
		if only := v.somebodys("f." + v.from.column(v.on[0].from)); only != "" {
			word, where = " AND ", word+only
		}
		if !v.minted {
			where += c.butAnew("f.d", word)
		}
	}
	return c.p.search(from, v.to.table, v.on[0].to, c.p.on(v.on, v.from.alias("f"), c.p.alias("t"), folded(v.identity))) + where
}

// source lists the links of a set's rows, live and remembered, as far as set n may use them; empty where there are none.
func (c *chain) source(n int, r *rowset) string {
	links := make([]string, len(r.links))
	for i := range r.links {
		links[i] = fmt.Sprintf("l%d", i)
	}
	var parts []string
	if i := c.index(r); i < n {
		where := ""
		if r.up {
			where = " WHERE s = 0"
		}
		parts = append(parts, fmt.Sprintf("SELECT d, %s FROM c%d%s", strings.Join(links, ", "), i, where))
	}
	if c.ghosts[r] {
		parts = append(parts, fmt.Sprintf("SELECT d, %s FROM g%d", strings.Join(links, ", "), c.index(r)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, " UNION ") + ") AS f"
}

// butAnew leaves out people who signed up anew.
func (c *chain) butAnew(d, word string) string {
	var out []string
	for _, n := range c.anew {
		out = append(out, fmt.Sprintf("NOT EXISTS (SELECT 1 FROM %s AS n WHERE n.d = %s)", n.name, d))
	}
	if len(out) == 0 {
		return ""
	}
	return word + strings.Join(out, " AND ")
}

// row lists what an expression holds of a row of alias t that was found over v, or directly.
func (c *chain) row(n int, r *rowset, d string, v *via) string {
	out := []string{d + " AS d"}
	for i, col := range r.key {
		out = append(out, fmt.Sprintf("t.%s AS k%d", c.p.d.quote(col.name), i))
	}
	for i, col := range r.links {
		out = append(out, fmt.Sprintf("t.%s AS l%d", c.p.d.quote(col.name), i))
	}
	todo := "0"
	bare := "0"
	switch {
	case r.opens():
		bare = unopened
	case len(r.masks) > 0:
		bare = r.bareFlag("t")
	}
	switch r.rows.Policy {
	case datamap.Delete:
		todo = "1"
	case datamap.Anonymise:
		todo = bare
	}
	shared := "0"
	if v != nil && v.parent {
		others := c.others(n, r, d)
		shared = "CASE WHEN " + others + " THEN 1 ELSE 0 END"
		kept := "0"
		if r.sharedMasked() {
			kept = bare
		}
		todo = "CASE WHEN " + others + " THEN " + kept + " ELSE " + todo + " END"
	}
	return strings.Join(append(out, todo+" AS m", shared+" AS s"), ", ")
}

// others is true where a row that is not this person's refers to the row of alias t.
func (c *chain) others(n int, r *rowset, d string) string {
	var out []string
	for _, ref := range r.refs {
		own := ""
		if ref.set != nil && c.index(ref.set) < n {
			own = fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM c%d AS y WHERE y.d = %s AND %s)", c.index(ref.set), d, ref.set.sameKey("y", "r"))
		}
		out = append(out, fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS r WHERE %s%s)", c.p.tableName(ref.child), c.p.on(ref.on, c.p.alias("r"), c.p.alias("t"), false), own))
	}
	if len(out) == 0 {
		return "1 = 0"
	}
	return "(" + strings.Join(out, " OR ") + ")"
}
