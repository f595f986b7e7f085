package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// catalogue is what the database says of itself: the tables that the data map names, and every foreign key that leads to one.
type catalogue struct {
	tables []*table
	keys   []foreignKey
}

// table is a base table as it stands in the database.
type table struct {
	schema, name string
	kind         string // "" for a table; else what it is instead, in words
	columns      []*column
	primaryKey   []*column
	uniques      []unique
	noRowID      bool        // SQLite: WITHOUT ROWID
	guarded      bool        // a trigger or a rule may do something else instead of a deletion
	rewritten    bool        // a trigger or a rule may write back what an update took away
	inherited    bool        // PostgreSQL: other tables inherit from it, whose rows no key of its own tells apart
	partOf       []tableName // PostgreSQL: what it inherits from, or is a partition of
	unfit        string      // why nothing can be erased there, in words
	hidden       bool        // row-level security hides rows from this role
	// facts are definitions that no plan is made of and that may make one fail: checks, triggers, policies, rules, by their names. They
	// are compared, and never shown: a definition may hold values.
	facts map[string]string
}

// unique is a set of columns of which no two rows hold the same values.
type unique struct {
	columns []*column
	nulls   bool   // two rows may both hold null
	name    string // PostgreSQL: the index's
	// loose: over expressions, over some of the rows, or deferred: it refuses equal values and tells no rows apart. columns are those
	// that stand in its keys.
	loose    bool
	excludes bool // an exclusion constraint: it refuses more than equal values
	prefix   int  // MySQL: only so many characters of the one column count; 0: all
}

// class says how values of a column are compared and read.
type class int

// The classes.
const (
	other class = iota
	text
	integer
	number
	uuidClass
	boolean
	bytesClass
	jsonClass
)

// column is a column as it stands in the database.
type column struct {
	name     string
	typ      string // the engine's own name for the type, without a length
	class    class
	nullable bool
	length   int    // longest value in characters; 0: no limit
	computed bool   // generated: cannot be written
	folds    bool   // compares without regard to case
	lowIndex bool   // there is an index over lower(column)
	json     string // PostgreSQL: json or jsonb
	declared string // PostgreSQL: the type with its length, or the domain
	domain   bool   // PostgreSQL: declared is a domain, which may refuse values of the type
	equals   string // PostgreSQL: the operator that compares the type as it means it, where = may be another's
	size     int    // integer: bytes
	unsigned bool
	element  *column  // PostgreSQL: what an array is made of
	of       *column  // the column in which this one stands: a document or an array; nil: it is one itself
	path     []string // inside the document
	serial   bool     // MySQL: an INVISIBLE number that the database gives to each row, of which neither application nor map need to know
	// MySQL: how text is kept and compared, and the whole definition of the type. SQLite: the collation, where it is not BINARY.
	charset, collation, definition string
}

// foreignKey is one that leads to a table of the map.
type foreignKey struct {
	name        string
	childSchema string
	child       string
	columns     []string
	parent      *table
	refers      []*column
	onDelete    string // cascade, set null, set default, restrict, no action
}

// tableName is how the data map names a table.
type tableName struct{ schema, name string }

func (n tableName) String() string { return n.schema + "." + n.name }

func (t *table) column(name string) (*column, bool) {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.name == name })
	if i < 0 { // SQLite and MariaDB do not tell upper from lower case in a column's name; PostgreSQL never gets here with two
		i = slices.IndexFunc(t.columns, func(c *column) bool { return strings.EqualFold(c.name, name) })
	}
	if i < 0 {
		return nil, false
	}
	return t.columns[i], true
}

func (c *catalogue) table(n tableName) (*table, bool) {
	for _, t := range c.tables {
		if t.schema == n.schema && t.name == n.name {
			return t, true
		}
	}
	return nil, false
}

func (c *catalogue) names() []tableName {
	out := make([]tableName, len(c.tables))
	for i, t := range c.tables {
		out[i] = tableName{t.schema, t.name}
	}
	return out
}

// fact notes a definition under its name, which says what it is of.
func (t *table) fact(name, definition string) {
	if t.facts == nil {
		t.facts = map[string]string{}
	}
	t.facts[name+" of "+t.name] += definition
}

// distinct reports whether no two rows of the table hold the same values in these columns.
func (t *table) distinct(columns []*column) bool {
	covers := func(of []*column) bool {
		return len(of) > 0 && !slices.ContainsFunc(of, func(c *column) bool { return !slices.Contains(columns, c) })
	}
	return !t.inherited && (covers(t.primaryKey) || slices.ContainsFunc(t.uniques, func(u unique) bool { return !u.loose && covers(u.columns) }))
}

// readCatalogue reads what the planner needs to know of the named tables, in a few statements whatever their number.
func readCatalogue(ctx context.Context, q reader, d dialect, names []tableName) (*catalogue, error) {
	c := &catalogue{}
	if err := d.readTables(ctx, q, names, c); err != nil {
		return nil, failed("read the catalogue", err)
	}
	if err := d.readKeys(ctx, q, c); err != nil {
		return nil, failed("read the foreign keys", err)
	}
	if err := d.readFacts(ctx, q, c); err != nil {
		return nil, failed("read checks and triggers", err)
	}
	return c, nil
}

// joins reports whether the foreign key leads from a column of one table to a column of another.
func (k foreignKey) joins(child *table, c *column, parent *table, p *column) bool {
	if child == nil || k.parent != parent || k.childSchema != child.schema || k.child != child.name {
		return false
	}
	for i, name := range k.columns {
		if strings.EqualFold(name, c.name) && k.refers[i] == p {
			return true
		}
	}
	return false
}

func (k foreignKey) String() string {
	var refers []string
	for _, c := range k.refers {
		refers = append(refers, c.name)
	}
	return fmt.Sprintf("%s (%s) → %s (%s)", k.child, strings.Join(k.columns, ", "), k.parent.name, strings.Join(refers, ", "))
}

// named reads a JSON array of the names of columns.
func (t *table) named(list string) ([]*column, error) {
	var names []string
	if err := json.Unmarshal([]byte(list), &names); err != nil {
		return nil, fmt.Errorf("columns of %s: %w", t.name, err)
	}
	var out []*column
	for _, n := range names {
		c, ok := t.column(n)
		if !ok {
			return nil, fmt.Errorf("columns of %s: an index names %q, which is none", t.name, n)
		}
		out = append(out, c)
	}
	return out, nil
}

// mentioned lists the columns that stand in a JSON array of expressions.
func (t *table) mentioned(list string) ([]*column, error) {
	var keys []string
	if err := json.Unmarshal([]byte(list), &keys); err != nil {
		return nil, fmt.Errorf("columns of %s: %w", t.name, err)
	}
	return t.mentionedIn(keys...), nil
}

// mentionedIn lists the columns whose names stand in expressions.
func (t *table) mentionedIn(exprs ...string) []*column {
	var out []*column
	for _, c := range t.columns {
		word := regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(c.name) + `($|[^\pL\pN_])`)
		if slices.ContainsFunc(exprs, word.MatchString) {
			out = append(out, c)
		}
	}
	return out
}

func (c *catalogue) addKey(k foreignKey, parent tableName, columns, refers string) error {
	t, ok := c.table(parent)
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(columns), &k.columns); err != nil {
		return fmt.Errorf("foreign key %s: %w", k.name, err)
	}
	var err error
	if k.refers, err = t.named(refers); err != nil {
		return fmt.Errorf("foreign key %s: %w", k.name, err)
	}
	k.parent = t
	c.keys = append(c.keys, k)
	return nil
}
