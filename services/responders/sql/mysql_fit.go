package sql

import (
	"context"
	"slices"
	"strings"
)

// myCheckExprs lists checks where the session enforces them. What the catalogue cannot spell stands there as question marks, and a
// backslash means something else where it escapes nothing.
const myCheckExprs = `
SELECT k.constraint_schema, k.table_name, k.constraint_name, k.check_clause
  FROM ` + myWanted + `
  JOIN information_schema.check_constraints k ON k.constraint_schema = w.s AND k.table_name = w.n
 WHERE @@check_constraint_checks AND @@sql_mode NOT LIKE '%NO_BACKSLASH_ESCAPES%' AND INSTR(k.check_clause, '?') = 0
 ORDER BY k.constraint_schema, k.table_name, k.constraint_name`

// readChecks takes any column for mentioned whose name stands in the clause. One that is mentioned in another way is not among those that
// the check is tried with, which then is an error, and judges nothing.
func (m mysql) readChecks(ctx context.Context, q reader, of []*table) ([]check, error) {
	cat := &catalogue{tables: of}
	wanted, err := myNames(cat.names())
	if err != nil {
		return nil, err
	}
	var out []check
	err = q.read(ctx, func(s scanner) error {
		var n tableName
		var c check
		if err := s.Scan(&n.schema, &n.name, &c.name, &c.expr); err != nil {
			return err
		}
		if t, ok := cat.table(n); ok {
			c.table, c.columns = t, t.mentionedIn(c.expr)
			out = append(out, c)
		}
		return nil
	}, myCheckExprs, wanted)
	return out, err
}

const myReferring = `
SELECT k.table_schema, k.table_name, k.referenced_table_schema, k.referenced_table_name, r.update_rule, r.delete_rule,
       JSON_ARRAYAGG(k.column_name ORDER BY k.ordinal_position), JSON_ARRAYAGG(k.referenced_column_name ORDER BY k.ordinal_position)
  FROM ` + myWanted + `
  JOIN information_schema.key_column_usage k ON k.table_schema = w.s AND k.table_name = w.n AND k.referenced_table_name IS NOT NULL
  JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
   AND r.table_name = k.table_name
 GROUP BY k.constraint_name, k.table_schema, k.table_name, k.referenced_table_schema, k.referenced_table_name, r.update_rule, r.delete_rule
 ORDER BY k.table_schema, k.table_name, k.constraint_name`

func (m mysql) readReferring(ctx context.Context, q reader, of []*table) ([]referring, error) {
	cat := &catalogue{tables: of}
	wanted, err := myNames(cat.names())
	if err != nil {
		return nil, err
	}
	var out []referring
	err = q.read(ctx, func(s scanner) error {
		var n tableName
		var k referring
		var columns, refers string
		if err := s.Scan(&n.schema, &n.name, &k.parent.schema, &k.parent.name, &k.onUpdate, &k.onDelete, &columns, &refers); err != nil {
			return err
		}
		k.onUpdate, k.onDelete = strings.ToLower(k.onUpdate), strings.ToLower(k.onDelete)
		return k.add(cat, n, columns, refers, &out)
	}, myReferring, wanted)
	return out, err
}

const myGenerated = `
SELECT c.table_schema, c.table_name, c.column_name, c.generation_expression
  FROM ` + myWanted + `
  JOIN information_schema.columns c ON c.table_schema = w.s AND c.table_name = w.n
 WHERE c.generation_expression IS NOT NULL`

func (m mysql) readGenerated(ctx context.Context, q reader, of []*table) ([]generated, error) {
	wanted, err := myNames((&catalogue{tables: of}).names())
	if err != nil {
		return nil, err
	}
	return generatedRead(ctx, q, of, myGenerated, wanted)
}

// stored knows no way for an ENUM or SET, which is a number as well as a text, for bytes, for what is filled with zeros, and for what
// depends on the session's time zone.
func (m mysql) stored(value string, c *column) (string, bool) {
	switch v := m.literal(value); {
	case strings.Contains(c.definition, "zerofill"):
		return "", false
	case c.class == text || c.class == jsonClass:
		if c.typ == "char" {
			v = m.literal(strings.TrimRight(value, " "))
		}
		return m.as(v, c), true
	case c.class == integer || c.class == number || c.class == uuidClass:
		return m.constant(value, c), true
	case slices.Contains([]string{"date", "time", "datetime"}, c.typ):
		return "CAST(" + v + " AS " + c.definition + ")", true
	}
	return "", false
}

func (mysql) null(*column) string { return "NULL" }

func (m mysql) lacks(value string, c *column) string {
	if c.charset == "" || c.charset == "utf8mb4" {
		return ""
	}
	v := m.literal(value)
	return m.exact("CONVERT("+v+" USING "+c.charset+")") + " <> " + v
}
