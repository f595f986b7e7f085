package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// myWanted lists the named tables. The catalogue's own names are compared without regard to case; what is read is compared once
// more, exactly.
const myWanted = `JSON_TABLE(?, '$[*]' COLUMNS (s varchar(64) PATH '$[0]', n varchar(64) PATH '$[1]')) AS w`

const myTables = `
SELECT t.table_schema, t.table_name, t.table_type, coalesce(t.engine, ''), coalesce(e.transactions, 'NO') = 'YES',
       EXISTS (SELECT 1 FROM information_schema.triggers g WHERE g.event_object_schema = t.table_schema AND g.event_object_table = t.table_name)
  FROM ` + myWanted + `
  JOIN information_schema.tables t ON t.table_schema = w.s AND t.table_name = w.n
  LEFT JOIN information_schema.engines e ON e.engine = t.engine`

const myColumns = `
SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.column_type, c.is_nullable = 'YES', coalesce(c.character_maximum_length, 0),
       c.extra LIKE '%GENERATED%', c.extra LIKE '%auto_increment%' AND c.extra LIKE '%INVISIBLE%', coalesce(c.character_set_name, ''), coalesce(c.collation_name, '')
  FROM ` + myWanted + `
  JOIN information_schema.columns c ON c.table_schema = w.s AND c.table_name = w.n
 ORDER BY c.table_schema, c.table_name, c.ordinal_position`

// myChecks finds the columns that MariaDB's JSON, which is text with a check, was declared for.
const myChecks = `
SELECT k.constraint_schema, k.table_name, k.check_clause
  FROM ` + myWanted + `
  JOIN information_schema.check_constraints k ON k.constraint_schema = w.s AND k.table_name = w.n
 WHERE k.check_clause LIKE '%json_valid%'`

const myIndexes = `
SELECT i.table_schema, i.table_name, i.index_name, max(coalesce(i.sub_part, 0)),
       JSON_ARRAYAGG(i.column_name ORDER BY i.seq_in_index)
  FROM ` + myWanted + `
  JOIN information_schema.statistics i ON i.table_schema = w.s AND i.table_name = w.n
 WHERE i.non_unique = 0
 GROUP BY i.table_schema, i.table_name, i.index_name
 ORDER BY i.table_schema, i.table_name, i.index_name`

// myKeys lists foreign keys from any database to the named tables.
const myKeys = `
SELECT k.constraint_name, k.table_schema, k.table_name, k.referenced_table_schema, k.referenced_table_name, r.delete_rule,
       JSON_ARRAYAGG(k.column_name ORDER BY k.ordinal_position), JSON_ARRAYAGG(k.referenced_column_name ORDER BY k.ordinal_position)
  FROM ` + myWanted + `
  JOIN information_schema.key_column_usage k ON k.referenced_table_schema = w.s AND k.referenced_table_name = w.n
  JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
   AND r.table_name = k.table_name
 GROUP BY k.constraint_name, k.table_schema, k.table_name, k.referenced_table_schema, k.referenced_table_name, r.delete_rule
 ORDER BY k.table_schema, k.table_name, k.constraint_name`

var myVersion = regexp.MustCompile(`^(\d+)\.(\d+)\..*MariaDB`)

func (m mysql) attach(ctx context.Context, q reader) (dialect, error) {
	var version string
	var database *string
	err := q.read(ctx, func(s scanner) error { return s.Scan(&version, &database, &m.lower) },
		"SELECT VERSION(), DATABASE(), @@lower_case_table_names <> 0")
	if err != nil {
		return nil, failed("ask the database for its version", err)
	}
	part := myVersion.FindStringSubmatch(version)
	if part == nil {
		return nil, responder.Permanent(ownErrorf("the database is not MariaDB 10.11 or newer: its version is %s", version))
	}
	major, _ := strconv.Atoi(part[1]) // digits, by the expression
	minor, _ := strconv.Atoi(part[2])
	if major < 10 || major == 10 && minor < 11 {
		return nil, responder.Permanent(ownErrorf("the database is not MariaDB 10.11 or newer: its version is %s", version))
	}
	if database == nil {
		return nil, responder.Permanent(ownErrorf("the URL of the database names none, and temporary tables need one"))
	}
	m.database = *database
	return m, nil
}

// likeMatches matches the name of a database with the pattern of a grant, in which % and _ are wild unless escaped.
func likeMatches(pattern, name string) bool {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	ok, err := regexp.MatchString(b.String()+"$", name)
	return err == nil && ok
}

func myNames(names []tableName) (string, error) {
	pairs := make([][2]string, len(names))
	for i, n := range names {
		pairs[i] = [2]string{n.schema, n.name}
	}
	b, err := json.Marshal(pairs)
	return string(b), err
}

func (m mysql) readTables(ctx context.Context, q reader, names []tableName, into *catalogue) error {
	wanted, err := myNames(names)
	if err != nil {
		return err
	}
	err = q.read(ctx, func(s scanner) error {
		t := &table{}
		var kind, engine string
		var transactions bool
		if err := s.Scan(&t.schema, &t.name, &kind, &engine, &transactions, &t.guarded); err != nil {
			return err
		}
		t.rewritten = t.guarded
		switch {
		case kind == "VIEW" || kind == "SYSTEM VIEW":
			t.kind = "a view"
		case kind == "SEQUENCE":
			t.kind = "a sequence"
		case kind == "SYSTEM VERSIONED":
			t.unfit = "keeps the history of its rows (WITH SYSTEM VERSIONING): what is erased would stay in it"
		case !transactions:
			t.unfit = "has the engine " + engine + ", which knows no transactions: an erasure could be half done there, and its counts be wrong"
		}
		if !slices.ContainsFunc(names, func(n tableName) bool { return n == tableName{t.schema, t.name} }) {
			return nil // the catalogue does not tell upper from lower case; the database does
		}
		into.tables = append(into.tables, t)
		return nil
	}, myTables, wanted)
	if err != nil {
		return err
	}
	err = q.read(ctx, func(s scanner) error {
		c := &column{}
		var schema, name string
		if err := s.Scan(&schema, &name, &c.name, &c.typ, &c.definition, &c.nullable, &c.length, &c.computed, &c.serial, &c.charset, &c.collation); err != nil {
			return err
		}
		myClass(c)
		if t, ok := into.table(tableName{schema, name}); ok {
			t.columns = append(t.columns, c)
		}
		return nil
	}, myColumns, wanted)
	if err != nil {
		return err
	}
	err = q.read(ctx, func(s scanner) error {
		var schema, name, clause string
		if err := s.Scan(&schema, &name, &clause); err != nil {
			return err
		}
		if t, ok := into.table(tableName{schema, name}); ok {
			for _, c := range t.columns {
				if c.class == text && clause == "json_valid("+m.quote(c.name)+")" {
					c.class = jsonClass
				}
			}
		}
		return nil
	}, myChecks, wanted)
	if err != nil {
		return err
	}
	return q.read(ctx, func(s scanner) error {
		var schema, name, index, columns string
		var prefix int
		if err := s.Scan(&schema, &name, &index, &prefix, &columns); err != nil {
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
		if index == "PRIMARY" {
			t.primaryKey = cols
			return nil
		}
		t.uniques = append(t.uniques, unique{columns: cols, nulls: true, prefix: prefix})
		return nil
	}, myIndexes, wanted)
}

func myClass(c *column) {
	c.typ = strings.ToLower(c.typ)
	c.unsigned = strings.Contains(c.definition, "unsigned")
	sizes := map[string]int{"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}
	switch {
	case sizes[c.typ] > 0:
		c.class, c.size = integer, sizes[c.typ]
	case c.typ == "decimal" || c.typ == "float" || c.typ == "double":
		c.class = number
	case strings.HasSuffix(c.typ, "char") || strings.HasSuffix(c.typ, "text"):
		c.class = text
		c.folds = foldsASCII.MatchString(c.collation)
	case strings.HasSuffix(c.typ, "binary") || strings.HasSuffix(c.typ, "blob"):
		c.class = bytesClass
	case c.typ == "uuid":
		c.class = uuidClass
	}
	if c.class != text && c.class != bytesClass || strings.HasSuffix(c.typ, "text") { // a text's limit is in bytes, and none that a mask reaches, save for the smallest
		c.length = 0
		if c.typ == "tinytext" {
			c.length = 63
		}
	}
	if c.collation != "" {
		c.definition += fmt.Sprintf(" CHARACTER SET %s COLLATE %s", c.charset, c.collation)
	}
}

// foldsASCII names collations for which ASCII letters are equal whatever their case, and nothing else follows from what stands
// beside them: a language's may have letters of two (the Czech ch) or another i (the Turkish).
var foldsASCII = regexp.MustCompile(`^(\w+_(general|unicode|unicode_520)_(nopad_)?ci|utf8mb[34]_uca1400_(nopad_)?a[is]_ci|uca1400_(nopad_)?a[is]_ci|latin1_swedish_(nopad_)?ci)$`)

func (m mysql) readKeys(ctx context.Context, q reader, into *catalogue) error {
	var names []tableName
	for _, t := range into.tables {
		names = append(names, tableName{t.schema, t.name})
	}
	wanted, err := myNames(names)
	if err != nil {
		return err
	}
	return q.read(ctx, func(s scanner) error {
		var k foreignKey
		var schema, name, action, columns, refers string
		if err := s.Scan(&k.name, &k.childSchema, &k.child, &schema, &name, &action, &columns, &refers); err != nil {
			return err
		}
		k.onDelete = strings.ToLower(action)
		return into.addKey(k, tableName{schema, name}, columns, refers)
	}, myKeys, wanted)
}
