package datamap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/datamap"
)

// randomEdge is a reference from table child to table parent, in the direction in which rows are looked for.
type randomEdge struct {
	child, parent int
	down          bool
}

// TestReachAndOrder holds random schemas against a naive model: what is reached, that everything can be found from what was found before,
// and that rows that refer are erased before the rows they refer to wherever that is possible.
func TestReachAndOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(rt, "tables")
		edges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) randomEdge {
			return randomEdge{rapid.IntRange(0, n-1).Draw(t, "child"), rapid.IntRange(0, n-1).Draw(t, "parent"), rapid.Bool().Draw(t, "down")}
		}), 0, 10).Draw(rt, "edges")
		deleted := make([]bool, n)
		var policies []string
		for i := range deleted {
			deleted[i] = rapid.Bool().Draw(rt, "deleted")
			policies = append(policies, fmt.Sprintf("t%d: %s", i, map[bool]string{true: "delete", false: "keep"}[deleted[i]]))
		}
		s := randomSubject(rt, n, edges, strings.Join(policies, ", "))
		reached := map[int]bool{0: true}
		for range n {
			for _, e := range edges {
				from, to := e.parent, e.child
				if !e.down {
					from, to = to, from
				}
				if reached[from] {
					reached[to] = true
				}
			}
		}
		if len(reached) != len(s.Rows) {
			rt.Fatalf("%d collections, want %d", len(s.Rows), len(reached))
		}
		for i, r := range s.Rows {
			findable := len(r.Entries) > 0
			for _, j := range r.Via {
				from := slices.IndexFunc(s.Rows, func(o *datamap.Rows) bool { return o.Collection == j.From })
				if j.Recursive != (from >= i) {
					rt.Fatalf("%s: recursive is %v", j, j.Recursive)
				}
				findable = findable || !j.Recursive
			}
			if !findable {
				rt.Fatalf("%s can't be found from what stands before it", r.Collection.Label)
			}
		}
		place := map[int]int{}
		for i, r := range s.Order {
			var table int
			if _, err := fmt.Sscanf(r.Collection.Name, "t%d", &table); err != nil {
				rt.Fatal(err)
			}
			place[table] = i
		}
		if len(place) != len(s.Rows) {
			rt.Fatal("the order is no permutation")
		}
		counts := func(e randomEdge) bool {
			return reached[e.child] && reached[e.parent] && deleted[e.parent] && e.child != e.parent
		}
		waits := waiting(n, edges, counts)
		circles := false
		for i := range n {
			circles = circles || waits[i][i]
		}
		for _, e := range edges {
			if counts(e) && !waits[e.child][e.parent] && place[e.child] > place[e.parent] {
				rt.Fatalf("t%d is erased before t%d, which refers to it", e.parent, e.child)
			}
		}
		if circles != (len(s.Cycles) > 0) {
			rt.Fatalf("circles %v, said %v", circles, s.Cycles)
		}
	})
}

func randomSubject(rt *rapid.T, n int, edges []randomEdge, policies string) *datamap.Subject {
	var tables strings.Builder
	for i := range n {
		fmt.Fprintf(&tables, "t%d: id* email", i)
		for k, e := range edges {
			if e.child == i {
				fmt.Fprintf(&tables, " f%d%st%d.id", k, map[bool]string{true: ">", false: "<"}[e.down], e.parent)
			}
		}
		tables.WriteByte('\n')
	}
	meta := `lethe.subjects: {customer: {collection: t0, key: id, identities: {email: email}}}, lethe.erase: {customer: {` + policies + `}}`
	m, err := datamap.Parse(datamap.File{Name: "map.yml", Data: []byte(schema("d", meta, tables.String()))})
	if err != nil {
		rt.Fatal(err)
	}
	m.Check()
	s, _ := m.Systems[0].Subject("customer")
	return s
}

// waiting says, by transitive closure, which table waits for which.
func waiting(n int, edges []randomEdge, counts func(randomEdge) bool) [][]bool {
	w := make([][]bool, n)
	for i := range w {
		w[i] = make([]bool, n)
	}
	for _, e := range edges {
		if counts(e) {
			w[e.parent][e.child] = true
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				w[i][j] = w[i][j] || w[i][k] && w[k][j]
			}
		}
	}
	return w
}
