package dsr

import "time"

// AckState says how far a system is with a step. It ranks: a higher (attempt, rank) replaces a lower one.
type AckState string

// The states of an acknowledgement.
const (
	Delayed     AckState = "delayed"  // accepted, answered later: no outcome yet
	AckFailed   AckState = "failed"   // could not be done; may still be replaced by an answer
	AckAnswered AckState = "answered" // the outcome stands
)

// Rank orders states of one attempt; an unknown state ranks lowest.
func (s AckState) Rank() int16 {
	switch s {
	case AckAnswered:
		return 2
	case AckFailed:
		return 1
	}
	return 0
}

// Error codes that an acknowledgement may carry; the set is open.
const (
	CodeExpired     = "expired"     // reached the system after not_after
	CodePermanent   = "permanent"   // the system refused this subject for good
	CodeUnsupported = "unsupported" // the system cannot do this kind of request
	CodeDeadline    = "deadline"    // deferred for longer than the limit
	CodeIdentifiers = "identifiers" // the sealed identifiers could not be opened
	CodeOversize    = "oversize"    // the answer did not fit a message
)

// Counts says how many rows, objects or records a step touched in one collection.
type Counts struct {
	Found, Erased, Anonymised, Pseudonymised, Detached, Retained, Exported, Withheld int64
	Cascaded                                                                         int64 // removed by the system's own cascade
	Remaining                                                                        int64 // left after the step, where it was counted
}

// Add returns the sum of both, for collections that were acted on in more than one round. Remaining is a reading, not a sum:
// the later one stands.
func (c Counts) Add(later Counts) Counts {
	return Counts{
		Found: c.Found + later.Found, Erased: c.Erased + later.Erased, Anonymised: c.Anonymised + later.Anonymised,
		Pseudonymised: c.Pseudonymised + later.Pseudonymised, Detached: c.Detached + later.Detached,
		Retained: max(c.Retained, later.Retained), Exported: c.Exported + later.Exported, Withheld: max(c.Withheld, later.Withheld),
		Cascaded: c.Cascaded + later.Cascaded, Remaining: later.Remaining,
	}
}

// How far counts can be trusted.
const (
	CountsExact      = "exact"
	CountsLowerBound = "lower_bound" // at least so many: the effect may have happened before a crash
	CountsUnknown    = "unknown"
)

// Collection is the outcome in one collection of one system.
type Collection struct {
	Name          string
	Categories    []string // data categories of the data map
	Outcome       Outcome
	Counts        Counts
	CountQuality  string // CountsExact, CountsLowerBound or CountsUnknown; empty means exact
	Method        string // how it was done: delete, mask, count …
	MethodVersion string
	Ground        *Ground    // why it stays, where it does
	Until         *time.Time // until when it stays
	Restricted    string     // how use of what stays is limited to its ground; empty: not limited
	AssessmentRef string     // the examined anonymisation, for Anonymised
	PhysicalBy    *time.Time // when the erasure becomes physical
	Note          string
}

// Part is one exported file in the export store.
type Part struct {
	System     string
	Collection string
	Path       string // key in the export store
	MediaType  string
	SHA256     []byte
	SizeBytes  int64
	Records    int64
}

// Acknowledgement is what one system answers for one step, with its evidence.
type Acknowledgement struct {
	Key
	Kind    Kind
	Attempt int32
	State   AckState
	AckID   string // stable over redelivery, the ce_id of the message

	Collections     []Collection
	IdentifierKinds []string // the kinds that were searched with
	SealedResolved  []byte   // phase resolve: identifiers learnt, sealed; see package sealing
	ResolvedKinds   []string // their kinds, and none that was not found
	SealedKeys      []byte   // keys of the person's rows, sealed, for every later look
	KeyID           string
	Parts           []Part

	SystemVersion  string // of the responder
	EvidenceSHA256 []byte
	PhysicalBy     *time.Time // when the erasure becomes physical
	FirstAt        time.Time  // when the step was first claimed
	DoneAt         time.Time  // when it was settled
	DelayedUntil   time.Time  // state delayed: when the system is asked again at the latest
	ErrorCode      string     // a word, never a message: messages may hold personal data
	ErrorClass     string
	Resumed        bool // an earlier try may have acted already
	AttestedBy     string
	AttestationRef string

	// What follows repeats the dispatch, where the responder says so; MapHash and AsOf may be its own.
	Systems         []string
	Scope           *Scope
	Number          int32
	MapHash         []byte // the responder's own map; it may differ from the coordinator's, and the record says so
	AsOf            time.Time
	NotAfter        time.Time
	Priority        int32
	ParentRequestID RequestID
	Instance        string
	Environment     string
	TraceID         string // hexadecimal, of the span under which the step was worked
	Signature       []byte
}

// Found is the sum of what the step found in all collections.
func (a Acknowledgement) Found() int64 {
	var n int64
	for _, c := range a.Collections {
		n += c.Counts.Found
	}
	return n
}

// Remaining is the sum of what a look found left in all collections.
func (a Acknowledgement) Remaining() int64 {
	var n int64
	for _, c := range a.Collections {
		n += c.Counts.Remaining
	}
	return n
}

// Outcome is the worst outcome of the acknowledgement's collections.
func (a Acknowledgement) Outcome() Outcome {
	if a.State == AckFailed {
		if a.ErrorCode == CodeUnsupported {
			return Unsupported
		}
		return Failed
	}
	os := make([]Outcome, len(a.Collections))
	for i, c := range a.Collections {
		os[i] = c.Outcome
	}
	return Worst(os...)
}
