package sql

import "context"

// fingerprint is the number that SQLite counts up whenever the schema of the file changes, harmless changes and VACUUM included.
func (lite) fingerprint(ctx context.Context, q reader, _ []tableName) (string, error) {
	var version string
	err := q.read(ctx, func(s scanner) error { return s.Scan(&version) }, "PRAGMA main.schema_version")
	return version, err
}

const liteFacts = `SELECT CASE m.type WHEN 'table' THEN 'definition' ELSE m.type || ' ' || m.name END, m.sql FROM main.sqlite_master m WHERE m.type IN ('table', 'trigger') AND m.tbl_name = ?1 COLLATE NOCASE`

// readFacts takes a table's own text for a definition as well: its checks stand nowhere else.
func (lite) readFacts(ctx context.Context, q reader, into *catalogue) error {
	for _, t := range into.tables {
		err := q.read(ctx, func(s scanner) error {
			var fact, definition string
			if err := s.Scan(&fact, &definition); err != nil {
				return err
			}
			t.fact(fact, definition)
			return nil
		}, liteFacts, t.name)
		if err != nil {
			return err
		}
	}
	return nil
}

const liteList = `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`

func (l lite) listTables(ctx context.Context, q reader, _ []string) ([]tableName, error) {
	var out []tableName
	err := q.read(ctx, func(s scanner) error {
		n := tableName{schema: l.defaultSchema()}
		err := s.Scan(&n.name)
		out = append(out, n)
		return err
	}, liteList)
	return out, err
}

// SQLite has no roles.
func (lite) lacking(context.Context, reader, []right) ([]right, error) { return nil, nil }

func (lite) grants(context.Context, reader, string, []right) ([]string, error) { return nil, nil }
