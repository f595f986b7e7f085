package datamap

// Subject is a kind of person whom one can ask about in a system, with everything of theirs that the map reaches there.
type Subject struct {
	Kind   string // customer, employee …; a request calls it capacity
	System *System
	Roots  []Root // where the person's own row is; one for each dataset that declares the kind
	// Rows are the collections that hold rows of the person, in an order in which they can be found: each by an identifier or
	// by rows found before it (see Join.Recursive for the exception).
	Rows []*Rows
	// Detach are the references to set to null before anything is deleted, mostly in rows that are somebody else's.
	Detach []Detach
	// Order has the same elements as Rows in the order of erasure: what refers comes before what it refers to. Members of a
	// circle of references stand where they can't do better; Cycles names them.
	Order  []*Rows
	Cycles [][]string // circles of references among rows that are to be deleted, by label
	// FreeText are columns of free text, in whose rows, whosever they are, values of the person are searched for (lethe.free_text).
	FreeText []*Field

	after map[*Rows][]constraint // why a collection waits in Order
}

// Rows are the rows of one collection that are the person's.
type Rows struct {
	Collection *Collection
	Root       bool       // the person's own row
	Entries    []Identity // identifiers by which the rows are found directly
	Via        []Join     // how they are found from other rows; the rows found over all of them together are the person's
	Policy     Policy     // empty: the map does not say
	Shared     Policy     // Keep or Anonymise: for rows reached as a parent that another person's rows refer to as well
	Ground     *Ground    // why rows stay; nil: not declared
	Assessment string     // the examined anonymisation, a reference; empty: none, so that masked rows are pseudonymised
	Export     bool       // part of what an access or portability request hands over
	Exclude    []*Field   // left out of an export

	policyAt Pos
}

// Detach is a reference to the person's rows that is set to null.
type Detach struct {
	Field *Field
	Join  Join // from the person's rows to those that refer to them; of a composite key only Field is set to null
}

// Masked returns the fields that an anonymisation rewrites.
func (r *Rows) Masked() []*Field {
	var out []*Field
	for f := range r.Collection.All() {
		if f.Mask != nil && f.Mask.Strategy != Preserve {
			out = append(out, f)
		}
	}
	return out
}

// Of returns the person's rows in a collection.
func (s *Subject) Of(c *Collection) (*Rows, bool) {
	for _, r := range s.Rows {
		if r.Collection == c {
			return r, true
		}
	}
	return nil, false
}
