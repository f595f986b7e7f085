package sql

import "context"

// constrainer is what an engine says of constraints that a mask may break. It is asked when the map is laid over the catalogue, and not for every
// batch.
type constrainer interface {
	// readChecks lists the CHECK constraints of tables that the database enforces, where it can say what they are.
	readChecks(ctx context.Context, q reader, of []*table) ([]check, error)
	// readReferring lists the foreign keys of tables that the database enforces, whatever they lead to.
	readReferring(ctx context.Context, q reader, of []*table) ([]referring, error)
	// readGenerated gives the expressions of generated columns, where the engine has them apart from the whole statement.
	readGenerated(ctx context.Context, q reader, of []*table) ([]generated, error)
	// stored is a constant as a column would hold it; false: no expression is surely the same to whatever looks at it.
	stored(value string, c *column) (string, bool)
	// lacks is true where the character set of a column cannot spell a constant; empty: there is none that could not.
	lacks(value string, c *column) string
	// null is null as a column would hold it.
	null(c *column) string
}

// check is a CHECK constraint. Its expression may hold values: it is evaluated, and never shown.
type check struct {
	table   *table
	name    string
	expr    string
	columns []*column // whatever it mentions
}

// referring is a foreign key of a table of the map, seen from the rows that refer.
type referring struct {
	table              *table
	columns            []*column
	parent             tableName
	refers, equals     []string // the parent's columns, and what compares each with the one that refers
	onUpdate, onDelete string
}

// generated is the expression of a generated column.
type generated struct {
	table *table
	col   *column
	expr  string
}
