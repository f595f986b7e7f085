package completion

import (
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Relations of a system to the controller, beside [Unknown].
const (
	RelationOwn       = "own"
	RelationProcessor = "processor" // a processor is a system with an outcome, not a recipient
	RelationJoint     = "joint"
)

// AllCollections names the one line of a system of which no more is known: it gave no answer, or was never asked.
const AllCollections = "*"

// System is what one system reported. Attempts and instants are the accepted acknowledgement's, so that the same messages always
// give the same bytes.
type System struct {
	Name            string       `json:"name"`
	Relation        string       `json:"relation"`
	IdentifierKinds []string     `json:"identifier_kinds"` // by which it was searched
	Attempts        int32        `json:"attempts"`         // 0: it was not asked; see the outcome
	FirstAt         *time.Time   `json:"first_at"`
	DoneAt          *time.Time   `json:"done_at"` // of the last accepted act
	EvidenceSHA256  Hex          `json:"evidence_sha256"`
	TraceID         Optional     `json:"trace_id"`
	ErrorCode       Optional     `json:"error_code"`
	MapSHA256       Hex          `json:"map_sha256"` // the responder's own map, where it differs from the coordinator's
	Attested        *Attested    `json:"attested"`
	Collections     []Collection `json:"collections"`
	Looks           []Look       `json:"looks"` // in their order
	Physical        Physical     `json:"physical"`
}

// Attested is a declaration in place of machine evidence.
type Attested struct {
	ByRole    string     `json:"by_role"`
	Reference string     `json:"reference"`
	At        *time.Time `json:"at"`
}

// Collection is the outcome in one collection of a system.
type Collection struct {
	Name          string      `json:"name"`
	Categories    []string    `json:"categories"`
	Outcome       dsr.Outcome `json:"outcome"`
	Counts        Counts      `json:"counts"`
	CountQuality  string      `json:"count_quality"` // dsr.CountsExact, dsr.CountsLowerBound or dsr.CountsUnknown
	Method        Optional    `json:"method"`
	MethodVersion Optional    `json:"method_version"`
	Ground        *Ground     `json:"ground"`         // why it stays
	Until         Date        `json:"until"`          // the last day on which it may stay
	Restricted    *Restricted `json:"restricted"`     // how use of what stays is limited to its ground
	AssessmentRef Optional    `json:"assessment_ref"` // the examined anonymisation
	Note          Optional    `json:"note"`
}

// Restricted is how use of what stays is limited to its ground (GDPR Art. 18(2) by analogy; Art. 5(1)(b)).
type Restricted struct {
	Yes bool     `json:"yes"`
	How Optional `json:"how"`
}

// Look is one reading of a system after an erasure.
type Look struct {
	At            time.Time `json:"at"`
	MethodVersion Optional  `json:"method_version"`
	Found         Count     `json:"found"`
	Action        string    `json:"action"` // LookNone, LookErasedAgain or LookReported
}

// What followed a look.
const (
	LookNone        = "none"
	LookErasedAgain = "erased_again" // dispatched for erasure again; another look follows
	LookReported    = "reported"     // left in place and reported
)

// Physical is when an erasure becomes physical: on the pages of a disk, in a log that is compacted.
type Physical struct {
	State  string     `json:"state"` // PhysicalGone, GoneBy, NothingErased or Unknown
	GoneBy *time.Time `json:"gone_by"`
}

// States of [Physical] and [Backup] beside [Unknown]. NothingErased says only that the system reported no erasure.
const (
	PhysicalGone  = "gone" // with the erasure itself
	GoneBy        = "gone_by"
	NothingErased = "no_erasure_reported"
	NoBackups     = "none"
)

// Backup is by when what a system erased is gone from its backups.
type Backup struct {
	System string     `json:"system"`
	State  string     `json:"state"` // NoBackups, GoneBy or Unknown
	GoneBy *time.Time `json:"gone_by"`
}

// Recipient is somebody to whom data was disclosed and who is to be told of the erasure (GDPR Art. 19). Every system that
// erased something has at least one: its recipients, or RecipientsNone, or Unknown where nobody declared them.
type Recipient struct {
	System string     `json:"system"`
	Name   Optional   `json:"name"`
	Type   Optional   `json:"type"`
	Status string     `json:"status"`
	Reason Optional   `json:"reason"` // why it was impossible or disproportionate
	At     *time.Time `json:"at"`
}

// States of a [Recipient] beside [Unknown].
const (
	RecipientsNone   = "none" // the system has none
	Informed         = "informed"
	Confirmed        = "confirmed"
	Impossible       = "impossible"
	Disproportionate = "disproportionate"
	RecipientOpen    = "open"
)

// Model is an AI model that may have been trained with the person's data.
type Model struct {
	Name          string   `json:"name"`
	SawSubject    string   `json:"saw_subject"` // Yes, No or Unknown
	Status        string   `json:"status"`
	AssessmentRef Optional `json:"assessment_ref"` // a training manifest, an anonymity assessment (EDPB opinion 28/2024)
}

// States of a [Model].
const (
	ModelUnaffected = "unaffected" // did not see the person, as AssessmentRef shows
	ModelAnonymous  = "anonymous"  // assessed as holding no personal data
	ModelRetrained  = "retrained"  // replaced by one trained without the person
	ModelRetired    = "retired"    // out of use and removed
	ModelOpen       = "open"
)

// Outcome is the worst outcome of the system's collections.
func (s *System) Outcome() dsr.Outcome {
	os := make([]dsr.Outcome, len(s.Collections))
	for i := range s.Collections {
		os[i] = s.Collections[i].Outcome
	}
	return dsr.Worst(os...)
}

// Erased reports whether anything of the person was removed, masked or cut off in the system, so that there is something whose
// copies in backups matter and of which recipients are to be told.
func (s *System) Erased() bool {
	return slices.ContainsFunc(s.Collections, func(c Collection) bool { return c.erased() })
}

func (c *Collection) erased() bool {
	switch c.Outcome {
	case dsr.Erased, dsr.Anonymised, dsr.Detached, dsr.Pseudonymised, dsr.Attested:
		return true
	}
	n := &c.Counts
	return n.Erased > 0 || n.Anonymised > 0 || n.Detached > 0 || n.Pseudonymised > 0 || n.Cascaded > 0
}
