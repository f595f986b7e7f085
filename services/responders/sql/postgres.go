package sql

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

type postgres struct{ ansi }

func (p postgres) attach(context.Context, reader) (dialect, error) { return p, nil }

func (postgres) defaultSchema() string { return "public" }

// rowKey is the primary key, else the physical address: the table (a partitioned one has several) and the place in it. A primary key
// says nothing of the rows of a table that inherits.
func (postgres) rowKey(t *table) []*column {
	if len(t.primaryKey) > 0 && !t.inherited {
		return t.primaryKey
	}
	return []*column{{name: "tableoid", typ: "oid"}, {name: "ctid", typ: "tid"}}
}

func (postgres) ordered(t *table) bool { return len(t.primaryKey) > 0 && !t.inherited }

func (postgres) list(first int, alias string, columns int) string {
	params := []string{fmt.Sprintf("$%d::int[]", first)}
	names := []string{"d"}
	for i := range columns {
		params = append(params, fmt.Sprintf("$%d::text[]", first+1+i))
		names = append(names, "v"+strconv.Itoa(i))
	}
	return "unnest(" + strings.Join(params, ", ") + ") AS " + alias + " (" + strings.Join(names, ", ") + ")"
}

func (postgres) listArgs(l list) ([]any, error) {
	d := l.d
	if d == nil {
		d = []int32{} // nil would be NULL
	}
	args := []any{d}
	for _, c := range l.columns {
		if c == nil {
			c = []*string{}
		}
		args = append(args, c)
	}
	return args, nil
}

func (postgres) identifier(c *column, value string) (string, bool) {
	switch c.class {
	case integer:
		n, err := strconv.ParseInt(value, 10, 8*c.size)
		return strconv.FormatInt(n, 10), err == nil
	case number:
		_, ok := new(big.Rat).SetString(value)
		return value, ok && !strings.ContainsAny(value, "/xXoObBpP_")
	case uuidClass:
		u, err := uuid.Parse(value)
		return u.String(), err == nil
	}
	return value, true
}

// holds compares e-mail addresses without regard to case, everything else as it is. The value comes folded by Unicode's rules
// already; lower() does the same to ASCII whatever the database's locale, and what is not ASCII is compared by package sql.
func (p postgres) holds(expr string, c *column, kind, v string) string {
	switch c.class {
	case integer, number, uuidClass:
		return expr + " = " + p.thaw(v, c)
	case text:
		if c.folds {
			return expr + " " + c.equals + " " + p.thaw(v, c)
		}
		if folded(kind) {
			return "lower(" + expr + ") = " + v
		}
		return expr + " = " + p.thaw(v, c)
	}
	return "CAST(" + expr + " AS text) = " + v
}

func (p postgres) equal(a string, ca *column, b string, cb *column, how match) string {
	if !comparable(ca, cb) {
		a, b = p.text(a), p.text(b)
	}
	if how == likeMail {
		a, b = "lower("+a+")", "lower("+b+")"
	}
	if ca.equals != "" && how != likeMail && cb.equals == ca.equals {
		return a + " " + ca.equals + " " + b
	}
	return a + " = " + b
}

// comparable reports whether two columns compare by = as they are.
func comparable(a, b *column) bool {
	return a.class == b.class && (a.class != other || a.typ == b.typ) || numeric(a.class) && numeric(b.class)
}

func numeric(c class) bool { return c == integer || c == number }

func (postgres) notASCII(expr string) string {
	return "octet_length(CAST(" + expr + " AS text)) <> length(CAST(" + expr + " AS text))"
}

func (postgres) freeze(expr string, _ *column) string { return "CAST(" + expr + " AS text)" }

func (postgres) thaw(expr string, c *column) string {
	if c.typ == "text" {
		return expr
	}
	return "CAST(" + expr + " AS " + c.typ + ")"
}

func (p postgres) constant(value string, c *column) string {
	return "CAST(" + p.literal(value) + " AS " + c.typ + ")"
}

// begin asks for READ COMMITTED whatever the role's default: a snapshot from before would not see the migration that unmoved looks for, nor
// the rows that an application wrote while the erasure waited for its locks.
func (postgres) begin() *sql.TxOptions { return &sql.TxOptions{Isolation: sql.LevelReadCommitted} }

// trial is a constant as the column would take it: a numeric(4,2) or a domain refuses more than its type. A cast would fill up or cut a
// bit string, which an assignment refuses, and so does what reads a record of JSON.
func (p postgres) trial(value string, c *column) string {
	if c.bits() {
		return "(SELECT v FROM jsonb_to_record(jsonb_build_object('v', " + p.literal(value) + ")) AS lethe_value (v " + c.declared + "))"
	}
	return "CAST(" + p.literal(value) + " AS " + c.declared + ")"
}

// settle asks constraints that wait for the commit before it: there an error would come too late to be this step's.
func (postgres) settle(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SET CONSTRAINTS ALL IMMEDIATE")
	return err
}

func (p postgres) differs(expr string, c *column, value string) string {
	if c.json == "json" { // it has no equality
		return "CAST(" + expr + " AS text) <> " + p.literal(value)
	}
	return expr + " <> " + p.constant(value, c)
}

// random is made of random UUIDs: the only source of good randomness in every PostgreSQL since 13.
func (postgres) random(n int) string {
	s := "CAST(gen_random_uuid() AS text)"
	for have := 32; have < n; have += 32 {
		s += " || CAST(gen_random_uuid() AS text)"
	}
	return fmt.Sprintf("substr(replace(%s, '-', ''), 1, %d)", s, n)
}

func (p postgres) shaped(expr, prefix string, hexDigits int) string {
	return fmt.Sprintf("CAST(%s AS text) ~ %s", expr, p.literal(fmt.Sprintf("^%s[0-9a-f]{%d}$", prefix, hexDigits)))
}

func (p postgres) temporary(name, query string, _ *rowset) string {
	return "CREATE TEMPORARY TABLE " + p.quote(name) + " ON COMMIT DROP AS " + query
}

func (p postgres) temporaryName(name string) string { return "pg_temp." + p.quote(name) }
func (postgres) deleteFrom(table, from, on string) string {
	return "DELETE FROM " + table + " AS t USING " + from + " WHERE " + on
}
func (p postgres) drop(name string) string    { return "DROP TABLE " + p.temporaryName(name) }
func (postgres) index(_, _ string) string     { return "" }
func (p postgres) analyze(name string) string { return "ANALYZE " + p.temporaryName(name) }

// prepare makes row-level security an error instead of a filter: rows that the role may not see would be left behind without
// a word. Plans are made for the values at hand, for a generic one does not know how long a list is.
func (postgres) prepare(ctx context.Context, tx *sql.Tx, c Config) error {
	_, err := tx.ExecContext(ctx, `SELECT set_config('row_security', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true),
		set_config('lock_timeout', $1, true), set_config('statement_timeout', coalesce(nullif($2, '0ms'), current_setting('statement_timeout')), true), set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
		set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true), set_config('IntervalStyle', 'iso_8601', true)`,
		strconv.FormatInt(c.LockTimeout.Milliseconds(), 10)+"ms", strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)+"ms")
	return err
}

// changing lets the server keep the plans by which it checks foreign keys: made anew for every row they cost ten times as much as
// the row itself.
func (postgres) changing() string { return "SET LOCAL plan_cache_mode = auto" }

// exported has the server write JSON: numbers with all their digits, instants in ISO 8601, arrays and documents as such.
func (postgres) exported(expr string, c *column) string {
	if c.class == bytesClass {
		return "CAST(to_json(replace(encode(" + expr + ", 'base64'), chr(10), '')) AS text)"
	}
	return "CAST(to_json(" + expr + ") AS text)"
}

// encode takes the line breaks out of a document of type json, which PostgreSQL keeps as it was written.
func (postgres) encode(to []byte, v any, _ *column) ([]byte, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return append(to, "null"...), nil
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return nil, ownErrorf("a value came as %T", v)
	}
	if strings.ContainsAny(s, "\n\r") {
		return compact(to, s)
	}
	return append(to, s...), nil
}

func (postgres) snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

func (postgres) keyOrder() bool { return false }

func (postgres) replication() replication {
	return replication{
		position: "SELECT CAST(pg_current_wal_lsn() AS text)",
		follows:  "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() >= CAST($1 AS pg_lsn), false)",
	}
}

func (postgres) contains(expr, part string) string {
	return "position(" + part + " IN " + expr + ") > 0"
}

var _ dialect = postgres{}
