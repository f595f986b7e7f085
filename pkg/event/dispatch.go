package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// EncodeDispatch frames a dispatched request. It demands request id, kind, phase and at least one addressee.
func (c *Codec) EncodeDispatch(v dsr.Dispatch) ([]byte, error) {
	m := c.messages[schemas.DispatchedRequest]
	w := m.writers.one()
	w.mustID("request_id", v.RequestID)
	w.must("kind", string(v.Kind))
	w.must("phase", string(v.Phase))
	w.mustInt("round", v.Round)
	w.mustInt("attempt", v.Attempt)
	w.mustTexts("systems", v.Systems)
	w.text("tenant", v.Tenant)
	w.text("dispatch_id", v.DispatchID)
	w.text("ack_id", v.AckID)
	w.text("subject_ref", v.SubjectRef)
	w.text("capacity", v.Capacity)
	w.text("regulation", v.Regulation)
	writeScope(w, v.Scope)
	w.bytes("sealed_identifiers", v.SealedIdentifiers)
	w.text("key_id", v.KeyID)
	writeSealedKeys(w, v.SealedKeys)
	w.texts("want", v.Want)
	writeParts(w, v.Parts)
	writeDelivery(w, v.Delivery)
	writePending(w, v.Pending)
	w.hash("map_hash", v.MapHash)
	w.instant("received_at", v.ReceivedAt)
	w.instant("dispatched_at", v.DispatchedAt)
	w.instant("as_of", v.AsOf)
	w.instant("not_after", v.NotAfter)
	w.int(priority, v.Priority)
	w.id("parent_request_id", v.ParentRequestID)
	w.int("number", v.Number)
	w.text("instance", v.Instance)
	w.text("environment", v.Environment)
	w.bytes("signature", v.Signature)
	return m.write(w)
}

// DecodeDispatch reads a framed dispatched request of any released version. What comes with an error is as in
// [Codec.DecodeSubjectRequest].
func (c *Codec) DecodeDispatch(b []byte) (dsr.Dispatch, error) {
	r, err := c.open(schemas.DispatchedRequest, b)
	if err != nil {
		return dsr.Dispatch{}, err
	}
	v := dsr.Dispatch{
		RequestID:         r.mustID("request_id"),
		Kind:              dsr.Kind(r.must("kind")),
		Phase:             dsr.Phase(r.must("phase")),
		Round:             r.mustInt("round"),
		Attempt:           r.mustInt("attempt"),
		Systems:           r.mustTexts("systems"),
		Tenant:            r.text("tenant"),
		DispatchID:        r.text("dispatch_id"),
		AckID:             r.text("ack_id"),
		SubjectRef:        r.text("subject_ref"),
		Capacity:          r.text("capacity"),
		Regulation:        r.text("regulation"),
		Scope:             readScope(&r),
		SealedIdentifiers: r.bytes("sealed_identifiers"),
		KeyID:             r.text("key_id"),
		SealedKeys:        readSealedKeys(&r),
		Want:              r.texts("want"),
		Parts:             readParts(&r),
		Delivery:          readDelivery(&r),
		Pending:           readPending(&r),
		MapHash:           r.hash("map_hash"),
		ReceivedAt:        r.instant("received_at"),
		DispatchedAt:      r.instant("dispatched_at"),
		AsOf:              r.instant("as_of"),
		NotAfter:          r.instant("not_after"),
		Priority:          r.int(priority),
		ParentRequestID:   r.id("parent_request_id"),
		Number:            r.int("number"),
		Instance:          r.text("instance"),
		Environment:       r.text("environment"),
		Signature:         r.bytes("signature"),
	}
	return v, r.close(schemas.DispatchedRequest)
}

func writeSealedKeys(w *writer, keys []dsr.SealedKeys) {
	if !w.array("sealed_keys", len(keys)) {
		return
	}
	for _, k := range keys {
		w.item()
		w.must("system", k.System)
		w.mustBytes("value", k.Value)
	}
	w.end()
}

func readSealedKeys(r *reader) []dsr.SealedKeys {
	n := r.array("sealed_keys")
	if n == 0 {
		return nil
	}
	keys := make([]dsr.SealedKeys, 0, n)
	for r.more() {
		keys = append(keys, dsr.SealedKeys{System: r.must("system"), Value: r.mustBytes("value")})
	}
	return keys
}

func writePending(w *writer, lines []dsr.Line) {
	if !w.array("pending", len(lines)) {
		return
	}
	for _, l := range lines {
		w.item()
		w.must("system", l.System)
		w.must("outcome", string(l.Outcome))
	}
	w.end()
}

func readPending(r *reader) []dsr.Line {
	n := r.array("pending")
	if n == 0 {
		return nil
	}
	lines := make([]dsr.Line, 0, n)
	for r.more() {
		lines = append(lines, dsr.Line{System: r.must("system"), Outcome: dsr.Outcome(r.must("outcome"))})
	}
	return lines
}
