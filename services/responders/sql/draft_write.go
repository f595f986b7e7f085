package sql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// page is YAML that is written by hand, for the sake of its comments.
type page struct{ strings.Builder }

// line writes one line, with a comment where there is one.
func (p *page) line(indent int, text, comment string) {
	p.WriteString(strings.Repeat("  ", indent))
	p.WriteString(text)
	if comment != "" {
		if text != "" {
			p.WriteString(" ")
		}
		p.WriteString("# " + comment)
	}
	p.WriteString("\n")
}

func guessed(why string) string {
	if why == "" {
		return ""
	}
	return "guessed: " + strings.Map(func(r rune) rune { // a name of a table may hold anything
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, why)
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	reserved  = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// yaml writes a name so that it stays text.
func yaml(s string) string {
	if plainText.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

func yamlList(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = yaml(n)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// datasetKey is the dataset of a schema.
func (b *draft) datasetKey(schema string) string {
	if len(b.schemas()) == 1 {
		return b.system
	}
	return b.system + "_" + strings.Map(func(r rune) rune {
		if r < 128 && fidesKey.MatchString(string(r)) {
			return r
		}
		return '_'
	}, schema)
}

func (b *draft) schemas() []string {
	var out []string
	for _, t := range b.cat.tables {
		if !slices.Contains(out, t.schema) {
			out = append(out, t.schema)
		}
	}
	return out
}

func (b *draft) write() []byte {
	p := &page{}
	p.line(0, "", "A first data map of "+b.system+", made from its live database. It is for a person to finish: what is guessed is marked, and")
	p.line(0, "", "`lethe datamap check` names what is open. Above all lethe.erase: what becomes of the rows of each table.")
	p.line(0, "dataset:", "")
	var keys []string
	for _, schema := range b.schemas() {
		keys = append(keys, b.datasetKey(schema))
		b.dataset(p, schema)
	}
	p.line(0, "system:", "")
	p.line(0, "- fides_key: "+yaml(b.system), "")
	p.line(1, "name: "+yaml(b.system), "")
	p.line(1, "system_type: Database", "")
	p.line(1, "dataset_references: "+yamlList(keys), "")
	p.line(1, "privacy_declarations: []", "open: what the data is for, on which legal basis, how long it is kept")
	return []byte(p.String())
}

func (b *draft) dataset(p *page, schema string) {
	key := b.datasetKey(schema)
	p.line(0, "- fides_key: "+yaml(key), "")
	p.line(1, "name: "+yaml(key), "")
	if schema != b.d.defaultSchema() {
		p.line(1, "fides_meta: {namespace: {schema: "+yaml(schema)+"}}", "")
	}
	p.line(1, "meta:", "")
	p.line(2, "lethe.version: 1", "")
	p.line(2, "", "open: lethe.backups, lethe.physical, lethe.recipients, lethe.relation, lethe.not_covered, lethe.retention")
	b.subjects(p, schema)
	b.erase(p, schema)
	b.links(p, schema)
	p.line(1, "collections:", "")
	for _, t := range b.cat.tables {
		if t.schema == schema {
			b.collection(p, b.tables[t])
		}
	}
}

func (b *draft) subjects(p *page, schema string) {
	any := false
	for _, t := range b.kinds {
		if t.schema != schema {
			continue
		}
		if !any {
			p.line(2, "lethe.subjects:", "")
			any = true
		}
		dt := b.tables[t]
		key := yaml(t.primaryKey[0].name)
		ids := []string{"email: " + yaml(dt.mail.name)}
		if len(t.primaryKey) > 1 {
			key = yamlList(columnNames(t.primaryKey))
		} else if t.primaryKey[0] != dt.mail {
			ids = append(ids, dt.kind+"_id: "+key)
		}
		p.line(3, fmt.Sprintf("%s: {collection: %s, key: %s, identities: {%s}}", yaml(dt.kind), yaml(t.name), key, strings.Join(ids, ", ")),
			guessed("each row is somebody who can be found by an address"))
	}
	if !any && len(b.kinds) == 0 {
		p.line(2, "", "open: lethe.subjects, whom one can ask about; no table looks like one of people with an address")
	}
}

// erase leaves every policy open; what it says of references keeps other people's rows out.
func (b *draft) erase(p *page, schema string) {
	if len(b.kinds) == 0 {
		return
	}
	head := func() {
		p.line(2, "lethe.erase:", "open: for each table below delete, anonymise (with masks on its fields) or keep; the latter two with a lethe.ground")
	}
	first := true
	for _, root := range b.kinds {
		kind := b.tables[root].kind
		var tables []string
		for _, t := range b.cat.tables {
			if dt := b.tables[t]; t.schema == schema && (slices.Contains(dt.of, kind) || dt.alone() || dt.up && b.above(dt, kind)) {
				tables = append(tables, t.name)
			}
		}
		if len(tables) == 0 && root.schema != schema {
			continue
		}
		if first {
			head()
			first = false
		}
		var lines [][2]string
		for _, t := range b.cat.tables {
			for _, w := range b.tables[t].keys {
				if t.schema == schema && w.what == unhooked && slices.Contains(b.tables[w.key.parent].of, kind) {
					lines = append(lines, [2]string{yaml(t.name+"."+w.key.columns[0]) + ": detach", guessed(w.why)})
				}
			}
		}
		open := "open: " + guessed(strings.Join(tables, ", "))[len("guessed: "):]
		if len(lines) == 0 {
			p.line(3, yaml(kind)+": {}", open)
			continue
		}
		p.line(3, yaml(kind)+":", open)
		for _, l := range lines {
			p.line(4, l[0], l[1])
		}
	}
}

// above reports whether rows of the kind refer to the table.
func (b *draft) above(dt *drafted, kind string) bool {
	for _, o := range b.tables {
		if slices.Contains(o.of, kind) && slices.ContainsFunc(o.keys, func(w way) bool { return w.what == upward && w.key.parent == dt.table }) {
			return true
		}
	}
	return false
}

func (b *draft) links(p *page, schema string) {
	var shared []string
	for _, t := range b.cat.tables {
		if t.schema == schema && b.tables[t].up {
			shared = append(shared, yaml(t.name)+": keep")
		}
	}
	if len(shared) > 0 {
		p.line(2, "lethe.shared: {"+strings.Join(shared, ", ")+"}", guessed("rows that several people refer to stay while one of them does"))
	}
	head := false
	for _, t := range b.cat.tables {
		if t.schema != schema {
			continue
		}
		for _, w := range b.tables[t].keys {
			if w.what != left {
				continue
			}
			if !head {
				p.line(2, "lethe.not_followed:", "")
				head = true
			}
			p.line(2, "- "+yaml(t.name+"."+w.key.columns[0]), guessed(w.why))
		}
	}
}

func (b *draft) collection(p *page, dt *drafted) {
	p.line(1, "- name: "+yaml(dt.table.name), "")
	if skip, open := b.skips(dt); skip {
		p.line(2, "fides_meta: {skip_processing: true}", guessed("nothing in it is personal, and its rows are nobody's"))
	} else if open != "" {
		p.line(2, "", open)
	}
	p.line(2, "fields:", "")
	for _, c := range dt.table.columns {
		b.field(p, dt, c)
	}
}

func (b *draft) field(p *page, dt *drafted, c *column) {
	g := dt.columns[c]
	p.line(2, "- name: "+yaml(c.name), "")
	p.line(3, "data_categories: ["+g.category+"]", guessed(g.why))
	var lines [][2]string
	if typ := dataType(c); typ != "" {
		lines = append(lines, [2]string{"data_type: " + typ, ""})
	}
	if c.length > 0 && c.class == text {
		lines = append(lines, [2]string{fmt.Sprintf("length: %d", c.length), ""})
	}
	if slices.Contains(dt.table.primaryKey, c) {
		lines = append(lines, [2]string{"primary_key: true", ""})
	}
	if c == dt.mail && (dt.kind != "" || dt.alone()) {
		lines = append(lines, [2]string{"identity: email", guessed("it finds a person's rows")})
	}
	lines = append(lines, b.references(dt, c)...)
	if len(lines) > 0 {
		p.line(3, "fides_meta:", "")
	}
	for _, l := range lines {
		p.line(4, l[0], l[1])
	}
}

// references say which way rows are found: from the parent's, or, for what is shared, to it.
func (b *draft) references(dt *drafted, c *column) [][2]string {
	var out [][2]string
	for _, w := range dt.keys {
		for i, name := range w.key.columns {
			if f, ok := dt.table.column(name); !ok || f != c {
				continue
			}
			direction := "from"
			if w.what == upward {
				direction = "to"
			}
			if len(out) == 0 {
				out = append(out, [2]string{"references:", ""})
			}
			why := w.why
			if w.what == unhooked || w.what == left {
				why = "" // said above
			}
			out = append(out, [2]string{fmt.Sprintf("- {dataset: %s, field: %s, direction: %s}", yaml(b.datasetKey(w.key.parent.schema)),
				yaml(w.key.parent.name+"."+w.key.refers[i].name), direction), guessed(why)})
		}
	}
	return out
}

// dataType is Fideslang's word for the column's type, where it has one.
func dataType(c *column) string {
	switch c.class {
	case integer:
		return "integer"
	case number:
		if temporal(c) {
			return "string"
		}
		return "float"
	case boolean:
		return "boolean"
	case jsonClass:
		return ""
	case other:
		if strings.HasSuffix(c.typ, "[]") || c.typ == "" {
			return ""
		}
	}
	return "string"
}
