package sql

import (
	"context"
	"strings"
)

// pgTables names each relation and what it is. A partition is read through its parent. Triggers before a deletion (bits 2 and 8 of
// tgtype) may do something else instead, those of an update (bit 16) write something else.
const pgTables = `
SELECT n.nspname, c.relname, c.relkind::text, c.relhasrules OR c.relhassubclass OR EXISTS (
         SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 2 = 2 AND g.tgtype & 8 = 8),
       c.relhasrules OR c.relhassubclass OR EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 16 = 16),
       c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid),
       row_security_active(c.oid)
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`

// pgColumns gives a type without its length: a cast to varchar(3) would cut, and find what is not there. -1 keeps bpchar what
// it is; without it it would be char(1). A domain is read as what it is over, be it another domain.
const pgColumns = `
SELECT n.nspname, c.relname, a.attname, format_type(b.oid, -1), b.typname, format_type(t.oid, a.atttypmod), t.typtype = 'd',
       CASE WHEN b.typname IN ('citext', '_citext') THEN format('OPERATOR(%I.=)', bn.nspname) ELSE '' END,
       NOT (a.attnotnull OR d.notnull),
       CASE WHEN b.typname IN ('varchar', 'bpchar') THEN greatest(CASE WHEN t.typtype = 'd' THEN d.typmod ELSE a.atttypmod END - 4, 0) ELSE 0 END,
       a.attgenerated <> '' OR a.attidentity = 'a',
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL AND i.indpred IS NULL AND i.indisvalid
                  AND pg_get_indexdef(i.indexrelid, 1, true) IN ('lower(' || quote_ident(a.attname) || ')', 'lower(' || quote_ident(a.attname) || '::text)'))
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  CROSS JOIN LATERAL (
    WITH RECURSIVE d AS (
      SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull
      UNION ALL SELECT x.oid, x.typtype, x.typbasetype, x.typtypmod, x.typnotnull FROM d JOIN pg_type x ON d.typtype = 'd' AND x.oid = d.typbasetype)
    SELECT max(oid::bigint) FILTER (WHERE typtype <> 'd')::oid AS base, max(typtypmod) AS typmod, bool_or(typnotnull) AS notnull FROM d) AS d
  JOIN pg_type b ON b.oid = d.base
  JOIN pg_namespace bn ON bn.oid = b.typnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
 ORDER BY n.nspname, c.relname, a.attnum`

// pgUniques lists every unique index and every exclusion constraint with its columns, in their order, and with its keys as text: where these
// are expressions, or where the index is over some of the rows, the columns are those that the text names.
const pgUniques = `
SELECT n.nspname, c.relname, x.relname, i.indisprimary,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       NOT i.indimmediate OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL, i.indisexclusion,
       array_to_json(ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) AS k))::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, at)
                             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n
                            WHERE k.at <= i.indnkeyatts ORDER BY k.at))::text
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_index i ON i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND i.indisvalid
  JOIN pg_class x ON x.oid = i.indexrelid
 ORDER BY n.nspname, c.relname, i.indisprimary DESC, i.indexrelid`

// pgKeys lists foreign keys from anywhere to the named tables and to what inherits from them; those of partitions repeat their parent's.
// One that belongs to a part of a named table counts as that table's.
const pgKeys = `
WITH RECURSIVE part AS (
  SELECT c.oid, c.oid AS whole
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  UNION SELECT h.inhrelid, part.whole FROM part JOIN pg_inherits h ON h.inhparent = part.oid)
SELECT k.conname, cn.nspname, ch.relname, pn.nspname, pa.relname, k.confdeltype::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.at))::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.at))::text
  FROM part p
  JOIN pg_class pa ON pa.oid = p.whole
  JOIN pg_namespace pn ON pn.oid = pa.relnamespace
  JOIN pg_constraint k ON k.confrelid = p.oid AND k.contype = 'f' AND k.conparentid = 0
  LEFT JOIN part own ON own.oid = k.conrelid
  JOIN pg_class ch ON ch.oid = coalesce(own.whole, k.conrelid)
  JOIN pg_namespace cn ON cn.oid = ch.relnamespace
 ORDER BY cn.nspname, ch.relname, k.conname`

func (p postgres) readTables(ctx context.Context, q reader, names []tableName, into *catalogue) error {
	schemas, tables := split(names)
	err := q.read(ctx, func(s scanner) error {
		t := &table{}
		var kind string
		if err := s.Scan(&t.schema, &t.name, &kind, &t.guarded, &t.rewritten, &t.inherited, &t.hidden); err != nil {
			return err
		}
		t.kind = map[string]string{"v": "a view", "m": "a materialised view", "f": "a foreign table"}[kind]
		into.tables = append(into.tables, t)
		return nil
	}, pgTables, schemas, tables)
	if err != nil {
		return err
	}
	err = q.read(ctx, func(s scanner) error {
		c := &column{}
		var schema, name, base string
		if err := s.Scan(&schema, &name, &c.name, &c.typ, &base, &c.declared, &c.domain, &c.equals, &c.nullable, &c.length, &c.computed, &c.lowIndex); err != nil {
			return err
		}
		pgClass(c, base)
		if t, ok := into.table(tableName{schema, name}); ok {
			t.columns = append(t.columns, c)
		}
		return nil
	}, pgColumns, schemas, tables)
	if err != nil {
		return err
	}
	if err := pgReadUniques(ctx, q, schemas, tables, into); err != nil {
		return err
	}
	return q.read(ctx, func(s scanner) error {
		var n, whole tableName
		if err := s.Scan(&n.schema, &n.name, &whole.schema, &whole.name); err != nil {
			return err
		}
		if t, ok := into.table(n); ok {
			t.partOf = append(t.partOf, whole)
		}
		return nil
	}, pgParts, schemas, tables)
}

// pgParts lists, for the named tables, what each inherits from or is a partition of, over any number of steps.
const pgParts = `
WITH RECURSIVE part AS (
  SELECT c.oid, c.oid AS whole
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  UNION SELECT part.oid, h.inhparent FROM part JOIN pg_inherits h ON h.inhrelid = part.whole)
SELECT n.nspname, c.relname, wn.nspname, w.relname
  FROM part
  JOIN pg_class c ON c.oid = part.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class w ON w.oid = part.whole JOIN pg_namespace wn ON wn.oid = w.relnamespace
 WHERE part.whole <> part.oid
 ORDER BY n.nspname, c.relname, wn.nspname, w.relname`

func pgReadUniques(ctx context.Context, q reader, schemas, tables []string, into *catalogue) error {
	return q.read(ctx, func(s scanner) error {
		var schema, name, keys, columns string
		var primary, nullsEqual bool
		u := unique{}
		if err := s.Scan(&schema, &name, &u.name, &primary, &nullsEqual, &u.loose, &u.excludes, &keys, &columns); err != nil {
			return err
		}
		t, ok := into.table(tableName{schema, name})
		if !ok {
			return nil
		}
		u.nulls, u.loose = !nullsEqual, u.loose || u.excludes
		var err error
		if u.columns, err = t.named(columns); err == nil && u.loose {
			u.columns, err = t.mentioned(keys)
		}
		if err != nil {
			return err
		}
		if primary && !u.loose {
			t.primaryKey = u.columns
			return nil
		}
		t.uniques = append(t.uniques, u)
		return nil
	}, pgUniques, schemas, tables)
}

func pgClass(c *column, base string) {
	switch base {
	case "text", "varchar", "bpchar", "name":
		c.class = text
	case "citext":
		c.class, c.folds = text, true
	case "int2":
		c.class, c.size = integer, 2
	case "int4":
		c.class, c.size = integer, 4
	case "int8":
		c.class, c.size = integer, 8
	case "numeric", "float4", "float8":
		c.class = number
	case "uuid":
		c.class = uuidClass
	case "bool":
		c.class = boolean
	case "bytea":
		c.class = bytesClass
	case "json", "jsonb":
		c.class, c.json = jsonClass, base
	default:
		if of, ok := strings.CutSuffix(c.typ, "[]"); ok && strings.HasPrefix(base, "_") {
			c.element = &column{typ: of, nullable: true, equals: c.equals}
			c.equals = ""
			pgClass(c.element, base[1:])
		}
	}
}

// pgActions are the words for what a foreign key does.
var pgActions = map[string]string{"c": "cascade", "n": "set null", "d": "set default", "r": "restrict", "a": "no action"}

func (p postgres) readKeys(ctx context.Context, q reader, into *catalogue) error {
	var names []tableName
	for _, t := range into.tables {
		names = append(names, tableName{t.schema, t.name})
	}
	schemas, tables := split(names)
	return q.read(ctx, func(s scanner) error {
		var k foreignKey
		var schema, name, action, columns, refers string
		if err := s.Scan(&k.name, &k.childSchema, &k.child, &schema, &name, &action, &columns, &refers); err != nil {
			return err
		}
		k.onDelete = pgActions[action]
		return into.addKey(k, tableName{schema, name}, columns, refers)
	}, pgKeys, schemas, tables)
}

func split(names []tableName) (schemas, tables []string) {
	schemas, tables = []string{}, []string{}
	for _, n := range names {
		schemas = append(schemas, n.schema)
		tables = append(tables, n.name)
	}
	return schemas, tables
}
