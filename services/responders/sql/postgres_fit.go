package sql

import (
	"context"
	"encoding/json"
	"strings"
)

// pgCheckExprs leaves out checks over a column with a collation of its own, by which a constant would not be compared, and those that the
// rows of tables which inherit do not have. One that was not validated holds for whatever is written.
const pgCheckExprs = `
SELECT n.nspname, c.relname, k.conname, pg_get_expr(k.conbin, k.conrelid),
       array_to_json(ARRAY(SELECT coalesce(a.attname, '') FROM unnest(k.conkey) AS x (n) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.n AND x.n > 0))::text
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND cardinality(k.conkey) > 0
 WHERE coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND NOT (k.connoinherit AND c.relhassubclass)
   AND NOT EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                    WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey) AND a.attcollation <> t.typcollation)
 ORDER BY n.nspname, c.relname, k.conname`

func (postgres) readChecks(ctx context.Context, q reader, of []*table) ([]check, error) {
	cat := &catalogue{tables: of}
	schemas, tables := split(cat.names())
	var out []check
	err := q.read(ctx, func(s scanner) error {
		var n tableName
		var c check
		var list string
		if err := s.Scan(&n.schema, &n.name, &c.name, &c.expr, &list); err != nil {
			return err
		}
		t, ok := cat.table(n)
		if !ok || strings.Contains(list, `""`) { // the row as a whole
			return nil
		}
		c.table = t
		var err error
		c.columns, err = t.named(list)
		out = append(out, c)
		return err
	}, pgCheckExprs, schemas, tables)
	return out, err
}

// pgReferring lists the foreign keys whose trigger looks for the row that is referred to: one that is not enforced has none. Where row-level
// security hides rows of that table nobody here can look.
const pgReferring = `
SELECT n.nspname, c.relname, pn.nspname, pa.relname, k.confupdtype::text, k.confdeltype::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.at))::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.at))::text,
       array_to_json(ARRAY(SELECT format('OPERATOR(%I.%s)', m.nspname, o.oprname) FROM unnest(k.conpfeqop) WITH ORDINALITY AS x (o, at)
                             JOIN pg_operator o ON o.oid = x.o JOIN pg_namespace m ON m.oid = o.oprnamespace ORDER BY x.at))::text
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
  JOIN pg_class pa ON pa.oid = k.confrelid
  JOIN pg_namespace pn ON pn.oid = pa.relnamespace
 WHERE NOT row_security_active(pa.oid)
   AND EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgrelid = k.conrelid AND g.tgtype & 16 = 16 AND g.tgenabled IN ('O', 'A'))
 ORDER BY n.nspname, c.relname, k.conname`

func (postgres) readReferring(ctx context.Context, q reader, of []*table) ([]referring, error) {
	cat := &catalogue{tables: of}
	schemas, tables := split(cat.names())
	var out []referring
	err := q.read(ctx, func(s scanner) error {
		var n tableName
		var k referring
		var columns, refers, equals string
		if err := s.Scan(&n.schema, &n.name, &k.parent.schema, &k.parent.name, &k.onUpdate, &k.onDelete, &columns, &refers, &equals); err != nil {
			return err
		}
		k.onUpdate, k.onDelete = pgActions[k.onUpdate], pgActions[k.onDelete]
		if err := json.Unmarshal([]byte(equals), &k.equals); err != nil {
			return err
		}
		return k.add(cat, n, columns, refers, &out)
	}, pgReferring, schemas, tables)
	return out, err
}

// add fills in the columns of a foreign key that was read, and lists it.
func (k referring) add(cat *catalogue, n tableName, columns, refers string, to *[]referring) error {
	t, ok := cat.table(n)
	if !ok {
		return nil
	}
	k.table = t
	var err error
	if k.columns, err = t.named(columns); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(refers), &k.refers); err != nil {
		return err
	}
	for len(k.equals) < len(k.columns) {
		k.equals = append(k.equals, "=")
	}
	*to = append(*to, k)
	return nil
}

const pgGenerated = `
SELECT n.nspname, c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid)
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
  JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum`

func (postgres) readGenerated(ctx context.Context, q reader, of []*table) ([]generated, error) {
	schemas, tables := split((&catalogue{tables: of}).names())
	return generatedRead(ctx, q, of, pgGenerated, schemas, tables)
}

func generatedRead(ctx context.Context, q reader, of []*table, query string, args ...any) ([]generated, error) {
	cat := &catalogue{tables: of}
	var out []generated
	err := q.read(ctx, func(s scanner) error {
		var n tableName
		var g generated
		var name string
		if err := s.Scan(&n.schema, &n.name, &name, &g.expr); err != nil {
			return err
		}
		if t, ok := cat.table(n); ok {
			g.table = t
			if g.col, ok = t.column(name); ok {
				out = append(out, g)
			}
		}
		return nil
	}, query, args...)
	return out, err
}

func (p postgres) stored(value string, c *column) (string, bool) { return p.trial(value, c), true }

func (postgres) null(c *column) string { return "CAST(NULL AS " + c.declared + ")" }

// lacks leaves it to the connection: the database has one character set.
func (postgres) lacks(string, *column) string { return "" }
