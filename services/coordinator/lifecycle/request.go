package lifecycle

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// ID names a request inside the coordinator: request ids are unique within a tenant.
type ID struct {
	Tenant    string
	RequestID dsr.RequestID
}

// Compare orders ids; every lock is taken in this order.
func (a ID) Compare(b ID) int {
	if a.Tenant != b.Tenant {
		if a.Tenant < b.Tenant {
			return -1
		}
		return 1
	}
	switch {
	case a.RequestID < b.RequestID:
		return -1
	case a.RequestID > b.RequestID:
		return 1
	}
	return 0
}

// Ref is the pseudonym of one identifier of a data subject, the output of a keyed PRF.
type Ref string // raw bytes

// Request is the whole state of one open request. A store loads it under lock, a [Machine] changes it, the store writes it
// back. It holds no identifier in clear.
type Request struct {
	ID
	Seq     int64 // order of admission, over all instances
	Version int64 // of the status last published; counts from 1
	State   dsr.State
	Kind    dsr.Kind
	WakeAt  time.Time // when Tick has to be called at the latest; zero: never

	Frozen      Frozen   // written once, at admission
	Progress    Progress // what moves
	Identifiers []byte   // all identifiers known so far, under a key of their own wrapped by the store's key; nil once dropped
	Refs        []Ref    // of every identifier known so far, sorted
	Steps       []*Step  // accepted acknowledgements, sorted by phase, round, system
	Trace       string   // W3C traceparent under which the request was admitted

	Dropped    []Ref // Refs that it lost since it was loaded
	Fresh      bool  // not yet in the store
	Dirty      bool  // differs from the store
	RefsDirty  bool  // Refs gained or lost members since it was loaded
	IdentDirty bool  // Identifiers changed since it was loaded
	Reopened   bool  // came from the archive in this transaction and is to be put back among the open ones
	Closed     bool  // sealed in this transaction: to be moved to the archive
}

// Frozen is what a request was admitted with; it never changes afterwards.
type Frozen struct {
	Request    dsr.SubjectRequest `json:"request"` // without its identifiers
	Systems    []string           `json:"systems"` // that must answer, sorted
	MapSHA256  []byte             `json:"map_sha256"`
	MapVersion string             `json:"map_version,omitempty"`
	SubjectRef string             `json:"subject_ref"` // of this request alone
	Kinds      []string           `json:"kinds"`       // of identifier, as the person came
	AdmittedAt time.Time          `json:"admitted_at"`
	DueAt      time.Time          `json:"due_at"`
	RuleID     string             `json:"rule_id"`
	Zone       string             `json:"zone"`
	CalendarID string             `json:"calendar_id"`
}

// Progress is the part of a request that moves.
type Progress struct {
	Phase        dsr.Phase         `json:"phase,omitempty"`
	Round        int32             `json:"round,omitempty"`
	Attempt      int32             `json:"attempt,omitempty"`  // of the last dispatch in this phase and round; 0: the first
	Expect       []string          `json:"expect,omitempty"`   // systems dispatched to in this phase and round
	Since        time.Time         `json:"since,omitzero"`     // when this phase and round began
	Until        time.Time         `json:"until,omitzero"`     // when it ends, answered or not
	SettleAt     time.Time         `json:"settle_at,omitzero"` // state settling: when to look
	ActRound     int32             `json:"act_round,omitempty"`
	LookRound    int32             `json:"look_round,omitempty"`
	LooksBefore  int32             `json:"looks_before,omitempty"` // look rounds before the request was reopened
	PackageRound int32             `json:"package_round,omitempty"`
	Kinds        []string          `json:"kinds,omitempty"`     // of identifier, as known now
	Inferred     map[string]string `json:"inferred,omitempty"`  // systems that got no dispatch: not_found or not_searched
	WaitsFor     dsr.RequestID     `json:"waits_for,omitempty"` // state waiting
	Asked        []string          `json:"asked,omitempty"`     // systems asked in resolution
	NotAfter     time.Time         `json:"not_after,omitzero"`
	TellAt       time.Time         `json:"tell_at,omitzero"` // when news that no status has told yet is told at the latest
	Notes        []string          `json:"notes,omitempty"`  // codes that the record names as reasons
	ActedAt      time.Time         `json:"acted_at,omitzero"`
	Repackage    bool              `json:"repackage,omitempty"` // an export came after the packager was asked
	Number       int32             `json:"number,omitempty"`    // of the next record: 0 the record, 1 … addenda
	Previous     *Previous         `json:"previous,omitempty"`  // of the record that an addendum follows
	Result       dsr.Result        `json:"result,omitempty"`    // of the last record
	Late         []string          `json:"late,omitempty"`      // reopened: systems whose late act needs a look
}

// Clone is a copy that may be changed without the original.
func (p *Progress) Clone() Progress {
	c := *p
	for _, list := range []*[]string{&c.Expect, &c.Kinds, &c.Asked, &c.Notes, &c.Late} {
		*list = slices.Clone(*list)
	}
	c.Inferred = maps.Clone(p.Inferred)
	if p.Previous != nil {
		previous := *p.Previous
		previous.SHA256 = bytes.Clone(previous.SHA256)
		c.Previous = &previous
	}
	return c
}

// Previous names the record that an addendum follows.
type Previous struct {
	RecordID string `json:"record_id"`
	SHA256   []byte `json:"sha256"`
}

// Step is the accepted acknowledgement of one system in one phase and round.
type Step struct {
	System  string
	Phase   dsr.Phase
	Round   int32
	Attempt int32
	State   dsr.AckState
	Body    []byte // the acknowledgement's Avro bytes

	Dirty bool // differs from the store
	ack   *dsr.Acknowledgement
}

// Compare orders steps by phase, round and system.
func (s *Step) Compare(o *Step) int {
	if s.Phase != o.Phase {
		if s.Phase < o.Phase {
			return -1
		}
		return 1
	}
	if s.Round != o.Round {
		return int(s.Round) - int(o.Round)
	}
	switch {
	case s.System < o.System:
		return -1
	case s.System > o.System:
		return 1
	}
	return 0
}

// Neighbour is another open request that shares an identifier's pseudonym.
type Neighbour struct {
	ID
	Ref   Ref
	Seq   int64
	Kind  dsr.Kind
	State dsr.State
}

// Archive is a sealed request as the record table keeps it, enough to take in a late acknowledgement.
type Archive struct {
	Request
	RecordID string    // of its latest record …
	SealedAt time.Time // … and when that was sealed
}

// Step returns the accepted acknowledgement of a system in a phase and round, or nil.
func (r *Request) Step(system string, phase dsr.Phase, round int32) *Step {
	want := &Step{System: system, Phase: phase, Round: round}
	if i, ok := slices.BinarySearchFunc(r.Steps, want, (*Step).Compare); ok {
		return r.Steps[i]
	}
	return nil
}
