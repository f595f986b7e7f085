package responder

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Dispatch is one step that the coordinator asks of this system, opened.
type Dispatch struct {
	dsr.Key
	Attempt    int32
	Kind       dsr.Kind
	SubjectRef string // links nothing beyond this request
	Capacity   string // the kind of subject, a key of lethe.subjects in the data map; empty: every one
	Regulation string
	Scope      *dsr.Scope // nil: everything

	Identifiers []dsr.Identifier // normalised by the coordinator
	Keys        []RowKey         // what this system's first act found; every later look and act uses them
	Want        []string         // phase resolve: the kinds of identifier asked for

	Parts    []dsr.Part    // phase package: what to assemble
	Pending  []dsr.Line    // phase package: systems that gave no parts
	Delivery *dsr.Delivery // phase package

	MapHash    []byte // of the coordinator's data map
	ReceivedAt time.Time
	AsOf       time.Time // data written after this instant is found by the look, not by this act
	NotAfter   time.Time // past it nothing is done any more

	Ticket   string // of the Deferral that is polled
	Progress []byte // of the Deferral by which this step is worked again
	Resumed  bool   // an earlier try may have acted already: what is found now is a lower bound
}

// RowKey is the key of one of the person's rows. Value is in the responder's own encoding, for example the JSON of a primary
// key. It travels sealed.
type RowKey struct {
	Collection string `json:"c"`
	Value      string `json:"v"`
}

// Values returns the identifiers of one kind.
func (d Dispatch) Values(kind string) []string {
	var vs []string
	for _, i := range d.Identifiers {
		if i.Kind == kind {
			vs = append(vs, i.Value)
		}
	}
	return vs
}

// Kinds returns the kinds of identifier at hand, each once, in the order in which they came.
func (d Dispatch) Kinds() []string {
	var kinds []string
	seen := map[string]bool{}
	for _, i := range d.Identifiers {
		if !seen[i.Kind] {
			seen[i.Kind] = true
			kinds = append(kinds, i.Kind)
		}
	}
	return kinds
}

// Answer is what the system has to say for one dispatch.
type Answer struct {
	Collections     []dsr.Collection
	IdentifierKinds []string         // kinds that were searched with; nil: all that the dispatch had
	Resolved        []dsr.Identifier // identifiers learnt; sealed on the wire
	Keys            []RowKey         // keys of the rows found by the first act; sealed on the wire
	Parts           []dsr.Part       // exported files; those of the Sink are added by the runtime

	// Evidence is what backs the answer, where the system has something beside its counts: statements, a receipt. No personal
	// data. The ledger keeps it, and its SHA-256 is part of the text whose SHA-256 goes into the record; see [Evidence].
	Evidence       []byte
	PhysicalBy     *time.Time // when the erasure becomes physical in the whole system
	AttestedBy     string     // role or processor that declared the outcome, where no machine did
	AttestationRef string

	Defer *Deferral // the answer comes later
	Err   error     // this dispatch alone could not be served, see [Classify]
}

// Deferral says that an answer comes later.
type Deferral struct {
	// Ticket is given back as Dispatch.Ticket to a [Poller], or kept until the answer is brought by [Responder.Complete].
	// Empty: the step is worked again from its beginning. No personal data: it stands in the ledger.
	Ticket string
	At     time.Time // when to ask again; zero: after Config.PollEvery
	Until  time.Time // when the wait ends as a dead letter; zero: Config.DeferLimit after the first deferral

	// More says that nothing is waited for: a part of the work is done and settled with this step of the ledger, and the rest is
	// worked at once. At and Until do not count; each part gets Config.DeferLimit.
	More bool
	// Progress is given back as Dispatch.Progress when the step is worked again, by whatever instance and in whatever attempt. It may
	// hold personal data: the ledger keeps it sealed, until the step is answered.
	Progress []byte
}

// Token names the step to the world outside, for a system that brings its answer by itself: hand it over with the order and
// give it to [Responder.Complete]. It is no secret and proves nothing.
func (d Dispatch) Token() string {
	b, err := json.Marshal(token{d.Tenant, d.RequestID, d.System, d.Phase, d.Round, d.Attempt})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

type token struct {
	Tenant    string        `json:"t,omitempty"`
	RequestID dsr.RequestID `json:"r"`
	System    string        `json:"s"`
	Phase     dsr.Phase     `json:"p"`
	Round     int32         `json:"n"`
	Attempt   int32         `json:"a"`
}

func parseToken(s string) (dsr.Key, int32, error) {
	var t token
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil || t.RequestID == "" || t.System == "" {
		return dsr.Key{}, 0, fmt.Errorf("read token: not one that Dispatch.Token made")
	}
	return dsr.Key{Tenant: t.Tenant, RequestID: t.RequestID, System: t.System, Phase: t.Phase, Round: t.Round}, t.Attempt, nil
}
