package sql

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// mysql is the dialect of MariaDB 10.11 and newer. MySQL itself is refused: it cannot name a temporary table twice in one
// statement, and has no utf8mb4_nopad_bin, by which text with a space at its end is another text.
//
// Text is compared by the column's collation, for which there is an index, and then byte by byte: a collation knows neither
// case nor accents nor spaces at the end, and a Zoé would be erased with a Zoe.
type mysql struct {
	database string // the connection's
	lower    bool   // names of databases and tables are kept in lower case
}

func (mysql) quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal does not depend on what the session takes a backslash for.
func (mysql) literal(value string) string {
	if strings.ContainsFunc(value, func(r rune) bool { return r == '\\' || r < ' ' }) {
		return "CONVERT(X'" + hex.EncodeToString([]byte(value)) + "' USING utf8mb4)"
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

func (m mysql) defaultSchema() string { return m.database }

func (m mysql) qualified(schema, name string) string { return m.quote(schema) + "." + m.quote(name) }

// rowKey is the primary key, else a unique key that takes no null. InnoDB's own number of a row cannot be read.
func (mysql) rowKey(t *table) []*column {
	if len(t.primaryKey) > 0 {
		return t.primaryKey
	}
	for _, u := range t.uniques {
		if u.prefix == 0 && !u.loose && !slices.ContainsFunc(u.columns, func(c *column) bool { return c.nullable }) {
			return u.columns
		}
	}
	return nil
}

func (mysql) ordered(t *table) bool { return len(t.primaryKey) > 0 }

func (mysql) list(_ int, alias string, columns int) string {
	out := []string{"d int PATH '$[0]'"}
	for i := range columns { // longtext: what is longer than a column would be cut here, and then be somebody else's
		out = append(out, fmt.Sprintf("v%d longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[%d]'", i, i+1))
	}
	return "JSON_TABLE(?, '$[*]' COLUMNS (" + strings.Join(out, ", ") + ")) AS " + alias
}

func (mysql) listArgs(l list) ([]any, error) { return lite{}.listArgs(l) }

func (mysql) identifier(c *column, value string) (string, bool) {
	switch c.class {
	case integer:
		if c.unsigned {
			n, err := strconv.ParseUint(value, 10, 8*c.size)
			return strconv.FormatUint(n, 10), err == nil
		}
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

func (mysql) text(expr string) string   { return "CONVERT(" + expr + " USING utf8mb4)" }
func (mysql) concat(a, b string) string { return "CONCAT(" + a + ", " + b + ")" }
func (mysql) join() string              { return "STRAIGHT_JOIN" }
func (mysql) materialised() string      { return "" }
func (mysql) staged() bool              { return false }
func (mysql) countsTemporary() bool     { return true }
func (mysql) keepsTemporary() bool      { return true }
func (mysql) changing() string          { return "" }
func (mysql) rowByRow() bool            { return true }
func (mysql) index(_, _ string) string  { return "" }
func (mysql) analyze(string) string     { return "" }
func (mysql) begin() *sql.TxOptions     { return &sql.TxOptions{Isolation: sql.LevelReadCommitted} }
func (mysql) indexed(c *column) string {
	return "a collation of the kind utf8mb4_unicode_ci and an index over " + c.name
}
func (m mysql) exact(expr string) string { return m.text(expr) + " COLLATE utf8mb4_nopad_bin" }
func (m mysql) drop(name string) string {
	return "DROP TEMPORARY TABLE IF EXISTS " + m.temporaryName(name)
}
func (m mysql) temporaryName(n string) string { return m.qualified(m.database, n) }

// as gives text the character set and the collation of a column, for its index.
func (mysql) as(expr string, c *column) string {
	return "CONVERT(" + expr + " USING " + c.charset + ") COLLATE " + c.collation
}

// mail is true where two texts are one address but for the case of ASCII letters. Lengths are compared because lower() makes an
// ASCII letter of some that are none, as of the Kelvin sign.
func (m mysql) mail(a, b string) string {
	return fmt.Sprintf("LOWER(%s) COLLATE utf8mb4_nopad_bin = LOWER(%s) AND LENGTH(%s) = LENGTH(%s)", m.text(a), m.text(b), m.text(a), m.text(b))
}

func (m mysql) holds(expr string, c *column, kind, v string) string {
	switch {
	case c.class == integer || c.class == number:
		return expr + " = " + m.number(v, c)
	case c.class == uuidClass:
		return expr + " = " + m.thaw(v, c)
	case c.class == text && folded(kind):
		if c.folds {
			return "(" + expr + " = " + m.as(v, c) + " AND " + m.mail(expr, v) + ")"
		}
		return m.mail(expr, v)
	case c.class == text:
		return "(" + expr + " = " + m.as(v, c) + " AND " + m.exact(expr) + " = " + v + ")"
	}
	return m.exact(expr) + " = " + v
}

// number keeps every digit: a value that the column's type would round equals none in it.
func (mysql) number(v string, c *column) string {
	switch {
	case c.class == integer && c.unsigned:
		return "CAST(" + v + " AS UNSIGNED)"
	case c.class == integer:
		return "CAST(" + v + " AS SIGNED)"
	case c.typ == "decimal":
		return "CAST(" + v + " AS DECIMAL(65,30))"
	}
	return "CAST(" + v + " AS DOUBLE)"
}

// equal compares by the collation alone where the database does so itself for a foreign key. Else it is only there for the index.
func (m mysql) equal(a string, ca *column, b string, cb *column, how match) string {
	switch {
	case how == byKey && ca.collation == cb.collation:
		return a + " = " + b
	case ca.class == text && cb.class == text:
		same := m.exact(a) + " = " + m.exact(b)
		if how == likeMail {
			same = m.mail(a, b)
		}
		if how == likeMail && !cb.folds {
			return same
		}
		return b + " = " + m.as(a, cb) + " AND " + same
	case how != likeMail && ca.collation == "" && cb.collation == "" && comparable(ca, cb):
		return a + " = " + b
	}
	if how == likeMail {
		return m.mail(a, b)
	}
	return m.exact(a) + " = " + m.exact(b)
}

func (m mysql) notASCII(expr string) string {
	return "LENGTH(" + m.text(expr) + ") <> CHAR_LENGTH(" + expr + ")"
}

func (m mysql) freeze(expr string, c *column) string {
	switch {
	case c.class == bytesClass:
		return "HEX(" + expr + ")"
	case c.typ == "bit":
		return m.text(expr + " + 0")
	case c.typ == "float": // as text it would lose digits
		return m.text("CAST(" + expr + " AS DOUBLE)")
	}
	return m.text(expr)
}

func (m mysql) thaw(expr string, c *column) string {
	switch {
	case c.class == integer || c.class == number:
		return m.number(expr, c)
	case c.class == bytesClass:
		return "UNHEX(" + expr + ")"
	case c.typ == "bit":
		return "CAST(" + expr + " AS UNSIGNED)"
	case c.typ == "year":
		return "CAST(" + expr + " AS UNSIGNED)"
	case c.typ == "datetime" || c.typ == "timestamp":
		return "CAST(" + expr + " AS DATETIME(6))"
	case c.typ == "time":
		return "CAST(" + expr + " AS TIME(6))"
	case c.typ == "date" || c.class == uuidClass || strings.HasPrefix(c.typ, "inet"):
		return "CAST(" + expr + " AS " + c.typ + ")"
	case c.collation != "":
		return m.as(expr, c)
	}
	return expr
}

func (m mysql) constant(value string, c *column) string {
	v := m.literal(value)
	switch {
	case c.class == integer || c.typ == "double" || c.typ == "bit" || c.typ == "year":
		return m.thaw(v, c)
	case c.typ == "decimal" || c.typ == "float": // as the column would round it
		return "CAST(" + v + " AS " + strings.TrimSuffix(strings.TrimSuffix(c.definition, " zerofill"), " unsigned") + ")"
	case c.class == other && c.collation == "":
		return m.thaw(v, c)
	}
	return v
}

func (m mysql) trial(value string, c *column) string { return m.constant(value, c) }
func (mysql) settle(context.Context, *sql.Tx) error  { return nil }

func (m mysql) differs(expr string, c *column, value string) string {
	if c.collation != "" {
		return m.exact(expr) + " <> " + m.literal(value)
	}
	return expr + " <> " + m.constant(value, c)
}

// takes judges by itself: a SELECT of MariaDB turns what is no date into null, and a writing statement would need a table.
func (mysql) takes(c *column, value string) (fits, judged bool) { return myTakes(c, value), true }

func (mysql) random(n int) string {
	return fmt.Sprintf("SUBSTR(LOWER(HEX(RANDOM_BYTES(%d))), 1, %d)", (n+1)/2, n)
}

// shaped compares bytes. The length is compared because the expression's end is also that before a line break.
func (m mysql) shaped(expr, prefix string, hexDigits int) string {
	return fmt.Sprintf("CHAR_LENGTH(%s) = %d AND CAST(%s AS BINARY) REGEXP %s", expr, len(prefix)+hexDigits, expr, m.literal(fmt.Sprintf("^%s[0-9a-f]{%d}$", prefix, hexDigits)))
}

// temporary declares the columns that are read from a table, so that they take null, for the rows that are only remembered. The
// index stands in the statement: made afterwards it would commit the transaction. OR REPLACE: a rollback does not take away
// what an earlier transaction of the session left.
func (m mysql) temporary(name, query string, r *rowset) string {
	defs := []string{"d int NOT NULL"}
	if r != nil {
		var key []string
		for i, c := range r.key {
			defs = append(defs, fmt.Sprintf("k%d %s", i, c.nullableDefinition()))
			part := fmt.Sprintf("k%d", i)
			if (c.collation != "" || c.class == bytesClass) && (c.length == 0 || c.length > indexedLength) {
				part += fmt.Sprintf("(%d)", indexedLength)
			}
			if c.class == other && c.collation != "" || len(key) >= indexedColumns {
				continue
			}
			key = append(key, part)
		}
		for i, c := range r.links {
			defs = append(defs, fmt.Sprintf("l%d %s", i, c.nullableDefinition()))
		}
		defs = append(defs, "KEY ("+strings.Join(append(key, "d"), ", ")+")")
	}
	return "CREATE OR REPLACE TEMPORARY TABLE " + m.temporaryName(name) + " (" + strings.Join(defs, ", ") + ") AS " + query
}

// An index takes 3,072 bytes, four for each character.
const (
	indexedLength  = 100
	indexedColumns = 4
)

func (c *column) nullableDefinition() string { return c.definition + " NULL" }

func (m mysql) deleteRows(table string, key []*column, in string) string {
	from, on := m.listed(key, in)
	return m.deleteFrom(table, from, on)
}

func (mysql) deleteFrom(table, from, on string) string {
	return "DELETE t FROM " + from + " STRAIGHT_JOIN " + table + " AS t ON " + on
}

func (m mysql) updateRows(table string, set []assignment, key []*column, in string) string {
	from, on := m.listed(key, in)
	return m.updateFrom(table, set, from, on)
}

// listed makes a derived table of a query for keys, since MariaDB before 11.1 would read the whole table for "key IN (query)" in a
// statement that changes rows.
func (m mysql) listed(key []*column, in string) (from, on string) {
	same := make([]string, len(key))
	for i, c := range key {
		same[i] = fmt.Sprintf("t.%s = x.k%d", m.quote(c.name), i)
	}
	return "(SELECT DISTINCT " + strings.TrimPrefix(in, "SELECT ") + ") AS x", strings.Join(same, " AND ")
}

func (m mysql) updateFrom(table string, set []assignment, from, on string) string {
	out := make([]string, len(set))
	for i, a := range set {
		out[i] = "t." + m.quote(a.col.name) + " = " + a.value
	}
	return "UPDATE " + from + " STRAIGHT_JOIN " + table + " AS t ON " + on + " SET " + strings.Join(out, ", ")
}

const mysqlMode = "'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'"

// prepare sets the session: MariaDB knows no settings of a transaction, and the pool is the responder's own. A recursive query
// would end after 1,000 steps with a warning and half of its rows.
func (mysql) prepare(ctx context.Context, tx *sql.Tx, c Config) error {
	seconds := max(1, int((c.LockTimeout+time.Second-1)/time.Second))
	_, err := tx.ExecContext(ctx, fmt.Sprintf("SET time_zone = '+00:00', sql_mode = %s, innodb_lock_wait_timeout = %d, lock_wait_timeout = %d, "+
		"max_recursive_iterations = 4294967295, foreign_key_checks = 1, sql_safe_updates = 0, max_statement_time = %s", mysqlMode, seconds, seconds,
		strconv.FormatFloat(c.StatementTimeout.Seconds(), 'f', 6, 64)))
	return err
}

// snapshot is taken by the first read, at REPEATABLE READ; until then nothing was seen.
func (mysql) snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	return db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

func (mysql) keyOrder() bool { return true } // InnoDB's indexes end with the primary key

// replication goes by MariaDB's GTIDs. What is in the binary log may be read before it is committed, so its position is never behind what an
// export saw. That a server replays may be asked by those alone who may do more; one that takes no writes, and has this position, does.
func (mysql) replication() replication {
	return replication{
		position: "SELECT @@GLOBAL.gtid_binlog_pos",
		follows:  "SELECT @@GLOBAL.read_only NOT IN ('0', 'OFF'), MASTER_GTID_WAIT(?, 0) = 0", // a number, and a word in newer servers
	}
}

func (m mysql) contains(expr, part string) string {
	return "LOCATE(" + part + ", " + m.exact(expr) + ") > 0"
}

var _ dialect = mysql{}
