package completion

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Generators of records that pass check: any words, instants and counts, every outcome.

var texts = rapid.OneOf(
	rapid.StringN(1, 12, -1),
	rapid.SampledFrom([]string{"<script>&", "\u2028\u2029", "\"\\/\b\t\n\f\r\x00\x1f\x7f", "\u20ac\ufb33\U0001f602", "null", "a"}),
)

func drawText(t *rapid.T, label string) string { return texts.Draw(t, label) }

func drawOptional(t *rapid.T, label string) Optional {
	if rapid.Bool().Draw(t, label+"?") {
		return Optional(drawText(t, label))
	}
	return ""
}

func drawTime(t *rapid.T, label string) time.Time {
	return time.UnixMicro(rapid.OneOf(rapid.Int64Range(1.7e15, 1.9e15), rapid.Int64Range(-6e16, 2.5e17)).Draw(t, label)).UTC()
}

func drawInstant(t *rapid.T, label string) *time.Time {
	if rapid.Bool().Draw(t, label+"?") {
		v := drawTime(t, label)
		return &v
	}
	return nil
}

func drawHash(t *rapid.T, label string) Hex {
	return rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label)
}

func drawHashOrNone(t *rapid.T, label string) Hex {
	if rapid.Bool().Draw(t, label+"?") {
		return drawHash(t, label)
	}
	return nil
}

func drawDate(t *rapid.T, label string) Date {
	if rapid.Bool().Draw(t, label+"?") {
		return DateOf(drawTime(t, label))
	}
	return ""
}

func drawGround(t *rapid.T, label string) *Ground {
	if rapid.Bool().Draw(t, label+"?") {
		return &Ground{Article: drawText(t, label), Law: drawOptional(t, label), Note: drawOptional(t, label)}
	}
	return nil
}

func drawTexts(t *rapid.T, label string) []string {
	return rapid.SliceOfN(texts, 0, 3).Draw(t, label)
}

func drawCount(t *rapid.T, label string) Count {
	return Count(rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(1<<53-2, 1<<53+2), rapid.Int64Range(0, 1<<63-1)).Draw(t, label))
}

func drawOutcome(t *rapid.T, k dsr.Kind) dsr.Outcome {
	all := []dsr.Outcome{
		dsr.Erased, dsr.Anonymised, dsr.Detached, dsr.NotFound, dsr.Attested, dsr.Retained, dsr.Pseudonymised, dsr.Withheld,
		dsr.NotSearched, dsr.Unsupported, dsr.Failed, dsr.NoAnswer, dsr.Exported, dsr.OutOfScope,
	}
	usual := []dsr.Outcome{dsr.Erased, dsr.NotFound, dsr.Retained}
	if k.Exports() {
		usual = []dsr.Outcome{dsr.Exported, dsr.NotFound, dsr.Withheld}
	}
	return rapid.OneOf(rapid.SampledFrom(usual), rapid.SampledFrom(usual), rapid.SampledFrom(all)).Draw(t, "outcome")
}

func drawCollection(t *rapid.T, k dsr.Kind, name string) Collection {
	c := Collection{
		Name: name, Categories: drawTexts(t, "categories"), Outcome: drawOutcome(t, k),
		CountQuality: rapid.SampledFrom([]string{dsr.CountsExact, dsr.CountsLowerBound, dsr.CountsUnknown}).Draw(t, "quality"),
		Method:       drawOptional(t, "method"), MethodVersion: drawOptional(t, "version"), Ground: drawGround(t, "ground"), Until: drawDate(t, "until"),
		AssessmentRef: drawOptional(t, "assessment"), Note: drawOptional(t, "note"),
	}
	if rapid.Bool().Draw(t, "restricted?") {
		c.Restricted = &Restricted{Yes: rapid.Bool().Draw(t, "yes"), How: drawOptional(t, "how")}
	}
	if rapid.Bool().Draw(t, "counts?") {
		n := &c.Counts
		for _, p := range []*Count{&n.Found, &n.Erased, &n.Anonymised, &n.Pseudonymised, &n.Detached, &n.Retained, &n.Exported, &n.Withheld, &n.Cascaded, &n.Remaining} {
			*p = drawCount(t, "count")
		}
	}
	return c
}

func drawSystem(t *rapid.T, k dsr.Kind, i int) System {
	s := System{
		Name:            fmt.Sprintf("s%d", i),
		Relation:        rapid.SampledFrom([]string{RelationOwn, RelationProcessor, RelationJoint, Unknown}).Draw(t, "relation"),
		IdentifierKinds: drawTexts(t, "kinds"), Attempts: int32(rapid.IntRange(0, 3).Draw(t, "attempts")),
		FirstAt: drawInstant(t, "first"), DoneAt: drawInstant(t, "done"), EvidenceSHA256: drawHashOrNone(t, "evidence"),
		TraceID: drawOptional(t, "trace"), ErrorCode: drawOptional(t, "error"), MapSHA256: drawHashOrNone(t, "map"),
		Collections: []Collection{}, Looks: []Look{}, Physical: Physical{State: rapid.SampledFrom([]string{PhysicalGone, GoneBy, NothingErased, Unknown}).Draw(t, "physical")},
	}
	if s.Physical.State == GoneBy {
		v := drawTime(t, "gone")
		s.Physical.GoneBy = &v
	}
	if rapid.Bool().Draw(t, "attested?") {
		s.Attested = &Attested{ByRole: drawText(t, "by"), Reference: drawText(t, "ref"), At: drawInstant(t, "at")}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "collections") {
		s.Collections = append(s.Collections, drawCollection(t, k, fmt.Sprintf("c%d", i)))
	}
	for range rapid.IntRange(0, 2).Draw(t, "looks") {
		s.Looks = append(s.Looks, Look{
			At: drawTime(t, "look"), MethodVersion: drawOptional(t, "version"), Found: drawCount(t, "found"),
			Action: rapid.SampledFrom([]string{LookNone, LookErasedAgain, LookReported}).Draw(t, "action"),
		})
	}
	return s
}

func drawRecord(t *rapid.T) *Record {
	kind := rapid.SampledFrom([]dsr.Kind{dsr.Erasure, dsr.Portability, dsr.Access}).Draw(t, "kind")
	r := &Record{
		RecordID: "0b0c3a52-5d0e-5c6b-9d0b-3f5e9a3c7a10", Type: TypeRecord, AsOf: drawTime(t, "as_of"), Nonce: drawHash(t, "nonce"),
		Environment: rapid.SampledFrom([]string{Production, Development}).Draw(t, "environment"),
		Software:    Software{Version: drawText(t, "version"), Commit: drawText(t, "commit")}, RetainUntil: DateOf(drawTime(t, "retain")), Tenant: drawOptional(t, "tenant"),
		Request: Request{
			ID: "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1", Kind: kind, Regulation: drawText(t, "regulation"), Ground: drawGround(t, "ground"),
			Channel: drawText(t, "channel"), ReceivedAt: drawTime(t, "received"), Source: drawText(t, "source"),
		},
		Subject:   Subject{Ref: drawText(t, "ref"), RefKeyID: drawText(t, "key"), Capacity: drawOptional(t, "capacity")},
		Requester: Requester{Role: drawText(t, "role"), AuthorityRef: drawOptional(t, "authority"), CheckedBy: drawOptional(t, "checked")},
		Identity:  Identity{Method: drawText(t, "method"), VerifiedAt: drawInstant(t, "verified"), DoubtsRaisedAt: drawInstant(t, "doubts"), ResolvedAt: drawInstant(t, "resolved")},
		Responsible: Responsible{
			Controller: drawText(t, "controller"), ActingAs: rapid.SampledFrom([]string{ActingController, ActingProcessor, ActingJoint, Unknown}).Draw(t, "acting"),
			InstructionRef: drawOptional(t, "instruction"),
		},
		Clock: Clock{
			Establishment: drawText(t, "establishment"), TimeZone: drawText(t, "zone"), RuleID: drawText(t, "rule"), CalendarID: drawText(t, "calendar"),
			DueAt: drawTime(t, "due"), Pauses: []Pause{},
		},
		Coverage:   Coverage{MapSHA256: drawHash(t, "map"), MapVersion: drawOptional(t, "map_version"), Expected: []string{}, NotCovered: []NotCovered{}},
		Systems:    []System{},
		Recipients: []Recipient{}, Backups: []Backup{}, Models: []Model{}, Reasons: []Reason{},
	}
	drawAround(t, r)
	for i := range rapid.IntRange(0, 3).Draw(t, "systems") {
		s := drawSystem(t, kind, i)
		r.Coverage.Expected = append(r.Coverage.Expected, s.Name)
		if rapid.IntRange(0, 9).Draw(t, "missing") > 0 {
			r.Systems = append(r.Systems, s)
		}
		if rapid.Bool().Draw(t, "backup?") {
			r.Backups = append(r.Backups, Backup{System: s.Name, State: rapid.SampledFrom([]string{NoBackups, Unknown}).Draw(t, "backup")})
		}
		if rapid.Bool().Draw(t, "recipient?") {
			r.Recipients = append(r.Recipients, Recipient{System: s.Name, Status: rapid.SampledFrom([]string{RecipientsNone, Unknown}).Draw(t, "recipient")})
		}
	}
	return r
}

// drawAround draws what may be there or not.
func drawAround(t *rapid.T, r *Record) {
	maybe := func(label string) bool { return rapid.Bool().Draw(t, label) }
	if maybe("addendum") {
		r.Type, r.Number, r.Previous = TypeAddendum, int32(rapid.IntRange(1, 1<<31-1).Draw(t, "number")), &Previous{RecordID: "0b0c3a52-5d0e-5c6b-9d0b-3f5e9a3c7a11", SHA256: drawHash(t, "previous")}
	}
	if maybe("scope") {
		r.Request.Scope = &Scope{Systems: drawTexts(t, "systems"), Categories: drawTexts(t, "categories")}
	}
	if maybe("corrects") {
		r.Request.Corrects, r.Request.Parent = "7f3c1e52-9a4b-4c8d-8e2f-0123456789a2", "7f3c1e52-9a4b-4c8d-8e2f-0123456789a3"
	}
	if maybe("decision") {
		r.Responsible.Decision = &Decision{
			Decision: rapid.SampledFrom([]string{dsr.Granted, dsr.GrantedInPart, dsr.Refused}).Draw(t, "decided"), Grounds: []Ground{}, ByRole: drawText(t, "by"), At: drawInstant(t, "at"),
		}
		if g := drawGround(t, "why"); g != nil {
			r.Responsible.Decision.Grounds = append(r.Responsible.Decision.Grounds, *g)
		}
	}
	if maybe("pause") {
		r.Clock.Pauses = append(r.Clock.Pauses, Pause{From: drawTime(t, "from"), To: drawInstant(t, "to"), Reason: drawText(t, "reason")})
	}
	if maybe("extension") {
		r.Clock.Extension = &Extension{Until: drawTime(t, "until"), Reason: drawText(t, "reason"), NotifiedAt: drawInstant(t, "notified")}
	}
	if maybe("answer") {
		r.Clock.Answer = &Answer{InformedAt: drawTime(t, "informed"), Channel: drawText(t, "channel"), TextSHA256: drawHashOrNone(t, "text")}
	}
	if maybe("uncovered") {
		r.Coverage.NotCovered = append(r.Coverage.NotCovered, NotCovered{Name: drawText(t, "name"), Reason: drawText(t, "reason")})
	}
	if maybe("model") {
		r.Models = append(r.Models, Model{Name: drawText(t, "name"), SawSubject: Unknown, Status: ModelOpen, AssessmentRef: drawOptional(t, "assessment")})
	}
	if maybe("delivery") {
		d := &Delivery{
			Article: drawText(t, "article"), PackageSHA256: drawHashOrNone(t, "package"), Withheld: []Withheld{}, FreeTextExamined: Unknown,
			DeliveredAt: drawInstant(t, "delivered"), ExpiresAt: drawInstant(t, "expires"), DestroyedAt: drawInstant(t, "destroyed"),
		}
		if maybe("withheld") {
			d.Withheld = append(d.Withheld, Withheld{System: drawText(t, "system"), Collection: drawText(t, "collection"), Ground: drawGround(t, "ground")})
		}
		r.Delivery = d
	}
	if maybe("suppression") {
		r.Suppression = &Suppression{Entered: drawTime(t, "entered"), Ground: Ground{Article: drawText(t, "article")}, Until: drawDate(t, "until")}
	}
	if maybe("stated") {
		r.Reasons = append(r.Reasons, Stated(rapid.SampledFrom([]string{ReasonGateTimeout, ReasonTooMany, ReasonWithdrawn}).Draw(t, "code")))
	}
}
