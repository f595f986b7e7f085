package event_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Generators of every value that the codec must carry unchanged: what is given and what is not, in any mixture. Text is any
// text without NUL, instants are whole microseconds, ids and digests are well formed, an empty list is nil.

var (
	anyText  = rapid.StringN(0, 12, -1).Filter(func(s string) bool { return !hasNUL(s) })
	someText = rapid.StringN(1, 12, -1).Filter(func(s string) bool { return !hasNUL(s) })
	anyBytes = rapid.Custom(func(t *rapid.T) []byte { return orNil(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")) })
	aDigest  = rapid.SliceOfN(rapid.Byte(), 32, 32)
	aNatural = rapid.Int32Range(0, 1<<31-1)
	anAmount = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 1<<63-1))
	anID     = rapid.Custom(func(t *rapid.T) dsr.RequestID {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")
		b[0] |= 1 // never the nil UUID
		return dsr.RequestID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
	})
	maybeID     = rapid.OneOf(rapid.Just(dsr.RequestID("")), anID)
	maybeDigest = rapid.OneOf(rapid.Just([]byte(nil)), aDigest)
	anInstant   = rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62135596799_000_000, 253402300799_999_999).Draw(t, "micros")).UTC()
	})
	maybeInstant = rapid.OneOf(rapid.Just(time.Time{}), anInstant)
	someTexts    = rapid.SliceOfN(anyText, 1, 4)
	anyTexts     = rapid.OneOf(rapid.Just([]string(nil)), someTexts)
)

func hasNUL(s string) bool {
	for _, r := range s {
		if r == 0 {
			return true
		}
	}
	return false
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func listOf[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T { return orNil(rapid.SliceOfN(g, 0, 3).Draw(t, "list")) })
}

func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[*T] { return rapid.Ptr(g, true) }

var (
	anIdentifier = rapid.Custom(func(t *rapid.T) dsr.Identifier {
		return dsr.Identifier{Kind: anyText.Draw(t, "kind"), Value: anyText.Draw(t, "value")}
	})
	aGround = rapid.Custom(func(t *rapid.T) dsr.Ground {
		return dsr.Ground{Article: anyText.Draw(t, "article"), Law: anyText.Draw(t, "law"), Note: anyText.Draw(t, "note")}
	})
	aScope = rapid.Custom(func(t *rapid.T) dsr.Scope {
		return dsr.Scope{Systems: anyTexts.Draw(t, "systems"), Categories: anyTexts.Draw(t, "categories")}
	})
	aDelivery = rapid.Custom(func(t *rapid.T) dsr.Delivery {
		return dsr.Delivery{Channel: anyText.Draw(t, "channel"), Format: anyText.Draw(t, "format")}
	})
	aRequester = rapid.Custom(func(t *rapid.T) dsr.Requester {
		return dsr.Requester{Role: anyText.Draw(t, "role"), AuthorityRef: anyText.Draw(t, "authority"), CheckedBy: anyText.Draw(t, "checked")}
	})
	anIdentity = rapid.Custom(func(t *rapid.T) dsr.Identity {
		return dsr.Identity{
			Method: anyText.Draw(t, "method"), VerifiedAt: maybeInstant.Draw(t, "verified"),
			DoubtsRaisedAt: maybeInstant.Draw(t, "doubts"), ResolvedAt: maybeInstant.Draw(t, "resolved"),
		}
	})
	aDecision = rapid.Custom(func(t *rapid.T) dsr.Decision {
		return dsr.Decision{
			Decision: someText.Draw(t, "decision"), Grounds: listOf(aGround).Draw(t, "grounds"), ByRole: anyText.Draw(t, "role"), At: maybeInstant.Draw(t, "at"),
		}
	})
	aPart = rapid.Custom(func(t *rapid.T) dsr.Part {
		return dsr.Part{
			System: someText.Draw(t, "system"), Collection: anyText.Draw(t, "collection"), Path: someText.Draw(t, "path"),
			MediaType: anyText.Draw(t, "type"), SHA256: aDigest.Draw(t, "sha256"), SizeBytes: anAmount.Draw(t, "size"), Records: anAmount.Draw(t, "records"),
		}
	})
	aCollection = rapid.Custom(func(t *rapid.T) dsr.Collection {
		n := func(l string) int64 { return anAmount.Draw(t, l) }
		return dsr.Collection{
			Name: someText.Draw(t, "name"), Categories: anyTexts.Draw(t, "categories"), Outcome: dsr.Outcome(someText.Draw(t, "outcome")),
			Counts: dsr.Counts{
				Found: n("found"), Erased: n("erased"), Anonymised: n("anonymised"), Pseudonymised: n("pseudonymised"), Detached: n("detached"),
				Retained: n("retained"), Exported: n("exported"), Withheld: n("withheld"), Cascaded: n("cascaded"), Remaining: n("remaining"),
			},
			CountQuality: rapid.SampledFrom([]string{"", dsr.CountsExact, dsr.CountsLowerBound, dsr.CountsUnknown}).Draw(t, "quality"),
			Method:       anyText.Draw(t, "method"), MethodVersion: anyText.Draw(t, "version"), Ground: maybe(aGround).Draw(t, "ground"),
			Until: maybe(anInstant).Draw(t, "until"), Restricted: anyText.Draw(t, "restricted"), AssessmentRef: anyText.Draw(t, "assessment"),
			PhysicalBy: maybe(anInstant).Draw(t, "physical"), Note: anyText.Draw(t, "note"),
		}
	})
)

var aSubjectRequest = rapid.Custom(func(t *rapid.T) dsr.SubjectRequest {
	return dsr.SubjectRequest{
		RequestID: anID.Draw(t, "id"), Tenant: anyText.Draw(t, "tenant"), Kind: dsr.Kind(someText.Draw(t, "kind")), ReceivedAt: anInstant.Draw(t, "received"),
		Regulation: anyText.Draw(t, "regulation"), Establishment: anyText.Draw(t, "establishment"), SealedIdentifiers: anyBytes.Draw(t, "sealed"),
		Identifiers: listOf(anIdentifier).Draw(t, "identifiers"), KeyID: anyText.Draw(t, "key"), Capacity: anyText.Draw(t, "capacity"),
		Requester: maybe(aRequester).Draw(t, "requester"), Identity: maybe(anIdentity).Draw(t, "identity"), Channel: anyText.Draw(t, "channel"),
		Source: anyText.Draw(t, "source"), Corrects: maybeID.Draw(t, "corrects"), ParentRequestID: maybeID.Draw(t, "parent"), Priority: rapid.Int32().Draw(t, "priority"),
		Ground: maybe(aGround).Draw(t, "ground"), Scope: maybe(aScope).Draw(t, "scope"), Delivery: maybe(aDelivery).Draw(t, "delivery"),
		Decision: maybe(aDecision).Draw(t, "decision"), InstructionRef: anyText.Draw(t, "instruction"), Instance: anyText.Draw(t, "instance"),
		NotAfter: maybeInstant.Draw(t, "not after"), Signature: anyBytes.Draw(t, "signature"),
	}
})

var aDispatch = rapid.Custom(func(t *rapid.T) dsr.Dispatch {
	keys := rapid.Custom(func(t *rapid.T) dsr.SealedKeys {
		return dsr.SealedKeys{System: someText.Draw(t, "system"), Value: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "value")}
	})
	line := rapid.Custom(func(t *rapid.T) dsr.Line {
		return dsr.Line{System: someText.Draw(t, "system"), Outcome: dsr.Outcome(someText.Draw(t, "outcome"))}
	})
	return dsr.Dispatch{
		Tenant: anyText.Draw(t, "tenant"), RequestID: anID.Draw(t, "id"), Kind: dsr.Kind(someText.Draw(t, "kind")), Phase: dsr.Phase(someText.Draw(t, "phase")),
		Round: aNatural.Draw(t, "round"), Attempt: aNatural.Draw(t, "attempt"), Systems: someTexts.Draw(t, "systems"), SubjectRef: anyText.Draw(t, "ref"),
		Capacity: anyText.Draw(t, "capacity"), Regulation: anyText.Draw(t, "regulation"), Scope: maybe(aScope).Draw(t, "scope"),
		SealedIdentifiers: anyBytes.Draw(t, "sealed"), KeyID: anyText.Draw(t, "key"), SealedKeys: listOf(keys).Draw(t, "keys"), Want: anyTexts.Draw(t, "want"),
		Parts: listOf(aPart).Draw(t, "parts"), Delivery: maybe(aDelivery).Draw(t, "delivery"), Pending: listOf(line).Draw(t, "pending"),
		MapHash: maybeDigest.Draw(t, "map"), ReceivedAt: maybeInstant.Draw(t, "received"), DispatchedAt: maybeInstant.Draw(t, "dispatched"),
		AsOf: maybeInstant.Draw(t, "as of"), NotAfter: maybeInstant.Draw(t, "not after"), Priority: rapid.Int32().Draw(t, "priority"),
		ParentRequestID: maybeID.Draw(t, "parent"), DispatchID: anyText.Draw(t, "dispatch"), AckID: anyText.Draw(t, "ack"), Number: aNatural.Draw(t, "number"),
		Instance: anyText.Draw(t, "instance"), Environment: anyText.Draw(t, "environment"), Signature: anyBytes.Draw(t, "signature"),
	}
})

var anAcknowledgement = rapid.Custom(func(t *rapid.T) dsr.Acknowledgement {
	return dsr.Acknowledgement{
		Key: dsr.Key{
			Tenant: anyText.Draw(t, "tenant"), RequestID: anID.Draw(t, "id"), System: someText.Draw(t, "system"),
			Phase: dsr.Phase(someText.Draw(t, "phase")), Round: aNatural.Draw(t, "round"),
		},
		Kind: dsr.Kind(someText.Draw(t, "kind")), Attempt: aNatural.Draw(t, "attempt"), State: dsr.AckState(someText.Draw(t, "state")), AckID: someText.Draw(t, "ack"),
		Collections: listOf(aCollection).Draw(t, "collections"), IdentifierKinds: anyTexts.Draw(t, "kinds"), SealedResolved: anyBytes.Draw(t, "resolved"),
		ResolvedKinds: anyTexts.Draw(t, "resolved kinds"), SealedKeys: anyBytes.Draw(t, "keys"), KeyID: anyText.Draw(t, "key"), Parts: listOf(aPart).Draw(t, "parts"),
		SystemVersion: anyText.Draw(t, "version"), EvidenceSHA256: maybeDigest.Draw(t, "evidence"), PhysicalBy: maybe(anInstant).Draw(t, "physical"),
		FirstAt: maybeInstant.Draw(t, "first"), DoneAt: maybeInstant.Draw(t, "done"), DelayedUntil: maybeInstant.Draw(t, "delayed"),
		ErrorCode: anyText.Draw(t, "code"), ErrorClass: anyText.Draw(t, "class"), Resumed: rapid.Bool().Draw(t, "resumed"), AttestedBy: anyText.Draw(t, "attested"),
		AttestationRef: anyText.Draw(t, "attestation"), Systems: anyTexts.Draw(t, "systems"), Scope: maybe(aScope).Draw(t, "scope"), Number: aNatural.Draw(t, "number"),
		MapHash: maybeDigest.Draw(t, "map"), AsOf: maybeInstant.Draw(t, "as of"), NotAfter: maybeInstant.Draw(t, "not after"), Priority: rapid.Int32().Draw(t, "priority"),
		ParentRequestID: maybeID.Draw(t, "parent"), Instance: anyText.Draw(t, "instance"), Environment: anyText.Draw(t, "environment"), TraceID: anyText.Draw(t, "trace"),
		Signature: anyBytes.Draw(t, "signature"),
	}
})

var aStatus = rapid.Custom(func(t *rapid.T) dsr.Status {
	system := rapid.Custom(func(t *rapid.T) dsr.SystemStatus {
		return dsr.SystemStatus{
			Name: someText.Draw(t, "name"), Phase: dsr.Phase(anyText.Draw(t, "phase")), Round: aNatural.Draw(t, "round"), State: someText.Draw(t, "state"),
			Outcome: dsr.Outcome(anyText.Draw(t, "outcome")), At: maybeInstant.Draw(t, "at"),
		}
	})
	return dsr.Status{
		Tenant: anyText.Draw(t, "tenant"), RequestID: anID.Draw(t, "id"), Version: rapid.Int64Range(1, 1<<63-1).Draw(t, "version"), State: dsr.State(someText.Draw(t, "state")),
		Kind: dsr.Kind(someText.Draw(t, "kind")), SubjectRef: anyText.Draw(t, "ref"), Phase: dsr.Phase(anyText.Draw(t, "phase")), Round: aNatural.Draw(t, "round"),
		Systems: listOf(system).Draw(t, "systems"), WaitsFor: maybeID.Draw(t, "waits for"), Reasons: anyTexts.Draw(t, "reasons"), ReceivedAt: maybeInstant.Draw(t, "received"),
		AdmittedAt: maybeInstant.Draw(t, "admitted"), UpdatedAt: maybeInstant.Draw(t, "updated"), DueAt: maybeInstant.Draw(t, "due"), NextAt: maybeInstant.Draw(t, "next"),
		Result: dsr.Result(anyText.Draw(t, "result")), RecordID: anyText.Draw(t, "record"), Number: aNatural.Draw(t, "number"), Environment: anyText.Draw(t, "environment"),
	}
})

var aRejection = rapid.Custom(func(t *rapid.T) dsr.Rejection {
	return dsr.Rejection{
		RequestID: maybeID.Draw(t, "id"), Tenant: anyText.Draw(t, "tenant"), Kind: dsr.Kind(anyText.Draw(t, "kind")), Reason: someText.Draw(t, "reason"),
		Message: anyText.Draw(t, "message"), Topic: someText.Draw(t, "topic"), Partition: aNatural.Draw(t, "partition"), Offset: anAmount.Draw(t, "offset"),
		SHA256: aDigest.Draw(t, "sha256"), ReceivedAt: maybeInstant.Draw(t, "received"), DueAt: maybeInstant.Draw(t, "due"), RejectedAt: anInstant.Draw(t, "rejected"),
		Environment: anyText.Draw(t, "environment"),
	}
})

var aCompletion = rapid.Custom(func(t *rapid.T) dsr.Completion {
	return dsr.Completion{
		Tenant: anyText.Draw(t, "tenant"), RequestID: anID.Draw(t, "id"), RecordID: someText.Draw(t, "record"), Number: aNatural.Draw(t, "number"), Type: someText.Draw(t, "type"),
		Kind: dsr.Kind(someText.Draw(t, "kind")), Result: dsr.Result(someText.Draw(t, "result")), SealedAt: anInstant.Draw(t, "sealed"),
		Envelope: rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "envelope"), SHA256: aDigest.Draw(t, "sha256"), Environment: anyText.Draw(t, "environment"),
	}
})
