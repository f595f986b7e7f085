package sql

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// unsought lists the kinds of identifier by which rows of a set are the person's and that nothing supplies: neither the dispatch has one nor the
// person's rows. Rows that such an identifier alone names are not found, whatever else of the set is.
func (r *rowset) unsought(kinds []string, reachable map[*rowset]bool) []string {
	if r.rows.Root || !reachable[r] {
		return nil // another row of a person's own by another identifier is another registration; the line of what is not reachable says so
	}
	var out []string
	for _, e := range r.entries {
		supplied := func(v *via) bool {
			return reachable[v.from] && (v.identity == e.kind || slices.ContainsFunc(v.on, func(o pair) bool { return o.to == e.col }))
		}
		if e.shared || slices.Contains(kinds, e.kind) || slices.Contains(out, e.kind) || r.owned(e, reachable) || slices.ContainsFunc(r.vias, supplied) {
			continue
		}
		out = append(out, e.kind)
	}
	return out
}

func (r *rowset) owned(e entry, reachable map[*rowset]bool) bool {
	return r.table.distinct([]*column{e.col}) && slices.ContainsFunc(r.vias, func(v *via) bool {
		return v.identity == "" && !v.parent && reachable[v.from] && !slices.ContainsFunc(v.on, func(o pair) bool { return o.to.nullable })
	})
}

// sayUnsought makes a line of rows of which only some could be searched for what it is: not searched, whatever was found.
func sayUnsought(c *dsr.Collection, kinds []string) {
	if len(kinds) > 0 {
		c.Outcome = dsr.NotSearched
		note(c, "rows that name the person by "+strings.Join(kinds, " or ")+" alone are not searched: none is at hand")
	}
}
