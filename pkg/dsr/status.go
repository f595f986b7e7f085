package dsr

import "time"

// State is how far a request is, for people who follow it.
type State string

// The states that a request passes through, forward only; Reopened follows Sealed when a late acknowledgement comes.
const (
	Held      State = "held"      // kept back: identity doubted, not verified, not approved
	Resolving State = "resolving" // asking systems for further identifiers
	Waiting   State = "waiting"   // at the gate, for an earlier request of the same person
	Acting    State = "acting"
	Settling  State = "settling" // every system answered; waiting before the look
	Verifying State = "verifying"
	Packaging State = "packaging"
	Sealed    State = "sealed"
	Reopened  State = "reopened"
)

// Status is the full state of a request at one version; a reader keeps the highest version and ignores the rest.
type Status struct {
	Tenant     string
	RequestID  RequestID
	Version    int64
	State      State
	Kind       Kind
	SubjectRef string
	Phase      Phase
	Round      int32
	Systems    []SystemStatus
	WaitsFor   RequestID
	Reasons    []string

	ReceivedAt time.Time
	AdmittedAt time.Time
	UpdatedAt  time.Time
	DueAt      time.Time
	NextAt     time.Time // the next instant at which the coordinator acts by itself; zero: none

	Result      Result // only once sealed
	RecordID    string
	Number      int32
	Environment string
}

// SystemStatus is one frozen system in a [Status].
type SystemStatus struct {
	Name    string
	Phase   Phase
	Round   int32
	State   string // expected, delayed, answered, failed, no_answer, not_searched
	Outcome Outcome
	At      time.Time
}

// Rejection tells the sender why a message on the intake was not taken. It never holds the value.
type Rejection struct {
	RequestID RequestID // empty where it is missing, unreadable or belongs to an honest other message
	Tenant    string
	Kind      Kind
	Reason    string // one of the Reason words
	Message   string // for a person; no personal data
	Topic     string
	Partition int32
	Offset    int64
	SHA256    []byte // of the message's value
	// ReceivedAt and DueAt are set where the message could be read so far: the person is still owed an answer.
	ReceivedAt, DueAt time.Time
	RejectedAt        time.Time
	Environment       string
}

// Why a message on the intake is rejected.
const (
	ReasonUndecodable     = "undecodable"
	ReasonUnknownSchema   = "unknown_schema"
	ReasonRequestID       = "request_id"
	ReasonKind            = "kind"
	ReasonIdentifiers     = "identifiers"      // none, unusable, or not to be opened
	ReasonClear           = "clear_refused"    // identifiers in clear where that is not switched on
	ReasonReceivedAt      = "received_at"      // in the future or before the floor
	ReasonScope           = "scope"            // an unknown system
	ReasonCapacity        = "capacity"         // not a subject of the data map
	ReasonRegulation      = "regulation"       // no rule for it
	ReasonEstablishment   = "establishment"    // not configured
	ReasonConflict        = "conflict"         // the same request id with other content
	ReasonField           = "field"            // a field out of its range
	ReasonTooManyIdentity = "identifier_count" // more identifiers than accepted
)

// Completion carries a sealed completion record.
type Completion struct {
	Tenant      string
	RequestID   RequestID
	RecordID    string
	Number      int32
	Type        string // record or addendum
	Kind        Kind
	Result      Result
	SealedAt    time.Time
	Envelope    []byte // the DSSE envelope, JSON
	SHA256      []byte // of Envelope
	Environment string
}
