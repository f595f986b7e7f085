package sql_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// The oracle erases row by row, with loops over maps, what the planner erases by statements over sets. Schemas, data and batches
// are drawn; whatever the planner refuses is not judged.

// shape is a schema: t0 holds the people.
type shape struct {
	tables []shapeTable
	up     bool // t0 refers to places, which several people may share
	below  bool // visits refer to places
}

type shapeTable struct {
	refs   []int // earlier tables that ref0, ref1 … lead to
	self   bool  // parent refers to the same table
	email  bool  // owner holds an e-mail address
	doc    bool  // a document, which names owners where email does, too
	detach bool  // agent refers to t0 and is set to null
	policy string
	cut    bool // anonymised rows lose ref0, ref1 …
}

func drawShape(t *rapid.T) shape {
	s := shape{up: rapid.Bool().Draw(t, "up"), below: rapid.Bool().Draw(t, "below")}
	s.below = s.below && s.up
	for i := range rapid.IntRange(1, 5).Draw(t, "tables") {
		var tab shapeTable
		if i > 0 {
			for n := range rapid.IntRange(0, 2).Draw(t, "refs") {
				if ref := rapid.IntRange(0, i-1).Draw(t, "ref"); n == 0 || ref != tab.refs[0] {
					tab.refs = append(tab.refs, ref)
				}
			}
			tab.self = rapid.IntRange(0, 3).Draw(t, "self") == 0
			tab.email = len(tab.refs) == 0 || rapid.IntRange(0, 3).Draw(t, "email") == 0
			tab.detach = rapid.IntRange(0, 3).Draw(t, "detach") == 0
		}
		tab.doc = rapid.IntRange(0, 2).Draw(t, "doc") == 0
		tab.policy = rapid.SampledFrom([]string{"delete", "delete", "anonymise", "keep"}).Draw(t, "policy")
		if slices.ContainsFunc(tab.refs, func(r int) bool { return s.tables[r].policy == "delete" }) && tab.policy != "delete" {
			tab.policy, tab.cut = "anonymise", true
		}
		s.tables = append(s.tables, tab)
	}
	return s
}

func (s shape) columns(i int) []string {
	cols := []string{"id", "note", "secret"}
	tab := s.tables[i]
	if i == 0 {
		cols = append(cols, "email")
		if s.up {
			cols = append(cols, "place")
		}
	}
	for n := range tab.refs {
		cols = append(cols, fmt.Sprintf("ref%d", n))
	}
	if tab.self {
		cols = append(cols, "parent")
	}
	if tab.email {
		cols = append(cols, "owner")
	}
	if tab.doc {
		cols = append(cols, "doc")
	}
	if tab.detach {
		cols = append(cols, "agent")
	}
	return cols
}

// sources writes the schema and the data map.
func (s shape) sources() (ddl []string, yaml string) {
	var erase, ground, collections []string
	if s.up {
		ddl = append(ddl, "CREATE TABLE places (id INTEGER PRIMARY KEY, street TEXT)")
		erase = append(erase, "places: delete")
		collections = append(collections, "  - name: places\n    fields:\n    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n    - {name: street, data_categories: [user.contact.address.street]}")
	}
	if s.below {
		ddl = append(ddl, "CREATE TABLE visits (id INTEGER PRIMARY KEY, place INTEGER REFERENCES places (id))")
		erase = append(erase, "visits: delete")
		collections = append(collections, "  - name: visits\n    fields:\n    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n"+
			"    - {name: place, data_categories: [user.content.private], fides_meta: {references: [{dataset: shop, field: places.id, direction: from}]}}")
	}
	for i, tab := range s.tables {
		name := fmt.Sprintf("t%d", i)
		erase = append(erase, name+": "+tab.policy)
		if tab.policy != "delete" {
			ground = append(ground, name+`: {article: "GDPR 17(3)(b)", law: a law, period: P1Y, restriction: nobody}`)
		}
		var defs []string
		fields := []string{"    fields:"}
		for _, c := range s.columns(i) {
			def, field := c+" INTEGER", "system.operations"
			var meta []string
			ref := func(to, direction string) {
				meta = append(meta, fmt.Sprintf("references: [{dataset: shop, field: %s.id, direction: %s}]", to, direction))
				def += " REFERENCES " + to + " (id)"
			}
			switch {
			case c == "id":
				def, field = "id INTEGER PRIMARY KEY", "user.unique_id"
				meta = append(meta, "primary_key: true")
			case c == "note":
				def, field = "note TEXT", "user.content.private"
				meta = append(meta, "masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: x}}")
			case c == "secret":
				def, field = "secret TEXT", "user.content.private"
				meta = append(meta, "masking_strategy_override: {strategy: null_rewrite}")
			case c == "email", c == "owner":
				def, field = c+" TEXT", "user.contact.email"
				meta = append(meta, "identity: email")
			case c == "doc":
				owner := ""
				if tab.email {
					owner = ", fides_meta: {identity: email}"
				}
				defs = append(defs, "doc DOCUMENT")
				fields = append(fields, strings.Replace(docFields, "OWNER", owner, 1))
				continue
			case c == "place":
				ref("places", "to")
				if tab.policy == "anonymise" {
					meta = append(meta, "masking_strategy_override: {strategy: null_rewrite}")
				}
			case c == "parent":
				ref(name, "from")
			case c == "agent":
				ref("t0", "from")
				erase = append(erase, name+".agent: detach")
			default:
				ref(fmt.Sprintf("t%d", tab.refs[c[3]-'0']), "from")
				if tab.cut {
					meta = append(meta, "masking_strategy_override: {strategy: null_rewrite}")
				}
			}
			defs = append(defs, def)
			fields = append(fields, fmt.Sprintf("    - {name: %s, data_categories: [%s], fides_meta: {%s}}", c, field, strings.Join(meta, ", ")))
		}
		ddl = append(ddl, "CREATE TABLE "+name+" ("+strings.Join(defs, ", ")+")")
		collections = append(collections, "  - name: "+name+"\n"+strings.Join(fields, "\n"))
	}
	yaml = "dataset:\n- fides_key: shop\n  meta:\n    lethe.version: 1\n    lethe.subjects: {customer: {collection: t0, key: id, identities: {customer_id: id}}}\n" +
		"    lethe.erase: {customer: {" + strings.Join(erase, ", ") + "}}\n    lethe.ground: {customer: {" + strings.Join(ground, ", ") + "}}\n" +
		"  collections:\n" + strings.Join(collections, "\n") + "\n"
	return ddl, yaml
}

// row is a row; nil is null.
type row map[string]any

type data map[string]map[int64]row // by table and id

func drawData(t *rapid.T, s shape) data {
	out := data{}
	ids := func(table string) *rapid.Generator[any] {
		keys := slices.Sorted(maps.Keys(out[table]))
		return rapid.Custom(func(t *rapid.T) any {
			if n := rapid.IntRange(-1, len(keys)-1).Draw(t, "id"); n >= 0 {
				return keys[n]
			}
			return nil
		})
	}
	text := rapid.SampledFrom([]any{nil, "x", "words"})
	if s.up {
		out["places"] = map[int64]row{}
		for id := range int64(rapid.IntRange(0, 3).Draw(t, "places")) {
			out["places"][id] = row{"id": id, "street": "s"}
		}
	}
	if s.below {
		out["visits"] = map[int64]row{}
		for id := range int64(rapid.IntRange(0, 4).Draw(t, "visits")) {
			out["visits"][id] = row{"id": id, "place": ids("places").Draw(t, "place")}
		}
	}
	for i := range s.tables {
		name := fmt.Sprintf("t%d", i)
		out[name] = map[int64]row{}
		for id := range int64(rapid.IntRange(0, 5).Draw(t, "rows")) {
			r := row{}
			for _, c := range s.columns(i) {
				switch {
				case c == "id":
					r[c] = id
				case c == "note", c == "secret":
					r[c] = text.Draw(t, c)
				case c == "email", c == "owner":
					r[c] = rapid.SampledFrom([]any{nil, "a@b.c", "A@b.c", "d@e.f", "ü@b.c", "Ü@b.c"}).Draw(t, c)
				case c == "doc":
					r[c] = drawDoc(t)
				case c == "place":
					r[c] = ids("places").Draw(t, c)
				case c == "parent":
					r[c] = ids(name).Draw(t, c)
				case c == "agent":
					r[c] = ids("t0").Draw(t, c)
				default:
					r[c] = ids(fmt.Sprintf("t%d", s.tables[i].refs[c[3]-'0'])).Draw(t, c)
				}
			}
			out[name][id] = r
		}
	}
	return out
}

func (d data) clone() data {
	out := data{}
	for table, rows := range d {
		out[table] = map[int64]row{}
		for id, r := range rows {
			out[table][id] = maps.Clone(r)
		}
	}
	return out
}
