package completion

import (
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// SchemaV1 is what the field schema of a record says.
const SchemaV1 = "lethe.completion-record.v1"

// Unknown is the word for what nobody declared. It is never left out: undeclared is neither none nor some.
const Unknown = "unknown"

// Types of a record.
const (
	TypeRecord   = "record"
	TypeAddendum = "addendum"
)

// Environments of a record. One sealed in a development environment proves nothing to anybody, and its report says so.
const (
	Production  = "production"
	Development = "dev"
)

// Record is the payload of a completion record or of an addendum to one. Every field is always present in the JSON; a pointer,
// an [Optional], a [Date] or a [Hex] that is empty is null there. Instants are kept to the microsecond, in UTC.
//
// [Seal] fills Schema, Clock.OnTime, Result and the derived Reasons.
type Record struct {
	Schema      string      `json:"schema"`
	RecordID    string      `json:"record_id"` // a UUID
	Type        string      `json:"type"`      // TypeRecord or TypeAddendum
	Number      int32       `json:"number"`    // 0 for the record, 1, 2 … for its addenda: the highest holds
	Previous    *Previous   `json:"previous"`  // what an addendum follows
	AsOf        time.Time   `json:"as_of"`     // the instant that the record speaks of
	Nonce       Hex         `json:"nonce"`     // 32 bytes: two records never share a hash by which a person could be guessed
	Environment string      `json:"environment"`
	Software    Software    `json:"software"`
	RetainUntil Date        `json:"retain_until"` // the record's own retention (GDPR Art. 5(1)(e))
	Tenant      Optional    `json:"tenant"`
	Request     Request     `json:"request"`
	Subject     Subject     `json:"subject"`
	Requester   Requester   `json:"requester"`
	Identity    Identity    `json:"identity"`
	Responsible Responsible `json:"responsibility"`
	Clock       Clock       `json:"clock"`
	Coverage    Coverage    `json:"coverage"`
	Systems     []System    `json:"systems"`

	Recipients  []Recipient  `json:"recipients"` // Art. 19
	Backups     []Backup     `json:"backups"`
	Models      []Model      `json:"models"`
	Delivery    *Delivery    `json:"delivery"`    // of an access or portability package
	Suppression *Suppression `json:"suppression"` // the entry that keeps restores and imports from bringing the person back

	Result  dsr.Result `json:"result"`
	Reasons []Reason   `json:"reasons"`
}

// Previous names what an addendum follows.
type Previous struct {
	RecordID string `json:"record_id"`
	SHA256   Hex    `json:"sha256"` // of the whole envelope
}

// Software is what sealed the record.
type Software struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Request is what was asked.
type Request struct {
	ID         dsr.RequestID `json:"id"`
	Kind       dsr.Kind      `json:"kind"`
	Regulation string        `json:"regulation"`
	Ground     *Ground       `json:"ground"` // for an erasure: Art. 17(1)(a) to (f)
	Channel    string        `json:"channel"`
	ReceivedAt time.Time     `json:"received_at"`
	Source     string        `json:"source"`
	Scope      *Scope        `json:"scope"` // null: everything
	Corrects   Optional      `json:"corrects"`
	Parent     Optional      `json:"parent"`
}

// Ground is a reason in law: for a request, for what stays, or for a refusal.
type Ground struct {
	Article string   `json:"article"`
	Law     Optional `json:"law"`
	Note    Optional `json:"note"`
}

// Scope narrows a request.
type Scope struct {
	Systems    []string `json:"systems"`
	Categories []string `json:"categories"`
}

// Subject is the data subject, under a reference that links nothing beyond this request.
type Subject struct {
	Ref      string   `json:"ref"`
	RefKeyID string   `json:"ref_key_id"`
	Capacity Optional `json:"capacity"` // customer, employee …; null: in every capacity
}

// Requester is who asked.
type Requester struct {
	Role         string   `json:"role"` // data_subject, parent, agent, lawyer …
	AuthorityRef Optional `json:"authority_ref"`
	CheckedBy    Optional `json:"checked_by"`
}

// Identity is how the requester's identity was established (GDPR Art. 12(6)).
type Identity struct {
	Method         string     `json:"method"`
	VerifiedAt     *time.Time `json:"verified_at"`
	DoubtsRaisedAt *time.Time `json:"doubts_raised_at"`
	ResolvedAt     *time.Time `json:"resolved_at"`
}

// Roles of the company that runs Lethe (GDPR Art. 4(7), 26, 28).
const (
	ActingController = "controller"
	ActingProcessor  = "processor"
	ActingJoint      = "joint"
)

// Responsible is who answers for the processing, and what was decided.
type Responsible struct {
	Controller     string    `json:"controller"`
	ActingAs       string    `json:"acting_as"`
	InstructionRef Optional  `json:"instruction_ref"` // of the controller, where a processor acts
	Decision       *Decision `json:"decision"`        // null: none recorded
}

// Decision is the controller's answer to the request. Its word is one of [dsr.Granted], [dsr.GrantedInPart], [dsr.Refused].
type Decision struct {
	Decision string     `json:"decision"`
	Grounds  []Ground   `json:"grounds"`
	ByRole   string     `json:"by_role"`
	At       *time.Time `json:"at"`
}

// Coverage is what was to be searched.
type Coverage struct {
	MapSHA256  Hex          `json:"map_sha256"`
	MapVersion Optional     `json:"map_version"`
	Expected   []string     `json:"expected"` // the systems frozen at admission
	NotCovered []NotCovered `json:"not_covered"`
}

// NotCovered is a place that may hold personal data and that the request did not reach.
type NotCovered struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Suppression is the entry of the person in the suppression list.
type Suppression struct {
	Entered time.Time `json:"entered"`
	Ground  Ground    `json:"ground"`
	Until   Date      `json:"until"`
}

// Delivery is the package of an access or portability request.
type Delivery struct {
	Article          string     `json:"article"`
	PackageSHA256    Hex        `json:"package_sha256"`
	Withheld         []Withheld `json:"withheld"`
	FreeTextExamined string     `json:"free_text_examined"` // yes, no or unknown: others' data in free text (Art. 15(4), 20(4))
	DeliveredAt      *time.Time `json:"delivered_at"`
	ExpiresAt        *time.Time `json:"expires_at"`
	DestroyedAt      *time.Time `json:"destroyed_at"`
}

// Withheld is what a package leaves out, and why.
type Withheld struct {
	System     string  `json:"system"`
	Collection string  `json:"collection"`
	Ground     *Ground `json:"ground"`
}

// Words of a yes-or-no question that may be open.
const (
	Yes = "yes"
	No  = "no"
)
