package completion

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// nonceBytes is the length of a record's nonce.
const nonceBytes = 32

// check holds the record against its schema: what has to be there, the closed sets of words, the form of ids, hashes and dates.
// It says where something is wrong and repeats no value that could be personal data. It is the JSON Schema in Go, for sealing
// is a hot path; a test holds the two together.
func (r *Record) check() error {
	switch {
	case r.Schema != SchemaV1:
		return fmt.Errorf("schema is not %s", SchemaV1)
	case !isUUID(r.RecordID):
		return errors.New("record_id is not a UUID in lower case")
	case r.Type != TypeRecord && r.Type != TypeAddendum:
		return errors.New("type is neither record nor addendum")
	case r.Number < 0:
		return errors.New("number is negative")
	case (r.Type == TypeAddendum) != (r.Number > 0):
		return errors.New("an addendum has a number from 1, the record has number 0")
	case (r.Type == TypeAddendum) != (r.Previous != nil):
		return errors.New("an addendum, and nothing else, names what is previous")
	case r.Previous != nil && !isUUID(r.Previous.RecordID):
		return errors.New("previous.record_id is not a UUID in lower case")
	case r.Previous != nil && len(r.Previous.SHA256) != sha256.Size:
		return errors.New("previous.sha256 is not a SHA-256")
	case !validTime(r.AsOf):
		return errors.New("as_of is missing or out of range")
	case len(r.Nonce) != nonceBytes:
		return fmt.Errorf("nonce has not %d bytes", nonceBytes)
	case !oneOf(r.Environment, Production, Development):
		return errors.New("environment is neither production nor dev")
	case r.Software.Version == "" || r.Software.Commit == "":
		return errors.New("software lacks its version or commit")
	case r.RetainUntil == "" || !r.RetainUntil.valid():
		return errors.New("retain_until is not a date")
	case !oneOf(string(r.Result), results...):
		return errors.New("result is not one of the results")
	}
	for _, part := range []func() error{
		r.Request.check, r.checkPeople, r.Responsible.check, r.Clock.check, r.checkCoverage, r.checkSystems, r.checkAround, r.checkReasons,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

var results = []string{
	string(dsr.Complete), string(dsr.Partial), string(dsr.Incomplete), string(dsr.NothingFound), string(dsr.RefusedResult), string(dsr.Withdrawn),
}

func (q *Request) check() error {
	switch {
	case !isUUID(string(q.ID)):
		return errors.New("request.id is not a UUID in lower case")
	case !q.Kind.Valid():
		return errors.New("request.kind is not one of erasure, portability and access")
	case q.Regulation == "":
		return errors.New("request.regulation is missing")
	case q.Channel == "" || q.Source == "":
		return errors.New("request.channel or source is missing; unknown is a word")
	case !validTime(q.ReceivedAt):
		return errors.New("request.received_at is missing or out of range")
	case q.Ground != nil && q.Ground.Article == "":
		return errors.New("request.ground has no article")
	case q.Corrects != "" && !isUUID(string(q.Corrects)):
		return errors.New("request.corrects is not a UUID in lower case")
	case q.Parent != "" && !isUUID(string(q.Parent)):
		return errors.New("request.parent is not a UUID in lower case")
	}
	return nil
}

func (r *Record) checkPeople() error {
	switch {
	case r.Subject.Ref == "" || r.Subject.RefKeyID == "":
		return errors.New("subject.ref or ref_key_id is missing")
	case r.Requester.Role == "":
		return errors.New("requester.role is missing; unknown is a word")
	case r.Identity.Method == "":
		return errors.New("identity.method is missing; unknown is a word")
	case !validInstants(r.Identity.VerifiedAt, r.Identity.DoubtsRaisedAt, r.Identity.ResolvedAt):
		return errors.New("identity has an instant out of range")
	}
	return nil
}

func (p *Responsible) check() error {
	switch {
	case p.Controller == "":
		return errors.New("responsibility.controller is missing; unknown is a word")
	case !oneOf(p.ActingAs, ActingController, ActingProcessor, ActingJoint, Unknown):
		return errors.New("responsibility.acting_as is not one of controller, processor, joint and unknown")
	}
	d := p.Decision
	switch {
	case d == nil:
	case !oneOf(d.Decision, dsr.Granted, dsr.GrantedInPart, dsr.Refused):
		return errors.New("responsibility.decision is not one of granted, in_part and refused")
	case d.ByRole == "":
		return errors.New("responsibility.decision.by_role is missing; unknown is a word")
	case !validInstants(d.At):
		return errors.New("responsibility.decision.at is out of range")
	case slices.ContainsFunc(d.Grounds, func(g Ground) bool { return g.Article == "" }):
		return errors.New("responsibility.decision has a ground without article")
	}
	return nil
}

func (c *Clock) check() error {
	switch {
	case c.Establishment == "" || c.TimeZone == "" || c.RuleID == "" || c.CalendarID == "":
		return errors.New("clock lacks its establishment, time_zone, rule_id or calendar_id; unknown is a word")
	case !validTime(c.DueAt):
		return errors.New("clock.due_at is missing or out of range")
	case !oneOf(c.OnTime, OnTime, Late, NotAnswered):
		return errors.New("clock.on_time is not one of yes, no and not_answered")
	}
	for i, p := range c.Pauses {
		if !validTime(p.From) || !validInstants(p.To) || p.Reason == "" {
			return fmt.Errorf("clock.pauses[%d] lacks its reason, or has an instant out of range", i)
		}
	}
	if e := c.Extension; e != nil && (!validTime(e.Until) || !validInstants(e.NotifiedAt) || e.Reason == "") {
		return errors.New("clock.extension lacks its reason, or has an instant out of range")
	}
	if a := c.Answer; a != nil && (!validTime(a.InformedAt) || a.Channel == "" || len(a.TextSHA256) != 0 && len(a.TextSHA256) != sha256.Size) {
		return errors.New("clock.answer lacks its channel, or has an instant or a hash out of range")
	}
	return nil
}

func (r *Record) checkCoverage() error {
	c := &r.Coverage
	if len(c.MapSHA256) != sha256.Size {
		return errors.New("coverage.map_sha256 is not a SHA-256")
	}
	for i, s := range c.Expected {
		if s == "" || slices.Contains(c.Expected[:i], s) {
			return fmt.Errorf("coverage.expected[%d] is empty or stands there twice", i)
		}
	}
	for i, n := range c.NotCovered {
		if n.Name == "" || n.Reason == "" {
			return fmt.Errorf("coverage.not_covered[%d] lacks its name or reason; unknown is a word", i)
		}
	}
	return nil
}

func (r *Record) checkReasons() error {
	for i := range r.Reasons {
		switch x := &r.Reasons[i]; {
		case !dsr.ValidName(x.Code):
			return fmt.Errorf("reasons[%d].code is not a word", i)
		case weightRank(x.Weight) < 0:
			return fmt.Errorf("reasons[%d].weight is not one of decision, open, remainder and note", i)
		case x.NextStep == "":
			return fmt.Errorf("reasons[%d] names no next step", i)
		}
	}
	return nil
}

func oneOf(s string, words ...string) bool { return slices.Contains(words, s) }

// isUUID reports whether s is the lower-case text of a UUID.
func isUUID(s string) bool {
	id, err := dsr.ParseRequestID(s)
	return err == nil && string(id) == s
}

// validTime refuses the zero time and years that RFC 3339 cannot write.
func validTime(t time.Time) bool {
	y := t.UTC().Year()
	return !t.IsZero() && y >= 1 && y <= 9999
}

func validInstants(ts ...*time.Time) bool {
	for _, t := range ts {
		if t != nil && !validTime(*t) {
			return false
		}
	}
	return true
}

// valid reports whether the date is a day or absent.
func (d Date) valid() bool {
	_, ok := d.Time()
	return ok || d == ""
}
