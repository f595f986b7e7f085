package dsr

import "time"

// Phase is the step of a request that a message belongs to: an open string on the wire.
type Phase string

// The phases of this build.
const (
	Resolve Phase = "resolve" // turn identifiers into other kinds
	Act     Phase = "act"     // erase or export
	Verify  Phase = "verify"  // look again; reads only
	Package Phase = "package" // assemble the export
)

// Packager is the name under which the packager answers in phase [Package].
const Packager = "lethe.packager"

// Key names one step of one request in one system. Every effect and every acknowledgement is idempotent on it.
type Key struct {
	Tenant    string
	RequestID RequestID
	System    string
	Phase     Phase
	Round     int32 // counts from 1 in each phase
}

// Dispatch is a request as the coordinator sends it to the systems named in Systems; all others skip it without answering.
type Dispatch struct {
	Tenant     string
	RequestID  RequestID
	Kind       Kind
	Phase      Phase
	Round      int32
	Attempt    int32
	Systems    []string // the addressees
	SubjectRef string   // PRF of the SubjectRef and the request id: links nothing beyond this request
	Capacity   string
	Regulation string
	Scope      *Scope

	SealedIdentifiers []byte // AEAD, associated data request id and phase; see package sealing
	KeyID             string
	SealedKeys        []SealedKeys // what each system froze in its first act, passed on unopened
	Want              []string     // phase resolve: the kinds of identifier asked for
	Parts             []Part       // phase package: what to assemble
	Delivery          *Delivery
	Pending           []Line // phase package: the lines of systems that gave no parts, for the package's cover page

	MapHash         []byte
	ReceivedAt      time.Time
	DispatchedAt    time.Time
	AsOf            time.Time // data written after this instant is found by the look, not by this act
	NotAfter        time.Time // past it nothing is done, and `failed` with the error code `expired` is answered
	Priority        int32
	ParentRequestID RequestID
	DispatchID      string // stable over redelivery, the ce_id of the message
	AckID           string // the acknowledgement that this dispatch follows up: a redriven failure, a find; empty where there is none
	Number          int32  // of the completion record that the step works towards: 0 for the first, higher once reopened
	Instance        string
	Environment     string
	Signature       []byte
}

// SealedKeys holds the keys of the person's rows in one system, sealed by that system's responder.
type SealedKeys struct {
	System string
	Value  []byte
}

// Addresses reports whether the dispatch is meant for system.
func (d Dispatch) Addresses(system string) bool {
	for _, s := range d.Systems {
		if s == system {
			return true
		}
	}
	return false
}

// KeyFor returns the step that the dispatch asks of system.
func (d Dispatch) KeyFor(system string) Key {
	return Key{Tenant: d.Tenant, RequestID: d.RequestID, System: system, Phase: d.Phase, Round: d.Round}
}

// Expired reports whether nothing may be done for the dispatch any more.
func (d Dispatch) Expired(at time.Time) bool { return !d.NotAfter.IsZero() && at.After(d.NotAfter) }

// Line names a system and its outcome, where no more is needed.
type Line struct {
	System  string
	Outcome Outcome
}
