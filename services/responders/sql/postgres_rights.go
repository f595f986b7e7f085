package sql

import (
	"context"
	"fmt"
	"strings"
)

// pgLacking joins the catalogue by names, for a name that is given to regclass must be in a schema that the role may use.
const pgLacking = `
SELECT w.at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w (verb, schema, name, col, at)
  LEFT JOIN pg_namespace n ON n.nspname = w.schema
  LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
 WHERE NOT coalesce(CASE
   WHEN w.verb = 'TEMPORARY' THEN has_database_privilege(current_database(), 'TEMPORARY')
   WHEN w.verb = 'USAGE' THEN has_schema_privilege(n.oid, 'USAGE')
   WHEN w.col <> '' THEN has_column_privilege(c.oid, w.col, w.verb)
   ELSE has_table_privilege(c.oid, w.verb) END, false)
 ORDER BY w.at`

func (postgres) lacking(ctx context.Context, q reader, wanted []right) ([]right, error) {
	verbs, columns := make([]string, len(wanted)), make([]string, len(wanted))
	names := make([]tableName, len(wanted))
	for i, r := range wanted {
		verbs[i], names[i], columns[i] = r.verb, r.on, r.column
	}
	schemas, tables := split(names)
	var out []right
	err := q.read(ctx, func(s scanner) error {
		var at int
		if err := s.Scan(&at); err != nil {
			return err
		}
		out = append(out, wanted[at-1])
		return nil
	}, pgLacking, verbs, schemas, tables, columns)
	return out, err
}

// grants writes one statement for all columns of a table.
func (p postgres) grants(ctx context.Context, q reader, role string, wanted []right) ([]string, error) {
	var database string
	if err := q.read(ctx, func(s scanner) error { return s.Scan(&database) }, "SELECT current_database()"); err != nil {
		return nil, err
	}
	// Nobody who lacks this one can ask whether it is there.
	out := []string{fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", p.quote(database), p.quote(role))}
	for i := 0; i < len(wanted); i++ {
		r := wanted[i]
		what, on := r.verb, p.qualified(r.on.schema, r.on.name)
		switch {
		case r.verb == temporary:
			on = "DATABASE " + p.quote(database)
		case r.verb == using:
			on = "SCHEMA " + p.quote(r.on.schema)
		case r.column != "":
			columns := []string{p.quote(r.column)}
			for i+1 < len(wanted) && wanted[i+1].verb == r.verb && wanted[i+1].on == r.on {
				i++
				columns = append(columns, p.quote(wanted[i].column))
			}
			what += " (" + strings.Join(columns, ", ") + ")"
		}
		out = append(out, fmt.Sprintf("GRANT %s ON %s TO %s", what, on, p.quote(role)))
	}
	return out, nil
}
