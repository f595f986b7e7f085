package sql

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const liteTables = `SELECT name, type, wr, EXISTS (SELECT 1 FROM main.sqlite_master m WHERE m.type = 'trigger' AND m.tbl_name = ?1 COLLATE NOCASE) FROM pragma_table_list WHERE schema = 'main' AND name = ?1`

const liteColumns = `SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid`

const liteIndexes = `SELECT l.name, l."unique", l.partial, l.origin, json_group_array(x.name ORDER BY x.seqno), coalesce(m.sql, '')
  FROM pragma_index_list(?1) l
  JOIN pragma_index_xinfo(l.name) x ON x.key = 1
  LEFT JOIN main.sqlite_master m ON m.type = 'index' AND m.name = l.name
 GROUP BY l.name, l."unique", l.partial, l.origin, m.sql ORDER BY l.seq`

const liteKeys = `SELECT m.name, f.id, f."table", f.on_delete, json_group_array(f."from" ORDER BY f.seq), json_group_array(f."to" ORDER BY f.seq)
  FROM main.sqlite_master m JOIN pragma_foreign_key_list(m.name) f
 WHERE m.type = 'table' GROUP BY m.name, f.id, f."table", f.on_delete ORDER BY m.name, f.id`

func (l lite) readTables(ctx context.Context, q reader, names []tableName, into *catalogue) error {
	for _, n := range names {
		if n.schema != l.defaultSchema() {
			continue // another schema is another file, which no foreign key reaches
		}
		err := q.read(ctx, func(s scanner) error {
			t := &table{schema: n.schema}
			var kind string
			if err := s.Scan(&t.name, &kind, &t.noRowID, &t.rewritten); err != nil {
				return err
			}
			if kind != "table" {
				t.kind = map[string]string{"view": "a view", "virtual": "a virtual table"}[kind]
			}
			into.tables = append(into.tables, t)
			return nil
		}, liteTables, n.name)
		if err != nil {
			return err
		}
		t, ok := into.table(n)
		if !ok {
			continue
		}
		if err := liteTable(ctx, q, t); err != nil {
			return err
		}
	}
	return nil
}

func liteTable(ctx context.Context, q reader, t *table) error {
	var key []*column
	err := q.read(ctx, func(s scanner) error {
		c := &column{}
		var notNull bool
		var pk, hidden int
		if err := s.Scan(&c.name, &c.typ, &notNull, &pk, &hidden); err != nil {
			return err
		}
		c.nullable, c.computed = !notNull, hidden > 1
		liteClass(c)
		t.columns = append(t.columns, c)
		for pk > len(key) {
			key = append(key, nil)
		}
		if pk > 0 {
			key[pk-1] = c
		}
		return nil
	}, liteColumns, t.name)
	if err != nil {
		return err
	}
	t.primaryKey = key
	if err := liteCollations(ctx, q, t); err != nil {
		return err
	}
	return q.read(ctx, func(s scanner) error {
		var name, origin, columns, text string
		var isUnique, partial bool
		if err := s.Scan(&name, &isUnique, &partial, &origin, &columns, &text); err != nil {
			return err
		}
		var names []*string // null: an expression
		if err := json.Unmarshal([]byte(columns), &names); err != nil {
			return err
		}
		for _, c := range t.columns { // written by hand, so that it may look otherwise; this only spares a hint
			c.lowIndex = c.lowIndex || !partial && strings.Contains(strings.ToLower(text), "(lower("+strings.ToLower(c.name)+")")
		}
		if !isUnique || origin == "pk" {
			return nil
		}
		u := unique{nulls: true, loose: partial}
		for _, n := range names {
			if n == nil {
				u.loose = true
				continue
			}
			if c, ok := t.column(*n); ok {
				u.columns = append(u.columns, c)
			}
		}
		if slices.Contains(names, nil) { // of an expression there is the statement's text alone
			keys, err := json.Marshal([]string{liteIndexKeys(text)})
			if err != nil {
				return err
			}
			if u.columns, err = t.mentioned(string(keys)); err != nil {
				return err
			}
		}
		t.uniques = append(t.uniques, u)
		return nil
	}, liteIndexes, t.name)
}

// liteIndexKeys is the text of CREATE INDEX between the table and WHERE.
func liteIndexKeys(text string) string {
	_, keys, _ := strings.Cut(text, "(")
	if i := strings.LastIndex(strings.ToUpper(keys), "WHERE"); i >= 0 {
		keys = keys[:i]
	}
	return keys
}

// liteClass follows SQLite's rules of affinity (section 3.1 of its page on data types), after the names that mean more to people.
func liteClass(c *column) {
	typ := strings.ToUpper(c.typ)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(typ, p) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(typ, "BOOL"):
		c.class = boolean
	case strings.HasPrefix(typ, "JSON") && typ != "JSONB":
		c.class = jsonClass
	case has("INT"):
		c.class, c.size = integer, 8
	case has("CHAR", "CLOB", "TEXT"):
		c.class = text
	case has("BLOB"):
		c.class = bytesClass
	case typ == "":
		c.class = other
	default: // REAL, FLOAT, DOUBLE, NUMERIC, DECIMAL, dates
		c.class = number
	}
	if _, n, ok := strings.Cut(typ, "("); ok && c.class == text {
		n, _, _ = strings.Cut(n, ")")
		c.length, _ = strconv.Atoi(strings.TrimSpace(n)) // nothing enforces it; what is no number is no length
	}
}

func (l lite) readKeys(ctx context.Context, q reader, into *catalogue) error {
	return q.read(ctx, func(s scanner) error {
		k := foreignKey{childSchema: l.defaultSchema()}
		var parent, action, columns, refers string
		var id int
		if err := s.Scan(&k.child, &id, &parent, &action, &columns, &refers); err != nil {
			return err
		}
		k.name = "of " + k.child + ", number " + strconv.Itoa(id)
		k.onDelete = strings.ToLower(action)
		var t *table
		for _, o := range into.tables {
			if strings.EqualFold(o.name, parent) {
				t = o
			}
		}
		if t == nil {
			return nil
		}
		if strings.HasPrefix(refers, "[null") { // REFERENCES without columns: the primary key
			b, err := json.Marshal(columnNames(t.primaryKey))
			if err != nil {
				return err
			}
			refers = string(b)
		}
		return into.addKey(k, tableName{t.schema, t.name}, columns, refers)
	}, liteKeys)
}

func columnNames(cs []*column) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.name
	}
	return out
}
