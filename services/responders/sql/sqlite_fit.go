package sql

import (
	"context"
	"encoding/json"
	"strings"
)

// readChecks finds none: they stand in the text of CREATE TABLE alone, which is not taken apart here.
func (lite) readChecks(context.Context, reader, []*table) ([]check, error) { return nil, nil }

// readGenerated finds none, as readChecks.
func (lite) readGenerated(context.Context, reader, []*table) ([]generated, error) { return nil, nil }

// liteReferring lists the foreign keys of a table, where the connection enforces them. REFERENCES without columns means the primary key.
const liteReferring = `
SELECT coalesce((SELECT m.name FROM main.sqlite_master m WHERE m.type = 'table' AND m.name = f."table" COLLATE NOCASE), f."table"), f.on_update, f.on_delete, json_group_array(f."from" ORDER BY f.seq),
       json_group_array(coalesce(f."to", (SELECT x.name FROM pragma_table_info(f."table") x WHERE x.pk = f.seq + 1)) ORDER BY f.seq)
  FROM pragma_foreign_key_list(?1) f
 WHERE (SELECT foreign_keys FROM pragma_foreign_keys)
 GROUP BY f.id, f."table", f.on_update, f.on_delete ORDER BY f.id`

func (l lite) readReferring(ctx context.Context, q reader, of []*table) ([]referring, error) {
	var out []referring
	cat := &catalogue{tables: of}
	for _, t := range of {
		err := q.read(ctx, func(s scanner) error {
			k := referring{parent: tableName{schema: t.schema}}
			var columns, refers string
			if err := s.Scan(&k.parent.name, &k.onUpdate, &k.onDelete, &columns, &refers); err != nil {
				return err
			}
			k.onUpdate, k.onDelete = strings.ToLower(k.onUpdate), strings.ToLower(k.onDelete)
			var names []*string
			if err := json.Unmarshal([]byte(refers), &names); err != nil {
				return err
			}
			for _, n := range names {
				if n == nil { // what it refers to is not there
					return nil
				}
			}
			return k.add(cat, tableName{t.schema, t.name}, columns, refers, &out)
		}, liteReferring, t.name)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (lite) stored(string, *column) (string, bool) { return "", false }
func (lite) null(*column) string                   { return "NULL" }
func (lite) lacks(string, *column) string          { return "" }
