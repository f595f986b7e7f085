package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// Free text may name a person anywhere, and no mask can tell where. So what is known of a person (the identifiers at hand, and what the
// erasure takes from the person's own row: names, ways of contact and the like) is searched for in the columns that the map lists
// (lethe.free_text): by the act in the person's rows that stay, by the look in everybody's. What is found is said, in numbers, and is for a
// person to read: it is no remainder that another round would erase. The values travel sealed with the keys of the rows.

// freeText are the columns of free text of one table.
type freeText struct {
	coll   *datamap.Collection
	table  *table
	key    []*column
	fields []*column
}

// finding names what was found: a value of a kind in a column.
type finding struct{ field, kind string }

// finds counts rows by what was found in them.
type finds map[finding]int64

// knownValue is one value of a person, under the kind of the identifier or the data category of the column that held it. A value that is
// too short to be searched for is empty.
type knownValue struct {
	Kind  string `json:"k"`
	Value string `json:"v"`
}

const (
	knownCollection = "lethe.free_text" // among the keys of rows
	knownMost       = 50                // values remembered of one person
	knownLongest    = 200               // characters; what is longer is not searched for
	knownShortest   = 4                 // characters; what is shorter stands in too many texts
	knownDigits     = 6                 // the same where all are digits
)

// telling are the data categories whose values point at one person. A city or a country does not.
var (
	telling    = []string{"user.name", "user.contact", "user.account.username", "user.government_id"}
	nonTelling = []string{"user.contact.address.city", "user.contact.address.country", "user.contact.address.state", "user.contact.address.postal_code"}
)

// texts plans the search.
func (b *planner) texts(p *plan, s *datamap.Subject) {
	for _, f := range s.FreeText {
		t := b.table(f.Collection)
		if t == nil {
			continue // reported
		}
		c, ok := t.column(f.Name)
		if !ok {
			continue // reported
		}
		if _, any := b.d.(lite); !any && c.class != text {
			b.at(f.Pos, "%s has type %s: free text is searched in columns of text", f.Label(), c.typ)
			continue
		}
		at := slices.IndexFunc(p.texts, func(x *freeText) bool { return x.coll == f.Collection })
		if at < 0 {
			b.hides(f.Collection, t)
			x := &freeText{coll: f.Collection, table: t, key: b.d.rowKey(t)}
			if len(x.key) == 0 {
				b.at(f.Collection.Pos, "table %s has no primary key: its rows cannot be told apart", nameOf(b.d, f.Collection))
				continue
			}
			p.texts = append(p.texts, x)
			at = len(p.texts) - 1
		}
		p.texts[at].fields = append(p.texts[at].fields, c)
	}
	for _, r := range p.sets {
		for _, x := range p.texts {
			if x.coll == r.rows.Collection {
				r.texts = x
			}
		}
	}
}

// examined reports whether rows of the set stay in which free text is searched.
func (r *rowset) examined() bool {
	return r.texts != nil && r.rows.Policy != "" && (r.rows.Policy != datamap.Delete || r.up)
}

// learn remembers, before the first act changes anything, what is known of each person from their own rows.
func (b *batch) learn(ctx context.Context, p *plan) error {
	if len(p.texts) == 0 {
		return nil
	}
	for _, r := range p.sets {
		fields, kinds := r.tells()
		if !b.made[r] || len(fields) == 0 {
			continue
		}
		cols := make([]string, len(fields))
		values := make([]*string, len(fields))
		var d int
		dest := []any{&d}
		for i, c := range fields {
			cols[i] = p.d.text("t." + p.d.quote(c.name))
			dest = append(dest, &values[i])
		}
		err := b.db.read(ctx, func(row scanner) error {
			if err := row.Scan(dest...); err != nil || len(b.ds[d].Keys) > 0 {
				return err // those of the first act stay with the request
			}
			for i, v := range values {
				if v == nil || strings.TrimSpace(*v) == "" {
					continue
				}
				if err := b.know(d, knownValue{kinds[i], searchable(*v)}); err != nil {
					return err
				}
			}
			return nil
		}, fmt.Sprintf("SELECT DISTINCT x.d, %s FROM %s AS x %s %s AS t ON %s WHERE x.g = 0 AND x.s = 0", strings.Join(cols, ", "), p.d.temporaryName(r.name), p.d.join(), p.tableName(r.table), r.sameKey("x", "t")))
		if err != nil {
			return failed("remember what is known of the people in "+r.label(), err)
		}
	}
	return nil
}

// tells lists the columns of the person's own row whose values the erasure takes away and which point at the person.
func (r *rowset) tells() (fields []*column, kinds []string) {
	if !r.rows.Root {
		return nil, nil
	}
	for _, f := range r.rows.Collection.Fields {
		c, ok := r.table.column(f.Name)
		gone := r.rows.Policy == datamap.Delete || slices.ContainsFunc(r.masks, func(m mask) bool { return m.col == c && m.in == nil })
		if !ok || c.class != text || !gone {
			continue
		}
		for _, k := range f.Categories() {
			below := func(wide string) bool { return k == wide || strings.HasPrefix(k, wide+".") }
			if slices.ContainsFunc(telling, below) && !slices.ContainsFunc(nonTelling, below) {
				fields, kinds = append(fields, c), append(kinds, k)
				break
			}
		}
	}
	return fields, kinds
}

// searchable is the value as it is searched for; empty: it is not.
func searchable(v string) string {
	v = strings.TrimSpace(v)
	n := len([]rune(v))
	if n < knownShortest || n > knownLongest || n < knownDigits && strings.Trim(v, "0123456789") == "" {
		return ""
	}
	return v
}

func (b *batch) know(d int, k knownValue) error {
	value, err := json.Marshal(k)
	if err != nil {
		return err
	}
	key := responder.RowKey{Collection: knownCollection, Value: string(value)}
	have := 0
	for _, o := range b.keys[d] {
		if o == key {
			return nil
		}
		if o.Collection == knownCollection {
			have++
		}
	}
	if have < knownMost {
		b.keys[d] = append(b.keys[d], key)
	}
	return nil
}

// knownOf collects what is known of the people of some dispatches, and the kinds of which a value is too short or too long.
func knownOf(ds []responder.Dispatch, members []int, learnt [][]responder.RowKey) (list, map[int][]string, error) {
	l, unsearched := newList(3), map[int][]string{}
	for _, d := range members {
		var all []knownValue
		for _, id := range ds[d].Identifiers {
			all = append(all, knownValue{id.Kind, searchable(id.Value)})
		}
		keys := ds[d].Keys
		if len(keys) == 0 && learnt != nil {
			keys = learnt[d]
		}
		for _, key := range keys {
			if key.Collection != knownCollection {
				continue
			}
			var k knownValue
			if err := json.Unmarshal([]byte(key.Value), &k); err != nil {
				return l, nil, responder.Permanent(ownErrorf("a known value is not one that this responder wrote"))
			}
			all = append(all, k)
		}
		for _, k := range all {
			if k.Value == "" {
				if !slices.Contains(unsearched[d], k.Kind) {
					unsearched[d] = append(unsearched[d], k.Kind)
				}
				continue
			}
			lower := strings.ToLower(k.Value)
			l.add(d, &k.Kind, &lower, &k.Value)
		}
	}
	return l, unsearched, nil
}

// query counts rows by dispatch, column and kind of what is found in them. rows is what stands before the list in the FROM clause, with
// the table as t; which narrows it.
func (x *freeText) query(p *plan, rows, which string) string {
	var parts []string
	keys := make([]string, len(x.key))
	for i, c := range x.key {
		keys[i] = fmt.Sprintf("t.%s AS k%d", p.d.quote(c.name), i)
	}
	for n, c := range x.fields {
		v := p.d.text("t." + p.d.quote(c.name))
		parts = append(parts, fmt.Sprintf("SELECT DISTINCT i.d AS d, %d AS what, i.v0 AS kind, %s FROM %s %s known AS i ON %s(%s OR %s)", n, strings.Join(keys, ", "),
			rows, p.d.join(), which, p.d.contains("lower("+v+")", "i.v1"), p.d.contains(v, "i.v2")))
	}
	return fmt.Sprintf("WITH known AS %s(SELECT i.d AS d, i.v0 AS v0, i.v1 AS v1, i.v2 AS v2 FROM %s)\nSELECT o.d, o.what, o.kind, count(*) FROM (%s) AS o GROUP BY o.d, o.what, o.kind",
		p.d.materialised(), p.d.list(1, "i", 3), strings.Join(parts, "\nUNION ALL "))
}

func (x *freeText) read(ctx context.Context, q reader, p *plan, l list, rows, which string, found func(d int, f finding, n int64)) error {
	args, err := p.d.listArgs(l)
	if err != nil {
		return err
	}
	return failed("search the free text of "+x.coll.Label, q.read(ctx, func(row scanner) error {
		var d, what int
		var f finding
		var n int64
		if err := row.Scan(&d, &what, &f.kind, &n); err != nil {
			return err
		}
		f.field = x.fields[what].name
		found(d, f, n)
		return nil
	}, x.query(p, rows, which), args...))
}

// inspect reads what the lines say of rows that stay, once they are what they are to be.
func (b *batch) inspect(ctx context.Context, r *rowset, members []int, out *answers) error {
	if err := b.age(ctx, r, out); err != nil {
		return err
	}
	return b.examine(ctx, r, members, out)
}

// examine searches the rows of a set that stay.
func (b *batch) examine(ctx context.Context, r *rowset, members []int, out *answers) error {
	if !r.examined() || !b.made[r] {
		return nil
	}
	l, unsearched, err := knownOf(b.ds, members, b.keys)
	if err != nil {
		return err
	}
	which := "i.d = x.d AND x.g = 0 AND "
	if r.rows.Policy == datamap.Delete {
		which += "x.s = 1 AND "
	}
	rows := fmt.Sprintf("%s AS x %s %s AS t ON %s", r.p.d.temporaryName(r.name), r.p.d.join(), r.p.tableName(r.table), r.sameKey("x", "t"))
	for d, kinds := range unsearched {
		out.tally(d, r).unsearched = kinds
	}
	return r.texts.read(ctx, b.db, r.p, l, rows, which, func(d int, f finding, n int64) {
		t := out.tally(d, r)
		if t.finds == nil {
			t.finds = finds{}
		}
		t.finds[f] += n
	})
}

// written and readFinds put finds into the form in which one chunk leaves them to the next.
func (f finds) written() map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for k, n := range f {
		if out[k.field] == nil {
			out[k.field] = map[string]int64{}
		}
		out[k.field][k.kind] = n
	}
	return out
}

func readFinds(w map[string]map[string]int64) finds {
	out := finds{}
	for field, kinds := range w {
		for kind, n := range kinds {
			out[finding{field, kind}] = n
		}
	}
	return out
}

// say names what was found, and what a person has to do about it.
func (f finds) say(c *dsr.Collection, whose string) {
	if len(f) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(f), func(a, b finding) int { return strings.Compare(a.field+"\n"+a.kind, b.field+"\n"+b.kind) })
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s in %s (rows: %d)", k.kind, k.field, f[k])
	}
	note(c, "free text of "+whose+" still holds what is known of the person: "+strings.Join(parts, ", ")+"; a person has to read these rows and take it out where it means this person")
}

// sayUnsearched names the kinds of which a value was not searched for.
func sayUnsearched(c *dsr.Collection, kinds []string) {
	if len(kinds) > 0 {
		note(c, fmt.Sprintf("free text was not searched for values with fewer than %d characters, %d digits alone or more than %d characters: %s",
			knownShortest, knownDigits, knownLongest, strings.Join(kinds, ", ")))
	}
}
