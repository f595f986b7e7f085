package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// fingerprint hashes the definitions of the named tables: their kind and engine, columns, indexes, foreign keys, checks and triggers, the
// foreign keys of their databases that lead to one of them, and the rights of the role. MariaDB counts no versions, and notes the time of a
// change to the second only. Names stand in the statement, for then the server opens these tables and no other; only the foreign keys
// make it look through their databases.
//
// It does not see a foreign key that another database got, nor other rules of a foreign key to a table outside of the map: both are found at the next start.
func (m mysql) fingerprint(ctx context.Context, q reader, names []tableName) (string, error) {
	var parts []string
	var schemas []string
	for _, n := range names {
		of := func(view, schema, table string, columns ...string) {
			parts = append(parts, fmt.Sprintf("SELECT CONCAT_WS('|', '%s', %s) FROM information_schema.%s WHERE %s = %s AND %s = %s",
				view, "coalesce("+strings.Join(columns, ", '-'), coalesce(")+", '-')", view, schema, m.literal(n.schema), table, m.literal(n.name)))
		}
		of("tables", "table_schema", "table_name", "table_schema", "table_name", "table_type", "engine")
		of("columns", "table_schema", "table_name", "table_schema", "table_name", "column_name", "column_type", "is_nullable", "collation_name", "extra", "generation_expression")
		of("statistics", "table_schema", "table_name", "table_schema", "table_name", "index_name", "non_unique", "seq_in_index", "column_name", "sub_part")
		of("key_column_usage", "table_schema", "table_name", "table_schema", "table_name", "constraint_name", "column_name", "referenced_table_schema", "referenced_table_name", "referenced_column_name")
		of("check_constraints", "constraint_schema", "table_name", "constraint_schema", "table_name", "constraint_name", "check_clause")
		of("triggers", "event_object_schema", "event_object_table", "event_object_schema", "event_object_table", "trigger_name", "action_timing", "event_manipulation", "action_statement")
		if !slices.Contains(schemas, n.schema) {
			schemas = append(schemas, n.schema)
		}
	}
	const incoming = "references"
	for _, s := range schemas {
		parts = append(parts, "SELECT CONCAT_WS('|', '"+incoming+"', unique_constraint_schema, referenced_table_name, table_name, constraint_name, delete_rule) "+
			"FROM information_schema.referential_constraints WHERE constraint_schema = "+m.literal(s))
	}
	for _, view := range []string{"user_privileges p", "schema_privileges p", "table_privileges p", "column_privileges p"} {
		parts = append(parts, "SELECT CONCAT_WS('|', "+m.literal(view)+", "+privilegeColumns(view)+") FROM information_schema."+view+" WHERE p.grantee = "+myGrantee)
	}
	var lines []string
	err := q.read(ctx, func(s scanner) error {
		var line string
		if err := s.Scan(&line); err != nil {
			return err
		}
		if rest, ok := strings.CutPrefix(line, incoming+"|"); !ok || slices.ContainsFunc(names, func(n tableName) bool { return strings.HasPrefix(rest, n.schema+"|"+n.name+"|") }) {
			lines = append(lines, line)
		}
		return nil
	}, strings.Join(parts, "\nUNION ALL "))
	if err != nil {
		return "", err
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16]), nil
}

// myFacts lists what may make a statement fail, or do more: by table, name and definition.
const myFacts = `
SELECT k.constraint_schema, k.table_name, CONCAT('check ', k.constraint_name), coalesce(k.check_clause, '')
  FROM ` + myWanted + ` JOIN information_schema.check_constraints k ON k.constraint_schema = w.s AND k.table_name = w.n
UNION ALL
SELECT g.event_object_schema, g.event_object_table, CONCAT('trigger ', g.trigger_name), CONCAT(g.action_timing, ' ', g.event_manipulation, ' ', coalesce(g.action_statement, 'a text that this role may not see'))
  FROM ` + myWanted + ` JOIN information_schema.triggers g ON g.event_object_schema = w.s AND g.event_object_table = w.n`

func (mysql) readFacts(ctx context.Context, q reader, into *catalogue) error {
	wanted, err := myNames(into.names())
	if err != nil {
		return err
	}
	return q.read(ctx, func(s scanner) error {
		var n tableName
		var fact, definition string
		if err := s.Scan(&n.schema, &n.name, &fact, &definition); err != nil {
			return err
		}
		if t, ok := into.table(n); ok {
			t.fact(fact, definition)
		}
		return nil
	}, myFacts, wanted, wanted)
}

// listTables takes the connection's database for all of them.
func (m mysql) listTables(ctx context.Context, q reader, schemas []string) ([]tableName, error) {
	if len(schemas) == 0 {
		schemas = []string{m.database}
	}
	quoted := make([]string, len(schemas))
	for i, s := range schemas {
		quoted[i] = m.literal(s)
	}
	var out []tableName
	err := q.read(ctx, func(s scanner) error {
		var n tableName
		err := s.Scan(&n.schema, &n.name)
		out = append(out, n)
		return err
	}, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_schema IN ("+strings.Join(quoted, ", ")+") ORDER BY table_schema, table_name")
	return out, err
}
