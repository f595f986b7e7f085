package sql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Dialect names the engine of a database.
type Dialect string

// The engines.
const (
	Postgres Dialect = "postgres" // through pgx's database/sql driver
	MySQL    Dialect = "mysql"    // MariaDB 10.11 or newer, opened by ledger.OpenMySQL
	SQLite   Dialect = "sqlite"   // through modernc.org/sqlite
)

// dialect is all that the engines do differently. Everything else is one text for all of them.
//
// Expressions are SQL; a column comes with the table's alias before it. Values never stand in a statement: they come as lists.
type dialect interface {
	// attach reads what the dialect needs to know of the server and of the connection's database, once.
	attach(ctx context.Context, q reader) (dialect, error)
	// hidden names the schemas whose tables the role can't all see: a foreign key from another table would go unseen.
	hidden(ctx context.Context, q reader, schemas []string) ([]string, error)

	quote(name string) string
	literal(value string) string
	qualified(schema, name string) string
	defaultSchema() string

	// readTables fills in the named tables, readKeys the foreign keys that lead to them.
	readTables(ctx context.Context, q reader, names []tableName, into *catalogue) error
	readKeys(ctx context.Context, q reader, into *catalogue) error
	surveyor
	constrainer
	// rowKey is what names a row as long as the transaction lasts; nil where nothing does.
	rowKey(t *table) []*column
	// ordered says that rowKey stays what it is while rows are changed, and sorts alike wherever it is kept.
	ordered(t *table) bool

	// list is a table in a FROM clause with the columns d (a dispatch's number) and v0, v1 … (text), whose rows are the
	// parameters from number first on.
	list(first int, alias string, columns int) string
	listArgs(l list) ([]any, error)

	// identifier returns the text that stands for an identifier in a list, false for a value that the column cannot hold.
	identifier(c *column, value string) (string, bool)
	// holds is true where a column holds the identifier in text; equal, where two columns hold the same.
	holds(expr string, c *column, kind, text string) string
	equal(a string, ca *column, b string, cb *column, how match) string
	// contains is true where a text holds another one, byte by byte.
	contains(expr, part string) string
	// dated reports whether a column may hold days; hasDay is true where it holds one.
	dated(c *column) bool
	hasDay(expr string) string
	// documents says why the values inside a column cannot be read, in words; empty: they can.
	documents(c *column) string
	// inside are the values of a column that stands in another one; opens is the operator between a table and these, cross the one
	// between both and what they are compared with. broken is true where a column holds no document; empty: it always does.
	inside(expr string, c *column) inside
	opens() string
	cross() string
	broken(expr string) string
	// parsed makes a value of a column of documents of text.
	parsed(expr string, c *column) string
	// text is a value as text.
	text(expr string) string
	concat(a, b string) string
	// notASCII is true for text whose spelling only Unicode's rules can compare.
	notASCII(expr string) string
	// freeze makes text of a value, thaw the value of the text: of the same type, losslessly.
	freeze(expr string, c *column) string
	thaw(expr string, c *column) string

	// constant is a value of the column's type; random and its shape are n characters long.
	// indexed says what makes a comparison of addresses cheap.
	indexed(c *column) string

	constant(value string, c *column) string
	// trial is an expression that fails where a column does not take a constant.
	trial(value string, c *column) string
	// takes says whether a column takes a constant, where the dialect can judge; else the database is asked.
	takes(c *column, value string) (fits, judged bool)
	differs(expr string, c *column, value string) string
	random(n int) string
	shaped(expr, prefix string, hexDigits int) string

	// join is the operator between what rows are found from and the table that they are found in, in this order.
	join() string
	// materialised stands before a common table expression that is used several times.
	materialised() string
	// staged says that a statement with several expressions that use each other grows beyond bounds: those used several times go into temporary tables.
	staged() bool
	// temporary makes a table that lasts at most as long as the transaction, with rows of r unless that is nil; drop removes it.
	temporary(name, query string, r *rowset) string
	temporaryName(name string) string
	drop(name string) string
	// countsTemporary says that the statement which makes a temporary table gives the number of its rows.
	countsTemporary() bool
	// keepsTemporary says that a transaction which is rolled back leaves its temporary tables behind.
	keepsTemporary() bool
	index(name string, columns string) string // over a temporary table; empty: it needs none
	analyze(name string) string               // empty: it needs none
	// deleteFrom is a statement for the rows of alias t that join what stands in from; empty: there is none.
	deleteFrom(table, from, on string) string

	// deleteRows and updateRows are statements for the rows whose key is in (a query), updateFrom one for the rows of alias t that
	// join what stands in from. A value that is assigned reads columns of alias t.
	deleteRows(table string, key []*column, in string) string
	updateRows(table string, set []assignment, key []*column, in string) string
	updateFrom(table string, set []assignment, from, on string) string
	// keyOrder says that an index gives the rows of one value in the order of their primary key.
	keyOrder() bool
	// rowByRow says that references are checked as each row goes, and not once all rows of the statement are gone.
	rowByRow() bool

	// begin is how a transaction that erases begins.
	begin() *sql.TxOptions
	// prepare sets what holds for the rest of the transaction.
	prepare(ctx context.Context, tx *sql.Tx, c Config) error
	// changing is a statement that comes between what only reads and the first change; empty: there is none.
	changing() string

	// settle has constraints checked that would wait for the commit.
	settle(ctx context.Context, tx *sql.Tx) error

	// exported is what an export reads of a column; encode makes JSON of what the driver then gives.
	exported(expr string, c *column) string
	encode(to []byte, v any, c *column) ([]byte, error)
	// snapshot begins a transaction that sees one state of the database and changes nothing.
	snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error)
	// replication is how a replica is known; the zero value: the engine has none.
	replication() replication
}

func dialectOf(d Dialect) (dialect, error) {
	switch d {
	case Postgres:
		return postgres{}, nil
	case MySQL:
		return mysql{}, nil
	case SQLite:
		return lite{}, nil
	}
	return nil, fmt.Errorf("dialect is %s, %s or %s, not %q", Postgres, MySQL, SQLite, d)
}

// match says how two columns are compared.
type match int

const (
	exactly  match = iota // the same value
	byKey                 // as a foreign key of the database compares them
	likeMail              // without regard to the case of ASCII letters
)

// assignment sets a column.
type assignment struct {
	col   *column
	value string
}

func (d ansi) assignments(set []assignment) string {
	out := make([]string, len(set))
	for i, a := range set {
		out[i] = d.quote(a.col.name) + " = " + a.value
	}
	return strings.Join(out, ", ")
}

// ansi is what PostgreSQL and SQLite say alike.
type ansi struct{}

func (ansi) hidden(context.Context, reader, []string) ([]string, error) { return nil, nil }
func (ansi) quote(name string) string                                   { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (ansi) literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

func (d ansi) qualified(schema, name string) string { return d.quote(schema) + "." + d.quote(name) }

func (ansi) text(expr string) string                   { return "CAST(" + expr + " AS text)" }
func (ansi) concat(a, b string) string                 { return a + " || " + b }
func (ansi) indexed(c *column) string                  { return "an index over lower(" + c.name + ")" }
func (ansi) join() string                              { return "JOIN" }
func (ansi) materialised() string                      { return "MATERIALIZED " }
func (ansi) staged() bool                              { return false }
func (d ansi) account(role string) string              { return d.quote(role) }
func (ansi) countsTemporary() bool                     { return true }
func (ansi) keepsTemporary() bool                      { return false }
func (ansi) takes(*column, string) (fits, judged bool) { return false, false }
func (ansi) rowByRow() bool                            { return false }
func (ansi) changing() string                          { return "" }
func (d ansi) deleteRows(table string, key []*column, in string) string {
	return "DELETE FROM " + table + " WHERE " + d.tuple("", key) + " IN (" + in + ")"
}

func (d ansi) updateRows(table string, set []assignment, key []*column, in string) string {
	return "UPDATE " + table + " AS t SET " + d.assignments(set) + " WHERE " + d.tuple("t.", key) + " IN (" + in + ")"
}

func (d ansi) updateFrom(table string, set []assignment, from, on string) string {
	return "UPDATE " + table + " AS t SET " + d.assignments(set) + " FROM " + from + " WHERE " + on
}

func (d ansi) tuple(alias string, cols []*column) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = alias + d.quote(c.name)
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// list is what a batch searches with: the number of a dispatch and values as text, nil for null.
type list struct {
	d       []int32
	columns [][]*string
}

func newList(columns int) list { return list{columns: make([][]*string, columns)} }

func (l *list) add(d int, values ...*string) {
	l.d = append(l.d, int32(d))
	for i, v := range values {
		l.columns[i] = append(l.columns[i], v)
	}
}

func (l *list) len() int { return len(l.d) }
