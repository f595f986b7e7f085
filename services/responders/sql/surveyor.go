package sql

import "context"

// surveyor is what an engine says of its catalogue beside the tables that a plan is made of.
type surveyor interface {
	// fingerprint is a short text that changes whenever the catalogue of the named tables may have changed in a way that a plan depends
	// on. One statement, cheap enough for every batch; what it does not see stands at its implementation.
	fingerprint(ctx context.Context, q reader, names []tableName) (string, error)
	// listTables names the base tables of some schemas, or of all, those left out that belong to the engine, to an extension or to another table.
	listTables(ctx context.Context, q reader, schemas []string) ([]tableName, error)
	// readFacts fills in the definitions of checks, triggers and the like.
	readFacts(ctx context.Context, q reader, into *catalogue) error
	// lacking returns those of the rights, in their order, that the role of the connection does not have; grants are the statements that
	// give them to a role, without a semicolon.
	lacking(ctx context.Context, q reader, wanted []right) ([]right, error)
	grants(ctx context.Context, q reader, role string, wanted []right) ([]string, error)
	// account quotes the name of a role.
	account(role string) string
}
