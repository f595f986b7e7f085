package sql

import (
	"context"
	"strings"
)

// pgTables names each relation and what it is. A partition is read through its parent. Triggers before a deletion (bits 2 and 8 of
// tgtype) may do something else instead.
const pgTables = `
SELECT n.nspname, c.relname, c.relkind::text, c.relhasrules OR c.relhassubclass OR EXISTS (
         SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 2 = 2 AND g.tgtype & 8 = 8),
       row_security_active(c.oid)
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`

// pgColumns gives a type without its length: a cast to varchar(3) would cut, and find what is not there. -1 keeps bpchar what
// it is; without it it would be char(1). A domain is read as what it is over.
const pgColumns = `
SELECT n.nspname, c.relname, a.attname, format_type(b.oid, -1), b.typname,
       NOT (a.attnotnull OR t.typnotnull),
       CASE WHEN b.typname IN ('varchar', 'bpchar') THEN greatest(CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END - 4, 0) ELSE 0 END,
       a.attgenerated <> '' OR a.attidentity = 'a',
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL AND i.indpred IS NULL AND i.indisvalid
                  AND pg_get_indexdef(i.indexrelid, 1, true) IN ('lower(' || quote_ident(a.attname) || ')', 'lower(' || quote_ident(a.attname) || '::text)'))
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
 ORDER BY n.nspname, c.relname, a.attnum`

// pgUniques lists the columns of every unique index over columns alone, in their order. nulls: two rows may both hold null.
const pgUniques = `
SELECT n.nspname, c.relname, i.indisprimary,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       array_to_json(ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, at)
                             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n
                            WHERE k.at <= i.indnkeyatts ORDER BY k.at))::text
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indexprs IS NULL AND i.indpred IS NULL
 ORDER BY n.nspname, c.relname, i.indisprimary DESC, i.indexrelid`

// pgKeys lists foreign keys from anywhere to the named tables; those of partitions repeat their parent's.
const pgKeys = `
SELECT k.conname, cn.nspname, ch.relname, pn.nspname, pa.relname, k.confdeltype::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n ORDER BY x.at))::text,
       array_to_json(ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS x (n, at)
                             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY x.at))::text
  FROM unnest($1::text[], $2::text[]) AS w (schema, name)
  JOIN pg_namespace pn ON pn.nspname = w.schema
  JOIN pg_class pa ON pa.relnamespace = pn.oid AND pa.relname = w.name
  JOIN pg_constraint k ON k.confrelid = pa.oid AND k.contype = 'f' AND k.conparentid = 0
  JOIN pg_class ch ON ch.oid = k.conrelid
  JOIN pg_namespace cn ON cn.oid = ch.relnamespace
 ORDER BY cn.nspname, ch.relname, k.conname`

func (p postgres) readTables(ctx context.Context, q reader, names []tableName, into *catalogue) error {
	schemas, tables := split(names)
	err := q.read(ctx, func(s scanner) error {
		t := &table{}
		var kind string
		if err := s.Scan(&t.schema, &t.name, &kind, &t.guarded, &t.hidden); err != nil {
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
		if err := s.Scan(&schema, &name, &c.name, &c.typ, &base, &c.nullable, &c.length, &c.computed, &c.lowIndex); err != nil {
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
	return q.read(ctx, func(s scanner) error {
		var schema, name, columns string
		var primary, nullsEqual bool
		if err := s.Scan(&schema, &name, &primary, &nullsEqual, &columns); err != nil {
			return err
		}
		t, ok := into.table(tableName{schema, name})
		if !ok {
			return nil
		}
		cols, err := t.named(columns)
		if err != nil {
			return err
		}
		if primary {
			t.primaryKey = cols
			return nil
		}
		t.uniques = append(t.uniques, unique{columns: cols, nulls: !nullsEqual})
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
			c.element = &column{typ: of, nullable: true}
			pgClass(c.element, base[1:])
		}
	}
}

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
		k.onDelete = map[string]string{"c": "cascade", "n": "set null", "d": "set default", "r": "restrict", "a": "no action"}[action]
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
