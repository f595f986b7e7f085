package sql

import (
	"context"
	"fmt"
	"strings"
)

// liteCollations finds out by what collation SQLite compares each column: it says so of indexes alone. A column of a subquery has that of the table's
// column in its first part, and LIMIT keeps it from being taken apart.
func liteCollations(ctx context.Context, q reader, t *table) error {
	if t.kind != "" || len(t.columns) == 0 {
		return nil
	}
	var tests, columns, values []string
	found := make([]struct{ folds, trims bool }, len(t.columns))
	var dest []any
	for i, c := range t.columns {
		tests = append(tests, fmt.Sprintf("c%[1]d = 'A', c%[1]d = 'a '", i))
		columns = append(columns, fmt.Sprintf("%s AS c%d", lite{}.quote(c.name), i))
		values = append(values, "'a'")
		dest = append(dest, &found[i].folds, &found[i].trims)
	}
	query := fmt.Sprintf("SELECT %s FROM (SELECT %s FROM %s WHERE 0 UNION ALL SELECT %s LIMIT 1)",
		strings.Join(tests, ", "), strings.Join(columns, ", "), lite{}.qualified(t.schema, t.name), strings.Join(values, ", "))
	if err := q.read(ctx, func(s scanner) error { return s.Scan(dest...) }, query); err != nil {
		return err
	}
	for i, f := range found {
		switch {
		case f.folds:
			t.columns[i].collation = "NOCASE"
		case f.trims:
			t.columns[i].collation = "RTRIM"
		}
	}
	return nil
}
