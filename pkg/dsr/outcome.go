package dsr

// Outcome is what became of one collection in one system. The set is closed; on the wire it is an open string, so that a new
// word does not break an old reader.
type Outcome string

// The outcomes. Only the coordinator writes NoAnswer; a system that could not look never says NotFound.
const (
	Erased     Outcome = "erased"     // removed, unreadable by any application or admin path
	Anonymised Outcome = "anonymised" // masked, with a referenced assessment, nothing linkable left
	Detached   Outcome = "detached"   // the reference to the person was removed from somebody else's row
	NotFound   Outcome = "not_found"  // looked in every mapped field: 0
	Attested   Outcome = "attested"   // declared by a named role, no machine evidence

	Retained      Outcome = "retained"      // unchanged, with ground, law, until and limitation
	Pseudonymised Outcome = "pseudonymised" // masked but still linkable: the same four
	Withheld      Outcome = "withheld"      // not exported: Art. 15(4), 20(4) or a named law

	NotSearched Outcome = "not_searched" // no usable identifier, index or replica
	Unsupported Outcome = "unsupported"
	Failed      Outcome = "failed"
	NoAnswer    Outcome = "no_answer"

	Exported   Outcome = "exported"
	OutOfScope Outcome = "out_of_scope" // Art. 20 only: inferred data, other basis; no defect
)

// Group sorts the outcomes by what they mean for the result.
type Group int

// The groups, from best to worst.
const (
	GroupDone      Group = iota + 1 // the line is closed
	GroupRemainder                  // something stays, lawfully
	GroupOpen                       // the line is open: never complete
)

var outcomeOrder = [...]Outcome{ // from best to worst: a system shows its worst
	NotFound, OutOfScope, Exported, Erased, Anonymised, Detached, Attested,
	Withheld, Pseudonymised, Retained,
	NotSearched, Unsupported, Failed, NoAnswer,
}

func (o Outcome) rank() int {
	for i, w := range outcomeOrder {
		if w == o {
			return i
		}
	}
	return len(outcomeOrder) // an unknown word is worse than every known one
}

// Valid reports whether o is one of the words above.
func (o Outcome) Valid() bool { return o.rank() < len(outcomeOrder) }

// Group returns the group of o. An unknown word counts as open.
func (o Outcome) Group() Group {
	switch r := o.rank(); {
	case r < Withheld.rank():
		return GroupDone
	case r < NotSearched.rank():
		return GroupRemainder
	}
	return GroupOpen
}

// Worse reports whether o is worse than p.
func (o Outcome) Worse(p Outcome) bool { return o.rank() > p.rank() }

// Worst returns the worst of the outcomes, NotSearched for none: a system without a line was not searched.
func Worst(os ...Outcome) Outcome {
	if len(os) == 0 {
		return NotSearched
	}
	w := os[0]
	for _, o := range os[1:] {
		if o.Worse(w) {
			w = o
		}
	}
	return w
}

// Result is the answer to a whole request.
type Result string

// The results. Precedence: incomplete over partial over complete over nothing_found; refused and withdrawn stand alone.
const (
	Complete      Result = "complete"
	Partial       Result = "partial"
	Incomplete    Result = "incomplete"
	NothingFound  Result = "nothing_found"
	RefusedResult Result = "refused"
	Withdrawn     Result = "withdrawn"
)

// ExitCode is what `lethe request --wait` ends with.
func (r Result) ExitCode() int {
	switch r {
	case Complete:
		return 0
	case Partial:
		return 3
	case Incomplete:
		return 4
	case NothingFound:
		return 6
	case RefusedResult:
		return 7
	case Withdrawn:
		return 8
	}
	return 1
}

// ExitRejected is what `lethe request --wait` ends with when the request was rejected.
const ExitRejected = 5
