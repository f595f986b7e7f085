package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// EncodeSubjectRequest frames a subject request. It demands a request id, a kind and the instant of receipt; whether they
// are acceptable is the coordinator's to say.
func (c *Codec) EncodeSubjectRequest(v dsr.SubjectRequest) ([]byte, error) {
	m := c.messages[schemas.SubjectRequest]
	w := m.writers.one()
	w.mustID("request_id", v.RequestID)
	w.must("kind", string(v.Kind))
	w.mustInstant("received_at", v.ReceivedAt)
	w.text("tenant", v.Tenant)
	w.text("regulation", v.Regulation)
	w.text("establishment", v.Establishment)
	w.bytes("sealed_identifiers", v.SealedIdentifiers)
	writeIdentifiers(w, v.Identifiers)
	w.text("key_id", v.KeyID)
	w.text("capacity", v.Capacity)
	writeRequester(w, v.Requester)
	writeIdentity(w, v.Identity)
	w.text("channel", v.Channel)
	w.text("source", v.Source)
	w.id("corrects", v.Corrects)
	w.id("parent_request_id", v.ParentRequestID)
	w.int(priority, v.Priority)
	writeGround(w, v.Ground)
	writeScope(w, v.Scope)
	writeDelivery(w, v.Delivery)
	writeDecision(w, v.Decision)
	w.text("instruction_ref", v.InstructionRef)
	w.instant("not_after", v.NotAfter)
	w.text("instance", v.Instance)
	w.bytes("signature", v.Signature)
	return m.write(w)
}

// DecodeSubjectRequest reads a framed subject request of any released version. With a *[MalformedError] that names a field
// whose content is wrong (an id that is no UUID) comes what else could be read, so that the sender can be told which request
// it was; with any other error comes nothing.
func (c *Codec) DecodeSubjectRequest(b []byte) (dsr.SubjectRequest, error) {
	r, err := c.open(schemas.SubjectRequest, b)
	if err != nil {
		return dsr.SubjectRequest{}, err
	}
	v := dsr.SubjectRequest{
		RequestID:         r.mustID("request_id"),
		Kind:              dsr.Kind(r.must("kind")),
		ReceivedAt:        r.mustInstant("received_at"),
		Tenant:            r.text("tenant"),
		Regulation:        r.text("regulation"),
		Establishment:     r.text("establishment"),
		SealedIdentifiers: r.bytes("sealed_identifiers"),
		Identifiers:       readIdentifiers(&r, r.array("identifiers")),
		KeyID:             r.text("key_id"),
		Capacity:          r.text("capacity"),
		Requester:         readRequester(&r),
		Identity:          readIdentity(&r),
		Channel:           r.text("channel"),
		Source:            r.text("source"),
		Corrects:          r.id("corrects"),
		ParentRequestID:   r.id("parent_request_id"),
		Priority:          r.int(priority),
		Ground:            readGround(&r),
		Scope:             readScope(&r),
		Delivery:          readDelivery(&r),
		Decision:          readDecision(&r),
		InstructionRef:    r.text("instruction_ref"),
		NotAfter:          r.instant("not_after"),
		Instance:          r.text("instance"),
		Signature:         r.bytes("signature"),
	}
	return v, r.close(schemas.SubjectRequest)
}

func writeRequester(w *writer, v *dsr.Requester) {
	if w.begin("requester", v != nil) {
		w.text("role", v.Role)
		w.text("authority_ref", v.AuthorityRef)
		w.text("checked_by", v.CheckedBy)
		w.end()
	}
}

func readRequester(r *reader) *dsr.Requester {
	if !r.begin("requester") {
		return nil
	}
	v := &dsr.Requester{Role: r.text("role"), AuthorityRef: r.text("authority_ref"), CheckedBy: r.text("checked_by")}
	r.end()
	return v
}

func writeIdentity(w *writer, v *dsr.Identity) {
	if w.begin("identity", v != nil) {
		w.text("method", v.Method)
		w.instant("verified_at", v.VerifiedAt)
		w.instant("doubts_raised_at", v.DoubtsRaisedAt)
		w.instant("resolved_at", v.ResolvedAt)
		w.end()
	}
}

func readIdentity(r *reader) *dsr.Identity {
	if !r.begin("identity") {
		return nil
	}
	v := &dsr.Identity{
		Method: r.text("method"), VerifiedAt: r.instant("verified_at"),
		DoubtsRaisedAt: r.instant("doubts_raised_at"), ResolvedAt: r.instant("resolved_at"),
	}
	r.end()
	return v
}

func writeDecision(w *writer, v *dsr.Decision) {
	if !w.begin("decision", v != nil) {
		return
	}
	w.must("decision", v.Decision)
	if w.array("grounds", len(v.Grounds)) {
		for _, g := range v.Grounds {
			w.item()
			writeGroundFields(w, g)
		}
		w.end()
	}
	w.text("by_role", v.ByRole)
	w.instant("at", v.At)
	w.end()
}

func readDecision(r *reader) *dsr.Decision {
	if !r.begin("decision") {
		return nil
	}
	v := &dsr.Decision{Decision: r.must("decision")}
	if r.array("grounds") > 0 {
		for r.more() {
			v.Grounds = append(v.Grounds, readGroundFields(r))
		}
	}
	v.ByRole = r.text("by_role")
	v.At = r.instant("at")
	r.end()
	return v
}
