package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// DraftConfig says from which database a first data map is made. DB, Dialect and System are required.
type DraftConfig struct {
	DB        *sql.DB
	Dialect   Dialect
	System    string   // what the system is to be called in the map
	Schemas   []string // default: all that are not the engine's own; on MariaDB the connection's database
	NoSamples bool     // guess from names alone, and read no row
}

// Draft makes a first data map of a live database for a person to finish: its tables, keys and references, whom one could ask about, and
// for each column a category, guessed from names and from some rows. Every guess is marked by a comment. Nothing is said of what an erasure does
// to rows: each table that is open is found by [datamap.Map.Check].
//
// No value of a row is kept, nor written anywhere: what was seen of a column are counts.
func Draft(ctx context.Context, c DraftConfig) ([]byte, error) {
	d, err := dialectOf(c.Dialect)
	if err != nil {
		return nil, fmt.Errorf("configure a draft: %w", err)
	}
	if c.DB == nil || !fidesKey.MatchString(c.System) {
		return nil, errors.New("configure a draft: it takes a database, and a name of letters, digits, _ . or - for the system")
	}
	if d, err = d.attach(ctx, live{c.DB}); err != nil {
		return nil, err
	}
	tx, err := d.snapshot(ctx, c.DB)
	if err != nil {
		return nil, failed("begin to read the catalogue", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	cat, err := whole(ctx, live{tx}, d, c.Schemas)
	if err != nil {
		return nil, err
	}
	if len(cat.tables) == 0 {
		return nil, errors.New("draft a data map: there are no tables that this role may see")
	}
	b := &draft{d: d, system: c.System, cat: cat, tables: map[*table]*drafted{}}
	for _, t := range cat.tables {
		serial := func(c *column) bool { return c.serial }
		t.columns, t.primaryKey = slices.DeleteFunc(t.columns, serial), slices.DeleteFunc(t.primaryKey, serial)
		b.tables[t] = &drafted{table: t, traits: traitsOf(t), columns: map[*column]guess{}}
		if !c.NoSamples {
			if b.tables[t].samples, err = sample(ctx, live{tx}, d, t); err != nil {
				return nil, err
			}
		}
	}
	b.roots()
	b.undeclared()
	b.ways()
	b.categories()
	return b.write(), nil
}

var fidesKey = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// alone reports whether nothing but an address leads to the rows.
func (dt *drafted) alone() bool { return dt.mail != nil && dt.kind == "" && len(dt.of) == 0 && !dt.up }

// draft is what is thought of a database.
type draft struct {
	d      dialect
	system string
	cat    *catalogue
	tables map[*table]*drafted
	kinds  []*table // roots, in the catalogue's order
}

// drafted is what is thought of a table.
type drafted struct {
	table   *table
	traits  traits
	samples map[*column]*sampled
	columns map[*column]guess
	mail    *column  // holds e-mail addresses; nil: none does
	kind    string   // of subject, whose row it is; empty: nobody's
	of      []string // kinds of subject whose rows hang on theirs
	up      bool     // a person's row refers to it, as to an address
	keys    []way
}

// way is what a foreign key of a table means.
type way struct {
	key  foreignKey
	what meaning
	why  string
}

type meaning int

const (
	apart    meaning = iota // neither end is anybody's
	down                    // rows belong to whom the parent belongs to
	upward                  // the parent belongs to the person, and maybe to others
	unhooked                // somebody's row refers to somebody else
	left                    // not to be followed
)

// roots guesses whom one can ask about: people who have an address and a row of their own.
func (b *draft) roots() {
	for _, t := range b.cat.tables {
		dt := b.tables[t]
		if dt.mail = identity(t); dt.mail != nil && dt.samples[dt.mail].denies("user.contact.email") {
			dt.mail = nil
		}
		for _, c := range t.columns { // addresses may stand under any name
			if g, ok := dt.samples[c].says(); dt.mail == nil && ok && g.category == "user.contact.email" {
				dt.mail = c
				dt.traits.person = dt.traits.person || about(t, people)
			}
		}
		if dt.traits.person && dt.mail != nil && len(t.primaryKey) > 0 {
			dt.kind = b.kindOf(t)
			b.kinds = append(b.kinds, t)
		}
	}
}

// kindOf is a word for people of a table that no other table has.
func (b *draft) kindOf(t *table) string {
	ts := tokens(t.name)
	ts[len(ts)-1] = singular(ts[len(ts)-1])
	kind := strings.Join(ts, "_")
	if kind == "" || kind[0] < 'a' || kind[0] > 'z' || strings.ContainsFunc(kind, func(r rune) bool { return r > 127 }) {
		kind = "person"
	}
	name := kind
	for n := 2; slices.ContainsFunc(b.kinds, func(o *table) bool { return b.tables[o].kind == name }); n++ {
		name = fmt.Sprintf("%s_%d", kind, n)
	}
	return name
}

// undeclared adds the foreign keys that a name promises and the database does not declare: orders.customer_id.
func (b *draft) undeclared() {
	for _, t := range b.cat.tables {
		for _, parent := range b.kinds {
			key := parent.primaryKey
			if len(key) != 1 || parent == t {
				continue
			}
			for _, c := range t.columns {
				declared := slices.ContainsFunc(b.cat.keys, func(k foreignKey) bool {
					return k.childSchema == t.schema && k.child == t.name && slices.Contains(k.columns, c.name)
				})
				if !declared && c.class == key[0].class && strings.Join(tokens(c.name), "_") == b.tables[parent].kind+"_id" {
					b.cat.keys = append(b.cat.keys, foreignKey{childSchema: t.schema, child: t.name, columns: []string{c.name}, parent: parent, refers: key})
				}
			}
		}
	}
}

// ways guesses what each foreign key means, beginning at people.
func (b *draft) ways() {
	for _, t := range b.kinds {
		b.tables[t].of = []string{b.tables[t].kind}
	}
	b.hang()
	for _, k := range b.cat.keys {
		c, p := b.child(k), b.tables[k.parent]
		if c == nil {
			continue
		}
		w := way{key: k}
		switch loose := b.nullable(c.table, k); {
		case loose && c.kind != "" && p.kind != "":
			w.what, w.why = unhooked, fmt.Sprintf("somebody's row refers to somebody else's, of kind %s to %s", c.kind, p.kind)
		case loose && c == p && len(p.of) > 0:
			w.what, w.why = unhooked, "a row refers to another one, which may be somebody else's"
		case c.kind != "" && len(p.of) > 0:
			w.what, w.why = left, fmt.Sprintf("the row of a %s is not to be erased with what it refers to", c.kind)
		case len(p.of) > 0:
			w.what = down
			if k.name == "" {
				w.why = "from the name, the database does not declare it"
			}
		case len(c.of) > 0 && b.address(p):
			w.what, w.why = upward, "an address or the like, which others may share"
			p.up = true
		case len(c.of) > 0:
			w.what, w.why = left, fmt.Sprintf("rows of %s are nobody's", p.table.name)
		}
		c.keys = append(c.keys, w)
	}
	for _, dt := range b.tables {
		dt.traits.reached = dt.traits.reached || len(dt.of) > 0 || dt.up
	}
}

// hang finds what hangs on people's rows, in any depth, other people's own rows left out.
func (b *draft) hang() {
	for grew := true; grew; {
		grew = false
		for _, k := range b.cat.keys {
			c, p := b.child(k), b.tables[k.parent]
			if c == nil || c.kind != "" || c == p {
				continue
			}
			for _, kind := range p.of {
				if !slices.Contains(c.of, kind) {
					c.of, grew = append(c.of, kind), true
				}
			}
		}
	}
}

func (b *draft) child(k foreignKey) *drafted {
	t, ok := b.cat.table(tableName{k.childSchema, k.child})
	if !ok {
		return nil
	}
	return b.tables[t]
}

func (b *draft) nullable(t *table, k foreignKey) bool {
	return !slices.ContainsFunc(k.columns, func(name string) bool { c, ok := t.column(name); return !ok || !c.nullable })
}

// address reports whether rows of a table that people refer to say something of a person by themselves.
func (b *draft) address(p *drafted) bool {
	n := 0
	for _, c := range p.table.columns {
		if g, ok := guessIn(p.traits, c); ok && (strings.HasPrefix(g.category, "user.contact.") || strings.HasPrefix(g.category, "user.name.")) {
			n++
		}
	}
	return n >= 2
}

// categories guesses what each column holds.
func (b *draft) categories() {
	for _, dt := range b.tables {
		for _, c := range dt.table.columns {
			dt.columns[c] = b.category(dt, c)
		}
	}
}

const operations = "system.operations"

func (b *draft) category(dt *drafted, c *column) guess {
	if g, ok := b.keyCategory(dt, c); ok {
		return g
	}
	named, ok := guessIn(dt.traits, c)
	if ok && dt.samples[c].denies(named.category) {
		ok = false
	}
	if seen, saw := dt.samples[c].says(); saw && (!ok || named.category != seen.category && seen.category != "user.contact.phone_number") {
		return seen
	}
	switch {
	case ok:
		return named
	case dt.traits.reached && dt.samples[c].prose():
		return guess{"user.content.private", "most samples are sentences"}
	case len(dt.of) > 0 && dt.kind == "" && dt.traits.trade && !slices.Contains(dt.table.primaryKey, c):
		return guess{"user.behavior.purchase_history", "from the table's name"}
	}
	return guess{operations, "nothing says that it is personal"}
}

// keyCategory guesses from what the database declares: these are not names of things, but of rows.
func (b *draft) keyCategory(dt *drafted, c *column) (guess, bool) {
	for _, w := range dt.keys {
		i := slices.IndexFunc(w.key.columns, func(name string) bool { f, ok := dt.table.column(name); return ok && f == c })
		if i < 0 {
			continue
		}
		switch parent := b.tables[w.key.parent]; {
		case w.what == down && parent.kind != "":
			return guess{"user.unique_id", "it refers to a " + parent.kind}, true
		case w.what != left || !dt.traits.trade || dt.kind != "":
			return guess{operations, "it refers to " + parent.table.name}, true
		}
	}
	if len(dt.table.primaryKey) > 0 && slices.Contains(dt.table.primaryKey, c) {
		if _, named := guessIn(dt.traits, c); named {
			return guess{}, false // a natural key
		}
		if dt.kind != "" {
			return guess{"user.unique_id", "it names a " + dt.kind}, true
		}
		return guess{operations, "it names a row"}, true
	}
	return guess{}, false
}
