package event_test

import (
	"bytes"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

const (
	requestID = dsr.RequestID("7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1")
	otherID   = dsr.RequestID("0b2d4f60-1a3c-4e5f-9a8b-7c6d5e4f3a2b")
)

var (
	at     = time.Date(2026, 11, 24, 8, 55, 0, 123_456_000, time.UTC)
	digest = bytes.Repeat([]byte{0xAB}, 32)
)

func later(d time.Duration) *time.Time {
	t := at.Add(d)
	return &t
}

// smallRequest is what most upstream systems will publish.
func smallRequest() dsr.SubjectRequest {
	return dsr.SubjectRequest{
		RequestID: requestID, Kind: dsr.Erasure, ReceivedAt: at, SealedIdentifiers: bytes.Repeat([]byte{7}, 120),
		Capacity: "customer", Channel: "web form", Source: "crm",
	}
}

// fullRequest has every field.
func fullRequest() dsr.SubjectRequest {
	return dsr.SubjectRequest{
		RequestID: requestID, Tenant: "meridian", Kind: dsr.Erasure, ReceivedAt: at, Regulation: "gdpr", Establishment: "berlin",
		SealedIdentifiers: []byte{1, 2, 3}, Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: "Zoë@example.org"}, {Kind: "customer_id", Value: "42"}},
		KeyID: "1a2b3c4d5e6f7a8b", Capacity: "customer",
		Requester: &dsr.Requester{Role: "lawyer", AuthorityRef: "dms/4711", CheckedBy: "privacy desk"},
		Identity:  &dsr.Identity{Method: "login and code", VerifiedAt: at, DoubtsRaisedAt: at.Add(-time.Hour), ResolvedAt: at.Add(time.Minute)},
		Channel:   "web form", Source: "crm", Corrects: otherID, ParentRequestID: otherID, Priority: -3,
		Ground: &dsr.Ground{Article: "GDPR 17(1)(b)", Law: "none", Note: "consent withdrawn"},
		Scope:  &dsr.Scope{Systems: []string{"shop", "chats"}, Categories: []string{"user.contact"}}, Delivery: &dsr.Delivery{Channel: "portal", Format: "zip"},
		Decision: &dsr.Decision{
			Decision: dsr.GrantedInPart, Grounds: []dsr.Ground{{Article: "GDPR 17(3)(b)"}, {Law: "tax law", Note: "invoices"}}, ByRole: "privacy desk", At: at,
		},
		InstructionRef: "dpa/12", Instance: "crm-1", NotAfter: at.Add(24 * time.Hour), Signature: []byte{9},
	}
}

func smallDispatch() dsr.Dispatch {
	return dsr.Dispatch{
		RequestID: requestID, Kind: dsr.Erasure, Phase: dsr.Act, Round: 1, Attempt: 1, Systems: []string{"shop", "chats", "embeddings"},
		SubjectRef: "9c0d51aa4be19c0d51aa4be19c0d51aa", Capacity: "customer", SealedIdentifiers: bytes.Repeat([]byte{7}, 90), KeyID: "1a2b3c4d",
		MapHash: digest, ReceivedAt: at, DispatchedAt: at, AsOf: at, NotAfter: at.Add(30 * 24 * time.Hour), DispatchID: string(otherID),
	}
}

func fullDispatch() dsr.Dispatch {
	d := smallDispatch()
	d.Tenant, d.Regulation, d.Scope = "meridian", "gdpr", &dsr.Scope{Systems: []string{"shop"}, Categories: []string{"user.contact"}}
	d.SealedKeys = []dsr.SealedKeys{{System: "shop", Value: []byte{1, 2}}, {System: "chats", Value: []byte{3}}}
	d.Want, d.Delivery = []string{"customer_id", "device_id"}, &dsr.Delivery{Channel: "portal", Format: "zip"}
	d.Parts = []dsr.Part{
		{System: "shop", Collection: "orders", Path: "parts/x/shop/1/orders.jsonl", MediaType: "application/x-ndjson", SHA256: digest, SizeBytes: 4096, Records: 12},
		{System: "files", Path: "parts/x/files/1/a.jpg", SHA256: digest},
	}
	d.Pending = []dsr.Line{{System: "chats", Outcome: dsr.NoAnswer}}
	d.AckID, d.Number, d.Priority, d.ParentRequestID = "ack-1", 1, 5, otherID
	d.Instance, d.Environment, d.Signature = "coordinator-2", "dev", []byte{9}
	return d
}

func smallAcknowledgement() dsr.Acknowledgement {
	return dsr.Acknowledgement{
		Key:  dsr.Key{RequestID: requestID, System: "shop", Phase: dsr.Act, Round: 1},
		Kind: dsr.Erasure, Attempt: 1, State: dsr.AckAnswered, AckID: string(otherID),
		Collections: []dsr.Collection{{
			Name: "customer", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}, Method: "delete", MethodVersion: "1",
		}},
		IdentifierKinds: []string{"email"}, DoneAt: at, FirstAt: at, EvidenceSHA256: digest, MapHash: digest,
	}
}

func fullAcknowledgement() dsr.Acknowledgement {
	a := smallAcknowledgement()
	a.Tenant = "meridian"
	a.Collections = append(a.Collections, dsr.Collection{
		Name: "invoice", Categories: []string{"user.financial", "user.contact"}, Outcome: dsr.Retained,
		Counts:       dsr.Counts{Found: 1, Erased: 2, Anonymised: 3, Pseudonymised: 4, Detached: 5, Retained: 6, Exported: 7, Withheld: 8, Cascaded: 9, Remaining: 10},
		CountQuality: dsr.CountsLowerBound, Method: "keep", MethodVersion: "2", Ground: &dsr.Ground{Article: "GDPR 17(3)(b)", Law: "tax law", Note: "figures stay"},
		Until: later(10 * 365 * 24 * time.Hour), Restricted: "read by finance only", AssessmentRef: "dpia/3", PhysicalBy: later(time.Hour), Note: "kept",
	}, dsr.Collection{Name: "chat", Outcome: dsr.NotSearched, CountQuality: dsr.CountsUnknown})
	a.SealedResolved, a.ResolvedKinds, a.SealedKeys, a.KeyID = []byte{1}, []string{"customer_id"}, []byte{2}, "1a2b3c4d"
	a.Parts = []dsr.Part{{System: "shop", Collection: "orders", Path: "parts/x/shop/1/orders.jsonl", MediaType: "application/x-ndjson", SHA256: digest, SizeBytes: 1 << 40, Records: 12}}
	a.SystemVersion, a.PhysicalBy, a.DelayedUntil = "0.1.0", later(time.Hour), at.Add(time.Hour)
	a.ErrorCode, a.ErrorClass, a.Resumed, a.AttestedBy, a.AttestationRef = dsr.CodeDeadline, "permanent", true, "processor", "doc/1"
	a.Systems, a.Scope, a.Number = []string{"shop"}, &dsr.Scope{Systems: []string{"shop", "chats"}, Categories: []string{"user"}}, 2
	a.AsOf, a.NotAfter, a.Priority, a.ParentRequestID = at, at, 1, otherID
	a.Instance, a.Environment, a.TraceID, a.Signature = "shop-1", "production", "4bf92f3577b34da6a3ce929d0e0e4736", []byte{9}
	return a
}

func fullStatus() dsr.Status {
	return dsr.Status{
		Tenant: "meridian", RequestID: requestID, Version: 7, State: dsr.Sealed, Kind: dsr.Erasure, SubjectRef: "9c0d", Phase: dsr.Verify, Round: 2,
		Systems: []dsr.SystemStatus{
			{Name: "shop", Phase: dsr.Verify, Round: 2, State: "answered", Outcome: dsr.Erased, At: at}, {Name: "chats", State: "expected"},
		},
		WaitsFor: otherID, Reasons: []string{"residue"}, ReceivedAt: at, AdmittedAt: at, UpdatedAt: at, DueAt: at.Add(30 * 24 * time.Hour), NextAt: at,
		Result: dsr.Partial, RecordID: "rec-1", Number: 1, Environment: "dev",
	}
}

func fullRejection() dsr.Rejection {
	return dsr.Rejection{
		RequestID: requestID, Tenant: "meridian", Kind: dsr.Access, Reason: dsr.ReasonScope, Message: "the scope names a system that the data map does not have",
		Topic: "lethe.subject-requests", Partition: 3, Offset: 1 << 40, SHA256: digest, ReceivedAt: at, DueAt: at.Add(time.Hour), RejectedAt: at, Environment: "dev",
	}
}

func fullCompletion() dsr.Completion {
	return dsr.Completion{
		Tenant: "meridian", RequestID: requestID, RecordID: "rec-1", Number: 1, Type: "addendum", Kind: dsr.Erasure, Result: dsr.Complete, SealedAt: at,
		Envelope: []byte(`{"payload":""}`), SHA256: digest, Environment: "dev",
	}
}
