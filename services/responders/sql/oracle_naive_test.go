package sql_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// reached is what one person's rows are, by table.
type reached map[string]map[int64]bool

func (r reached) add(table string, id int64) bool {
	if r[table] == nil {
		r[table] = map[int64]bool{}
	}
	new := !r[table][id]
	r[table][id] = true
	return new
}

func folded(v any) string {
	s, _ := v.(string)
	return strings.ToLower(s)
}

// reach finds a person's rows: first whoever is named, then again and again whatever hangs on a row that was found.
func (s shape) reach(d data, ids []dsr.Identifier) reached {
	out := reached{}
	named := func(v any) bool {
		return v != nil && slices.ContainsFunc(ids, func(i dsr.Identifier) bool { return i.Kind == dsr.Email && i.Value == folded(v) })
	}
	for id, r := range d["t0"] {
		if named(r["email"]) || slices.Contains(ids, customer(fmt.Sprint(id))) {
			out.add("t0", id)
		}
	}
	for again := true; again; {
		again = false
		for i, tab := range s.tables {
			name := fmt.Sprintf("t%d", i)
			for id, r := range d[name] {
				found := false
				for _, owner := range append(docOwners(r["doc"]), r["owner"]) {
					found = found || tab.email && named(owner)
					for root := range out["t0"] {
						found = found || tab.email && owner != nil && folded(d["t0"][root]["email"]) == folded(owner)
					}
				}
				for n, to := range tab.refs {
					if v, ok := r[fmt.Sprintf("ref%d", n)].(int64); ok {
						found = found || out[fmt.Sprintf("t%d", to)][v]
					}
				}
				if v, ok := r["parent"].(int64); ok {
					found = found || out[name][v]
				}
				if found && out.add(name, id) {
					again = true
				}
			}
		}
	}
	for root := range out["t0"] {
		if v, ok := d["t0"][root]["place"].(int64); ok {
			out.add("places", v)
		}
	}
	return out
}

// naive erases a batch row by row and returns the counts of each dispatch by table.
func (s shape) naive(d data, batch []responder.Dispatch) []map[string]dsr.Counts {
	counts := make([]map[string]dsr.Counts, len(batch))
	reach := make([]reached, len(batch))
	for i, ask := range batch {
		counts[i], reach[i] = map[string]dsr.Counts{}, s.reach(d, ask.Identifiers)
	}
	before := d.clone()
	first := func(table string, id int64) int {
		return slices.IndexFunc(reach, func(r reached) bool { return r[table][id] })
	}
	count := func(i int, table string, f func(*dsr.Counts)) {
		c := counts[i][table]
		f(&c)
		counts[i][table] = c
	}
	for n := range s.tables { // references that are cut
		name := fmt.Sprintf("t%d", n)
		for id, r := range before[name] {
			if v, ok := r["agent"].(int64); ok && first("t0", v) >= 0 {
				d[name][id]["agent"] = nil
				owner := first("t0", v)
				count(owner, name, func(c *dsr.Counts) {
					c.Detached++
					if !reach[owner][name][id] { // or it is found below
						c.Found++
					}
				})
			}
		}
	}
	for n, tab := range s.tables {
		name := fmt.Sprintf("t%d", n)
		for id, r := range before[name] {
			owner := first(name, id)
			if owner < 0 {
				continue
			}
			bare := r["note"] != nil && r["note"] != "x" || r["secret"] != nil || n == 0 && r["place"] != nil || docMasked(r["doc"]) != r["doc"]
			for k := range tab.refs {
				bare = bare || tab.cut && r[fmt.Sprintf("ref%d", k)] != nil
			}
			for i := range batch {
				if !reach[i][name][id] {
					continue
				}
				count(i, name, func(c *dsr.Counts) {
					c.Found++
					switch {
					case tab.policy == "keep":
						c.Retained++
					case tab.policy == "delete" && i == owner:
						c.Erased++
					case tab.policy == "anonymise" && (i == owner || !bare):
						c.Pseudonymised++
					}
				})
			}
			switch tab.policy {
			case "delete":
				delete(d[name], id)
			case "anonymise":
				now := d[name][id]
				if now["note"] != nil {
					now["note"] = "x"
				}
				now["secret"] = nil
				if tab.doc {
					now["doc"] = docMasked(now["doc"])
				}
				if n == 0 && s.up {
					now["place"] = nil
				}
				for k := range tab.refs {
					if tab.cut {
						now[fmt.Sprintf("ref%d", k)] = nil
					}
				}
			}
		}
	}
	for id := range before["places"] {
		owner := first("places", id)
		if owner < 0 {
			continue
		}
		shared := false
		for root, r := range before["t0"] {
			shared = shared || r["place"] == id && first("t0", root) < 0
		}
		for i := range batch {
			if reach[i]["places"][id] {
				count(i, "places", func(c *dsr.Counts) {
					c.Found++
					if shared {
						c.Retained++
					} else if i == owner {
						c.Erased++
					}
				})
			}
		}
		if shared {
			continue // and what hangs on it is not this person's
		}
		delete(d["places"], id)
		for visit, r := range before["visits"] {
			if r["place"] != id {
				continue
			}
			delete(d["visits"], visit)
			for i := range batch {
				if reach[i]["places"][id] {
					count(i, "visits", func(c *dsr.Counts) {
						c.Found++
						if i == owner {
							c.Erased++
						}
					})
				}
			}
		}
	}
	return counts
}
