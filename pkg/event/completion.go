package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// EncodeCompletion frames a sealed record. It demands everything but the tenant and the environment.
func (c *Codec) EncodeCompletion(v dsr.Completion) ([]byte, error) {
	m := c.messages[schemas.Completion]
	w := m.writers.one()
	w.mustID("request_id", v.RequestID)
	w.must("record_id", v.RecordID)
	w.mustInt("number", v.Number)
	w.must("type", v.Type)
	w.must("kind", string(v.Kind))
	w.must("result", string(v.Result))
	w.mustInstant("sealed_at", v.SealedAt)
	w.mustBytes("envelope", v.Envelope)
	w.mustHash("sha256", v.SHA256)
	w.text("tenant", v.Tenant)
	w.text("environment", v.Environment)
	return m.write(w)
}

// DecodeCompletion reads a framed completion of any released version. What comes with an error is as in
// [Codec.DecodeSubjectRequest]. Whether the envelope holds what the other fields say is package completion's to check.
func (c *Codec) DecodeCompletion(b []byte) (dsr.Completion, error) {
	r, err := c.open(schemas.Completion, b)
	if err != nil {
		return dsr.Completion{}, err
	}
	v := dsr.Completion{
		RequestID:   r.mustID("request_id"),
		RecordID:    r.must("record_id"),
		Number:      r.mustInt("number"),
		Type:        r.must("type"),
		Kind:        dsr.Kind(r.must("kind")),
		Result:      dsr.Result(r.must("result")),
		SealedAt:    r.mustInstant("sealed_at"),
		Envelope:    r.mustBytes("envelope"),
		SHA256:      r.mustHash("sha256"),
		Tenant:      r.text("tenant"),
		Environment: r.text("environment"),
	}
	return v, r.close(schemas.Completion)
}
