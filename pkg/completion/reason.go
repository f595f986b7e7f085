package completion

import (
	"cmp"
	"slices"
)

// Reason is one point that a result rests on, with what is to be done about it.
type Reason struct {
	Code       string   `json:"code"`
	Weight     string   `json:"weight"` // what it does to the result
	System     Optional `json:"system"`
	Collection Optional `json:"collection"`
	Name       Optional `json:"name"` // of a recipient or a model
	NextStep   string   `json:"next_step"`
	Stated     bool     `json:"stated"` // by the coordinator; the others follow from the record's own lines
}

// Weights of a reason.
const (
	WeightOpen      = "open"      // bars complete and partial
	WeightRemainder = "remainder" // something stays, lawfully: bars complete
	WeightDecision  = "decision"  // the request was refused or withdrawn
	WeightNote      = "note"      // bars nothing
)

// Codes of the reasons that follow from a record's lines.
const (
	ReasonNoSystem            = "no_system"              // nothing was searched
	ReasonSystemMissing       = "system_missing"         // an expected system has no line
	ReasonNoAnswer            = "no_answer"              //
	ReasonFailed              = "failed"                 //
	ReasonUnsupported         = "unsupported"            //
	ReasonNotSearched         = "not_searched"           //
	ReasonUnexpectedOutcome   = "unexpected_outcome"     // not one that this kind of request can have
	ReasonContradiction       = "contradiction"          // the outcome and its counts exclude each other
	ReasonEvidenceMissing     = "evidence_missing"       //
	ReasonAssessmentMissing   = "assessment_missing"     // of an anonymisation
	ReasonAttestationMissing  = "attestation_missing"    // who declared it, where
	ReasonGroundMissing       = "ground_missing"         // of what stays
	ReasonUntilMissing        = "until_missing"          //
	ReasonLimitationMissing   = "limitation_missing"     // of the use of what stays
	ReasonGroundLapsed        = "ground_lapsed"          // its last day is over
	ReasonLookMissing         = "look_missing"           // nobody looked after the last act
	ReasonResidue             = "residue"                // the last look found something
	ReasonBackupsUnknown      = "backups_unknown"        //
	ReasonRecipientsUnknown   = "recipients_unknown"     //
	ReasonRecipientOpen       = "recipient_open"         //
	ReasonModelOpen           = "model_open"             //
	ReasonPackageMissing      = "package_missing"        // something was exported and there is no package
	ReasonRefusalUnfounded    = "refusal_unfounded"      // no ground, or nobody who decided
	ReasonActedAfterRefusal   = "acted_after_refusal"    //
	ReasonActedAfterWithdrawn = "acted_after_withdrawal" //
	ReasonRetained            = "retained"
	ReasonPseudonymised       = "pseudonymised"
	ReasonWithheld            = "withheld"
	ReasonGrantedInPart       = "granted_in_part"
	ReasonRefused             = "refused"
)

// Codes of the reasons that only the coordinator can state.
const (
	ReasonWithdrawn       = "withdrawn" // by the requester, before any effect
	ReasonIdentity        = "identity_not_verified"
	ReasonDecision        = "not_approved"
	ReasonTooMany         = "resolution_too_many"
	ReasonTwoPersons      = "resolution_two_persons"
	ReasonResolutionLimit = "resolution_incomplete"
	ReasonLateNotLookedAt = "late_act_not_looked_at"
	ReasonGateTimeout     = "gate_timeout"
	ReasonDataOfNewSignUp = "data_of_a_new_sign_up"
	ReasonMapsDiffer      = "maps_differ"
)

// Stated returns the reason that a coordinator states with a code, with its weight and next step. A code that this build does
// not know is open: what is not understood bars a result.
func Stated(code string) Reason {
	r := Reason{Code: code, Weight: WeightOpen, Stated: true}
	switch code {
	case ReasonWithdrawn:
		r.Weight, r.NextStep = WeightDecision, "nothing; the requester may ask again"
	case ReasonIdentity:
		r.NextStep = "verify the requester's identity or refuse the request (Art. 12(6), 12(2)), and publish the request again"
	case ReasonDecision:
		r.NextStep = "decide on the request, and publish it again"
	case ReasonTooMany:
		r.NextStep = "a person checks which of the many identifiers found belong to the data subject, and publishes them"
	case ReasonTwoPersons:
		r.NextStep = "a person decides which of the two persons found is the data subject, and publishes that one's identifiers"
	case ReasonResolutionLimit:
		r.NextStep = "restore the system that turns identifiers into others, and publish the request again"
	case ReasonLateNotLookedAt:
		r.NextStep = "publish the request again: the late erasure has not been looked at"
	case ReasonGateTimeout:
		r.Weight, r.NextStep = WeightNote, "check the other request of the same person, for which this one no longer waited"
	case ReasonDataOfNewSignUp:
		r.Weight, r.NextStep = WeightNote, "ask the person whether the data that they left anew is to go as well"
	case ReasonMapsDiffer:
		r.Weight, r.NextStep = WeightNote, "bring the responder's data map up to the coordinator's"
	default:
		r.NextStep = "find out what the coordinator meant by this code"
	}
	return r
}

// same reports whether both name the same point; wording may differ between versions of the software.
func (r *Reason) same(o *Reason) bool {
	return r.Code == o.Code && r.Weight == o.Weight && r.System == o.System && r.Collection == o.Collection && r.Name == o.Name
}

func weightRank(w string) int {
	return slices.Index([]string{WeightDecision, WeightOpen, WeightRemainder, WeightNote}, w)
}

// sortReasons puts what bars most first and keeps the order of the lines within a weight.
func sortReasons(rs []Reason) {
	slices.SortStableFunc(rs, func(a, b Reason) int { return cmp.Compare(weightRank(a.Weight), weightRank(b.Weight)) })
}
