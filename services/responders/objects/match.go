package objects

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// matcher knows which values at which paths of a record belong to which dispatches of a batch.
type matcher struct {
	at   []path
	kind string // of identifier, by whose rules the values are compared; empty: as they are
	who  map[string][]int
	role role
}

// role says what a record is that a matcher finds.
type role int

const (
	theirs  role = iota // the person's
	contact             // the person's unless they signed up anew
	anew                // of a person who signed up anew, unless it is known otherwise
)

func (m *matcher) add(d int, values ...string) {
	key := strings.Join(values, "\x00")
	if m.who == nil {
		m.who = map[string][]int{}
	}
	if !slices.Contains(m.who[key], d) {
		m.who[key] = append(m.who[key], d)
	}
}

// matchers are all ways in which records of one collection are found.
type matchers []*matcher

// hits returns the dispatches whose record this is, in order, and those for which it only came anew. renewed lists dispatches
// whose person signed up anew: what is found by an address alone is not theirs.
func (ms matchers) hits(r record, renewed map[int]bool) (theirsOf, anewOf []int) {
	for _, m := range ms {
		for key := range m.keys(r) {
			for _, d := range m.who[key] {
				switch {
				case m.role == anew:
					anewOf = insert(anewOf, d)
				case m.role == contact && renewed[d]:
				default:
					theirsOf = insert(theirsOf, d)
				}
			}
		}
	}
	anewOf = slices.DeleteFunc(anewOf, func(d int) bool { return slices.Contains(theirsOf, d) })
	return theirsOf, anewOf
}

func insert(ds []int, d int) []int {
	i, found := slices.BinarySearch(ds, d)
	if found {
		return ds
	}
	return slices.Insert(ds, i, d)
}

// mostTuples bounds the combinations of a record with arrays at several paths of one key.
const mostTuples = 10_000

// keys ranges over what the record holds at the matcher's paths.
func (m *matcher) keys(r record) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(m.who) == 0 {
			return
		}
		tuples := []string{}
		for i, p := range m.at {
			values := r.values(p)
			for j, v := range values {
				values[j] = normal(m.kind, v)
			}
			if i == 0 {
				tuples = values
				continue
			}
			var longer []string
			for _, t := range tuples {
				for _, v := range values {
					if len(longer) < mostTuples {
						longer = append(longer, t+"\x00"+v)
					}
				}
			}
			tuples = longer
		}
		for _, t := range tuples {
			if !yield(t) {
				return
			}
		}
	}
}

// normal is the form in which values are compared; what is no identifier of the kind stays as it is and finds nobody.
func normal(kind, value string) string {
	if kind == "" {
		return value
	}
	id, err := dsr.Identifier{Kind: kind, Value: value}.Normalise()
	if err != nil {
		return value
	}
	return id.Value
}

// frozen is one remembered record: by path, its value as text.
type frozen map[string]string

func rowKey(label string, f frozen) (responder.RowKey, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return responder.RowKey{}, failed("remember a record of "+label, ownErrorf("it has no JSON"))
	}
	return responder.RowKey{Collection: label, Value: string(b)}, nil
}

func readRowKey(k responder.RowKey) (frozen, error) {
	var f frozen
	if err := json.Unmarshal([]byte(k.Value), &f); err != nil {
		return nil, responder.Permanent(ownErrorf("a key of %s is not one that this responder made", k.Collection))
	}
	return f, nil
}

// memory is what the first act of some dispatches remembered, by collection.
type memory map[string][]remembered

type remembered struct {
	d int
	f frozen
}

func recall(ds []responder.Dispatch, members []int) (memory, error) {
	out := memory{}
	for _, d := range members {
		for _, k := range ds[d].Keys {
			f, err := readRowKey(k)
			if err != nil {
				return nil, err
			}
			out[k.Collection] = append(out[k.Collection], remembered{d, f})
		}
	}
	return out, nil
}
