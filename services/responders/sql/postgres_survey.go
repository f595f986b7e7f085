package sql

import "context"

// pgPrint hashes which versions of their catalogue rows the tables have: the row itself, its schema's, its columns', constraints',
// triggers', indexes', policies', rules' and children's. Every ALTER, GRANT and REVOKE writes a new version, and statistics do not. A foreign
// key that leads to a table has triggers on it, by which it is found without a search through all constraints.
//
// What inherits from the tables, or is a partition of one, counts as they do.
//
// It does not see what stands in no row of these: that a domain, the function behind a trigger or a foreign key NOT ENFORCED changed, or that
// the role was given or lost another role's rights. Of these none makes an erasure miss a row in silence: it fails, and is undone; the foreign key NOT ENFORCED is the
// exception, and is found at the next start.
const pgPrint = `
WITH RECURSIVE t AS MATERIALIZED (
  SELECT c.oid, c.xmin::text AS x, n.xmin::text AS nx
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  UNION SELECT c.oid, c.xmin::text, t.nx FROM t JOIN pg_inherits h ON h.inhparent = t.oid JOIN pg_class c ON c.oid = h.inhrelid)
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(o.k, 0)), 0)
  FROM (SELECT concat('d ', has_database_privilege(current_database(), 'TEMPORARY')) AS k
        UNION ALL SELECT concat('t ', t.oid, ' ', t.x, ' ', t.nx, ' ', row_security_active(t.oid)) FROM t
        UNION ALL SELECT concat('a ', a.attrelid, ' ', a.attnum, ' ', a.xmin) FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
        UNION ALL SELECT concat('c ', k.oid, ' ', k.xmin) FROM t JOIN pg_constraint k ON k.conrelid = t.oid
        UNION ALL SELECT concat('g ', g.oid, ' ', g.xmin) FROM t JOIN pg_trigger g ON g.tgrelid = t.oid
        UNION ALL SELECT concat('i ', i.indexrelid, ' ', i.xmin) FROM t JOIN pg_index i ON i.indrelid = t.oid
        UNION ALL SELECT concat('p ', p.oid, ' ', p.xmin) FROM t JOIN pg_policy p ON p.polrelid = t.oid
        UNION ALL SELECT concat('r ', r.oid, ' ', r.xmin) FROM t JOIN pg_rewrite r ON r.ev_class = t.oid
        UNION ALL SELECT concat('h ', h.inhrelid, ' ', h.xmin) FROM t JOIN pg_inherits h ON h.inhparent = t.oid) AS o`

func (postgres) fingerprint(ctx context.Context, q reader, names []tableName) (string, error) {
	schemas, tables := split(names)
	var print string
	err := q.read(ctx, func(s scanner) error { return s.Scan(&print) }, pgPrint, schemas, tables)
	return print, err
}

// pgFacts lists what may make a statement fail, or do something else: by table, name and definition.
const pgFacts = `
WITH t AS (
  SELECT c.oid, n.nspname, c.relname
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name)
SELECT t.nspname, t.relname, 'check ' || k.conname, pg_get_constraintdef(k.oid) FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'c'
UNION ALL SELECT t.nspname, t.relname, 'trigger ' || g.tgname, g.tgenabled::text || pg_get_triggerdef(g.oid) FROM t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL SELECT t.nspname, t.relname, 'policy ' || p.polname, concat(p.polcmd, pg_get_expr(p.polqual, p.polrelid), ' ', pg_get_expr(p.polwithcheck, p.polrelid)) FROM t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL SELECT t.nspname, t.relname, 'rule ' || r.rulename, r.ev_enabled::text || pg_get_ruledef(r.oid) FROM t JOIN pg_rewrite r ON r.ev_class = t.oid AND r.rulename <> '_RETURN'`

func (postgres) readFacts(ctx context.Context, q reader, into *catalogue) error {
	schemas, tables := split(into.names())
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
	}, pgFacts, schemas, tables)
}

const pgList = `
SELECT n.nspname, c.relname
  FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
 WHERE CASE WHEN cardinality($1::text[]) > 0 THEN n.nspname = ANY ($1::text[]) ELSE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' END
   AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = c.oid) AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname`

func (postgres) listTables(ctx context.Context, q reader, schemas []string) ([]tableName, error) {
	if schemas == nil {
		schemas = []string{}
	}
	var out []tableName
	err := q.read(ctx, func(s scanner) error {
		var n tableName
		err := s.Scan(&n.schema, &n.name)
		out = append(out, n)
		return err
	}, pgList, schemas)
	return out, err
}
