package dsr

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// RequestID names one subject request for ever: a UUID (RFC 9562) in its lower-case text form, minted once by whoever publishes.
type RequestID string

// ParseRequestID accepts the 36-character text form of a UUID in either case and returns it in lower case.
// The nil UUID is refused: it is what an unset field looks like in many languages.
func ParseRequestID(s string) (RequestID, error) {
	if len(s) != 36 {
		return "", fmt.Errorf("request id is %d characters long, a UUID has 36", len(s))
	}
	zero, upper := true, false
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", fmt.Errorf("request id has no dash at character %d, so it is not a UUID", i+1)
			}
			continue
		case c >= 'A' && c <= 'F':
			upper = true
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return "", fmt.Errorf("request id has a character that is not hexadecimal at %d, so it is not a UUID", i+1)
		}
		zero = zero && c == '0'
	}
	if zero {
		return "", errors.New("request id is the nil UUID")
	}
	if upper {
		s = strings.ToLower(s)
	}
	return RequestID(s), nil
}

// Kind is what the data subject asks for. On the wire it is an open string, checked in code, so that a kind added later does
// not break an old reader.
type Kind string

// The kinds of request.
const (
	Erasure     Kind = "erasure"     // GDPR Art. 17
	Portability Kind = "portability" // GDPR Art. 20
	Access      Kind = "access"      // GDPR Art. 15
)

// Valid reports whether k is a kind that this build serves.
func (k Kind) Valid() bool { return k == Erasure || k == Portability || k == Access }

// Exports reports whether k hands data over rather than removing it.
func (k Kind) Exports() bool { return k == Portability || k == Access }

// GDPR is the regulation assumed where a request names none.
const GDPR = "gdpr"

// SubjectRequest is one request of one data subject, as an upstream system publishes it.
// Optional parts are nil or empty; a zero time means "not given".
type SubjectRequest struct {
	RequestID     RequestID
	Tenant        string // empty where the company has one
	Kind          Kind
	ReceivedAt    time.Time // when the controller received it: the clock of Art. 12(3) starts here
	Regulation    string    // empty means GDPR
	Establishment string    // key of the establishment whose calendar and time zone hold; empty means the configured default

	SealedIdentifiers []byte       // HPKE to the coordinator's public key, see package sealing
	Identifiers       []Identifier // in clear: refused unless the coordinator is told to accept them
	KeyID             string       // of the key that sealed, for people; the bytes carry their own
	Capacity          string       // key of lethe.subjects in the data map (customer, employee …); empty means every one

	Requester *Requester
	Identity  *Identity
	Channel   string // how the request came: web form, e-mail, letter …
	Source    string // the publishing system

	Corrects        RequestID // the rejected request that this one replaces
	ParentRequestID RequestID
	Priority        int32
	Ground          *Ground // why the person may ask, Art. 17(1)(a) to (f)
	Scope           *Scope  // nil means everything
	Delivery        *Delivery
	Decision        *Decision // nil means granted by the configured policy
	InstructionRef  string    // the controller's instruction where Lethe runs for a processor
	Instance        string
	NotAfter        time.Time
	Signature       []byte
}

// Requester says who asked, if not the person, and on which authority.
type Requester struct {
	Role         string // data_subject, parent, agent, lawyer …
	AuthorityRef string
	CheckedBy    string
}

// Identity says how the person's identity was established (Art. 12(6)).
type Identity struct {
	Method                                 string
	VerifiedAt, DoubtsRaisedAt, ResolvedAt time.Time
}

// Ground is a reason in law: for a request, for what stays, or for a refusal.
type Ground struct {
	Article string // "GDPR 17(3)(b)"
	Law     string // "national accounting and tax law"
	Note    string
}

// Scope narrows a request to named systems. An unknown name is a rejection.
type Scope struct {
	Systems    []string
	Categories []string
}

// Empty reports whether the scope narrows nothing.
func (s *Scope) Empty() bool { return s == nil || len(s.Systems) == 0 && len(s.Categories) == 0 }

// Delivery says how the package of a portability or access request is to reach the person.
type Delivery struct {
	Channel string
	Format  string
}

// Decision is what the controller decided before publishing.
type Decision struct {
	Decision string // one of Granted, GrantedInPart, Refused
	Grounds  []Ground
	ByRole   string
	At       time.Time
}

// What a [Decision] may say.
const (
	Granted       = "granted"
	GrantedInPart = "in_part"
	Refused       = "refused"
)
