package sql

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

type lite struct{ ansi }

func (l lite) attach(context.Context, reader) (dialect, error) { return l, nil }

func (lite) defaultSchema() string { return "main" }

// rowKey is the rowid, not the primary key: unless it is an integer, a primary key may hold null here.
func (lite) rowKey(t *table) []*column {
	if t.noRowID {
		return t.primaryKey
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if _, taken := t.column(name); !taken {
			return []*column{{name: name, class: integer}}
		}
	}
	return t.primaryKey
}

// ordered leaves out the keys of tables without a rowid: a collation of theirs would not be kept.
func (l lite) ordered(t *table) bool {
	return !t.noRowID && len(l.rowKey(t)) == 1 && l.rowKey(t)[0].class == integer
}

func (lite) list(first int, alias string, columns int) string {
	values := []string{"value ->> 0 AS d"}
	for i := range columns {
		values = append(values, fmt.Sprintf("value ->> %d AS v%d", i+1, i))
	}
	return fmt.Sprintf("(SELECT %s FROM json_each(?%d)) AS %s", strings.Join(values, ", "), first, alias)
}

func (lite) listArgs(l list) ([]any, error) {
	rows := make([][]any, len(l.d))
	for i, d := range l.d {
		rows[i] = append(rows[i], d)
		for _, c := range l.columns {
			rows[i] = append(rows[i], c[i])
		}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode a list of %d rows: %w", l.len(), err)
	}
	return []any{string(b)}, nil
}

// identifier leaves the value to SQLite, where a column of any type holds values of any type.
func (lite) identifier(_ *column, value string) (string, bool) { return value, true }

// holds compares text with a column of numbers as numbers, which the column's affinity does. A column without affinity would
// compare unlike types, so what it holds is turned into text.
func (lite) holds(expr string, c *column, kind, v string) string {
	switch {
	case folded(kind):
		return "lower(" + expr + ") = " + v
	case c.class == other || c.class == bytesClass:
		return "CAST(" + expr + " AS TEXT) = " + v
	case c.collation != "": // by an index of the column's collation, and then as it is
		return "(" + expr + " = " + v + " AND " + expr + " COLLATE BINARY = " + v + ")"
	}
	return expr + " = " + v
}

// equal compares by the collation that a foreign key has, and else as values are. Which one a comparison without a word goes by depends on what stands
// left.
func (lite) equal(a string, ca *column, b string, cb *column, how match) string {
	switch {
	case how == likeMail:
		return "lower(" + a + ") = lower(" + b + ")"
	case how == byKey && ca.collation != "":
		return a + " COLLATE " + ca.collation + " = " + b
	case how == exactly && (ca.collation != "" || cb.collation != ""):
		return "(" + b + " = " + a + " AND " + b + " COLLATE BINARY = " + a + ")"
	}
	return a + " = " + b
}

func (lite) notASCII(expr string) string {
	return "length(CAST(" + expr + " AS BLOB)) <> length(" + expr + ")"
}

// freeze puts the first letter of the type before the value: a column of any type holds values of any type.
func (lite) freeze(expr string, _ *column) string {
	return fmt.Sprintf("CASE typeof(%[1]s) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(%[1]s) WHEN 'real' THEN 'r' || printf('%%!.17g', %[1]s) "+
		"WHEN 'integer' THEN 'i' || %[1]s ELSE 't' || %[1]s END", expr)
}

func (lite) thaw(expr string, _ *column) string {
	return fmt.Sprintf("CASE substr(%[1]s, 1, 1) WHEN 'i' THEN CAST(substr(%[1]s, 2) AS INTEGER) WHEN 'r' THEN CAST(substr(%[1]s, 2) AS REAL) "+
		"WHEN 'b' THEN unhex(substr(%[1]s, 2)) ELSE substr(%[1]s, 2) END", expr)
}

func (l lite) constant(value string, c *column) string {
	switch c.class {
	case integer, number, boolean:
		if _, err := strconv.ParseFloat(value, 64); err == nil {
			return value
		}
	}
	return l.literal(value)
}

func (l lite) trial(value string, c *column) string { return l.constant(value, c) }
func (lite) begin() *sql.TxOptions                  { return nil }
func (lite) settle(context.Context, *sql.Tx) error  { return nil }

func (l lite) differs(expr string, c *column, value string) string {
	if c.collation != "" {
		expr += " COLLATE BINARY"
	}
	return expr + " <> " + l.constant(value, c)
}

func (lite) random(n int) string {
	return fmt.Sprintf("substr(lower(hex(randomblob(%d))), 1, %d)", (n+1)/2, n)
}

func (l lite) shaped(expr, prefix string, hexDigits int) string {
	return expr + " GLOB " + l.literal(prefix+strings.Repeat("[0-9a-f]", hexDigits))
}

func (l lite) temporary(name, query string, _ *rowset) string {
	return "CREATE TEMPORARY TABLE " + l.quote(name) + " AS " + query
}

func (l lite) temporaryName(name string) string { return "temp." + l.quote(name) }
func (lite) deleteFrom(_, _, _ string) string   { return "" }
func (l lite) drop(name string) string          { return "DROP TABLE " + l.temporaryName(name) }

func (l lite) index(name, columns string) string {
	return "CREATE INDEX temp." + l.quote(name+"_key") + " ON " + l.quote(name) + " (" + columns + ")"
}

func (lite) staged() bool                                   { return true } // it writes an expression anew wherever it is used, and so on within that
func (lite) countsTemporary() bool                          { return false }
func (lite) analyze(string) string                          { return "" }
func (lite) prepare(context.Context, *sql.Tx, Config) error { return nil }

// exported hides the column's declared type, by which the driver would turn text into time.Time.
func (lite) exported(expr string, _ *column) string { return "+" + expr }

func (lite) encode(to []byte, v any, c *column) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(to, "null"...), nil
	case int64:
		if c.class == boolean && (v == 0 || v == 1) {
			return strconv.AppendBool(to, v == 1), nil
		}
		return strconv.AppendInt(to, v, 10), nil
	case float64:
		if math.IsInf(v, 0) {
			return appendJSON(to, strconv.FormatFloat(v, 'g', -1, 64))
		}
		return appendJSON(to, v)
	case string:
		if c.class == jsonClass && json.Valid([]byte(v)) {
			return compact(to, v)
		}
		return appendJSON(to, v)
	case []byte:
		return appendJSON(to, base64.StdEncoding.EncodeToString(v))
	}
	return nil, ownErrorf("a value came as %T", v)
}

func (lite) keyOrder() bool { return true } // its indexes end with the row's number, or the key

func (lite) replication() replication { return replication{} }

// snapshot begins without taking the only writer's lock, whatever the connection does by default.
func (lite) snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}

func (lite) contains(expr, part string) string { return "instr(" + expr + ", " + part + ") > 0" }

var _ dialect = lite{}
