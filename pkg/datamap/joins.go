package datamap

import "slices"

// Join says how rows are found from rows that were found already: those whose To fields hold the values of the From fields,
// all of On at once (a composite key has several).
type Join struct {
	From, To *Collection
	On       []Pair
	// Parent: the rows of From refer to the row found, which other people's rows may refer to as well (lethe.shared).
	// Otherwise the row found refers to a row of From.
	Parent bool
	// Identity is set where no reference but an identifier of this kind leads there; compare it in its normalised form.
	Identity string
	// Recursive: From comes at the same place or later in [Subject.Rows], for the references form a circle. Such a join is
	// repeated until it finds nothing new.
	Recursive bool
}

// Pair is a field and the one that holds the same value.
type Pair struct{ From, To *Field }

// Referring returns the fields that hold the reference, on whichever side they are; none for a join by identifier.
func (j Join) Referring() []*Field {
	if j.Identity != "" {
		return nil
	}
	var out []*Field
	for _, p := range j.On {
		if j.Parent {
			out = append(out, p.From)
		} else {
			out = append(out, p.To)
		}
	}
	return out
}

// String returns "invoice.customer_id = customer.customer_id".
func (j Join) String() string {
	s := ""
	for i, p := range j.On {
		if i > 0 {
			s += " and "
		}
		s += p.To.Label() + " = " + p.From.Label()
	}
	return s
}

// Label returns collection.field, the collection as it is named in its system.
func (f *Field) Label() string { return f.Collection.Label + "." + f.Path }

// edge is a reference with its sides told apart.
type edge struct {
	child, parent *Field
	down          bool // followed from the parent to the child
}

// join collects the system's references as joins. References to another system are identifiers, not joins.
func (s *System) join() {
	var edges []edge
	for c := range s.Collections() {
		for f := range c.All() {
			for _, ref := range f.References {
				if ref.To == nil || ref.To == f || ref.To.Collection.Dataset.System != s {
					continue
				}
				if e := newEdge(f, ref); !slices.Contains(edges, e) {
					edges = append(edges, e)
				}
			}
		}
	}
	s.joins = map[*Collection][]Join{}
	for _, group := range composite(edges) {
		j := group[0].join()
		for _, e := range group[1:] {
			j.On = append(j.On, e.join().On...)
		}
		s.joins[j.From] = append(s.joins[j.From], j)
	}
}

// newEdge tells which side refers to which. Fideslang's direction only says which way to look: from that field to this one,
// or from this one to that. The side that is its collection's key is the one referred to; where that decides nothing, the
// field that declares the reference refers. Without a direction the look goes from the row referred to, to the row that refers.
func newEdge(f *Field, ref Reference) edge {
	e := edge{child: f, parent: ref.To, down: ref.Direction != "to"}
	if f.PrimaryKey && !ref.To.PrimaryKey && (f.soleKey() || ref.Direction == "to") {
		e = edge{child: ref.To, parent: f, down: ref.Direction != "from"}
	}
	return e
}

func (f *Field) soleKey() bool {
	return f.PrimaryKey && len(f.Collection.PrimaryKey()) == 1
}

func (e edge) join() Join {
	if e.down {
		return Join{From: e.parent.Collection, To: e.child.Collection, On: []Pair{{e.parent, e.child}}}
	}
	return Join{From: e.child.Collection, To: e.parent.Collection, On: []Pair{{e.child, e.parent}}, Parent: true}
}

// composite puts the references to the several fields of one key together: one by one they would reach other people's rows.
// Where two references lead to the same part of the key it cannot tell which belong together, and leaves each alone.
func composite(edges []edge) [][]edge {
	type group struct {
		child, parent *Collection
		down          bool
	}
	parts := map[group][]edge{}
	for _, e := range edges {
		if e.parent.PrimaryKey && !e.parent.soleKey() {
			g := group{e.child.Collection, e.parent.Collection, e.down}
			parts[g] = append(parts[g], e)
		}
	}
	var out [][]edge
	done := map[group]bool{}
	for _, e := range edges {
		g := group{e.child.Collection, e.parent.Collection, e.down}
		if together := parts[g]; slices.Contains(together, e) && distinct(together) {
			if !done[g] {
				done[g] = true
				out = append(out, together)
			}
			continue
		}
		out = append(out, []edge{e})
	}
	return out
}

func distinct(edges []edge) bool {
	for i, e := range edges {
		for _, f := range edges[:i] {
			if e.parent == f.parent || e.child == f.child {
				return false
			}
		}
	}
	return true
}
