package sql

import (
	"fmt"
	"strings"
)

// documents: PostgreSQL has two types of documents. Text that happens to be one is text to it.
func (postgres) documents(c *column) string {
	if c.json == "" {
		return "column " + c.name + " has type " + c.typ + ": a path leads into json and jsonb"
	}
	return ""
}

// inside goes along a path in lax mode, where [*] means the elements of an array and of anything else the thing itself. What json
// keeps and jsonb refuses, the character NUL, is read as another one: it is only compared.
func (p postgres) inside(expr string, c *column) inside {
	if len(c.path) == 0 {
		return inside{"LATERAL unnest(" + expr + ") AS j (v)", "j.v"}
	}
	if c.of.json == "json" {
		expr = `CAST(replace(CAST(` + expr + ` AS text), '\u0000', '\ufffd') AS jsonb)`
	}
	path := "lax $[*][*]"
	for _, name := range c.path {
		path += `."` + name + `"[*][*]`
	}
	return inside{fmt.Sprintf("LATERAL (SELECT q #>> '{}' AS v FROM jsonb_path_query(%s, %s) AS q) AS j", expr, p.literal(path)), "j.v"}
}

func (postgres) opens() string        { return "CROSS JOIN" }
func (postgres) cross() string        { return "JOIN" }
func (postgres) broken(string) string { return "" }
func (p postgres) parsed(expr string, c *column) string {
	return p.thaw(expr, c)
}

// documents: SQLite keeps documents as text.
func (lite) documents(c *column) string {
	if c.class == text || c.class == jsonClass || c.class == other {
		return ""
	}
	return "column " + c.name + " has type " + c.typ + ": a path leads into text"
}

// inside opens a document level by level: a subquery in a FROM clause cannot see the table before it here, a function can.
func (l lite) inside(expr string, c *column) inside {
	n := 0
	var from []string
	open := func(doc string) {
		from = append(from, fmt.Sprintf("json_each(CASE json_type(%[1]s) WHEN 'array' THEN %[1]s ELSE json_array(json(%[1]s)) END) AS j%[2]d", doc, n))
		n++
	}
	again := func() { // an array in an array
		open(fmt.Sprintf("CASE WHEN j%[1]d.type IN ('array', 'object') THEN j%[1]d.value WHEN j%[1]d.type IN ('true', 'false') THEN j%[1]d.type ELSE json_quote(j%[1]d.value) END", n-1))
	}
	open("CASE WHEN json_valid(" + expr + ") THEN " + expr + " END")
	again()
	for _, name := range c.path {
		open(fmt.Sprintf("CASE j%[1]d.type WHEN 'object' THEN j%[1]d.value -> %[2]s END", n-1, l.literal(`$."`+name+`"`)))
		again()
	}
	last := fmt.Sprintf("j%d", n-1)
	return inside{strings.Join(from, " CROSS JOIN "), fmt.Sprintf("CASE WHEN %[1]s.type IN ('true', 'false') THEN %[1]s.type ELSE CAST(%[1]s.value AS TEXT) END", last)}
}

func (lite) opens() string                        { return "CROSS JOIN" }
func (lite) cross() string                        { return "CROSS JOIN" }
func (lite) parsed(expr string, _ *column) string { return expr }
func (lite) broken(expr string) string {
	return "(" + expr + " IS NOT NULL AND NOT json_valid(" + expr + "))"
}

// documents: MariaDB's JSON is text that a check demands to be valid.
func (mysql) documents(c *column) string {
	if c.class != jsonClass {
		return "column " + c.name + " has type " + c.typ + ": a path leads into JSON, or into text with the check JSON_VALID"
	}
	return ""
}

// inside asks for every path with up to two arrays at each of its places; MariaDB knows no other way to say that there may be one.
func (m mysql) inside(expr string, c *column) inside {
	paths := []string{"$", "$[*]", "$[*][*]"}
	for _, name := range c.path {
		var next []string
		for _, p := range paths {
			for _, arrays := range []string{"", "[*]", "[*][*]"} {
				next = append(next, p+`."`+name+`"`+arrays)
			}
		}
		paths = next
	}
	for i := range paths {
		paths[i] = m.literal(paths[i])
	}
	return inside{
		fmt.Sprintf("JSON_TABLE(JSON_EXTRACT(CASE WHEN JSON_VALID(%[1]s) THEN %[1]s END, %[2]s), '$[*]' COLUMNS ("+
			"v longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$', q json PATH '$')) AS j", expr, strings.Join(paths, ", ")),
		"CASE JSON_TYPE(j.q) WHEN 'NULL' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'OBJECT' THEN j.q ELSE j.v END",
	}
}

func (mysql) opens() string                        { return "STRAIGHT_JOIN" }
func (mysql) cross() string                        { return "STRAIGHT_JOIN" }
func (mysql) parsed(expr string, _ *column) string { return expr }
func (mysql) broken(expr string) string {
	return "(" + expr + " IS NOT NULL AND NOT JSON_VALID(" + expr + "))"
}
