package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// EncodeRejection frames a rejection. It demands a reason, the place and digest of the message, and the instant.
func (c *Codec) EncodeRejection(v dsr.Rejection) ([]byte, error) {
	m := c.messages[schemas.RejectedRequest]
	w := m.writers.one()
	w.id("request_id", v.RequestID)
	w.text("tenant", v.Tenant)
	w.text("kind", string(v.Kind))
	w.must("reason", v.Reason)
	w.any("message", v.Message)
	w.must("topic", v.Topic)
	w.mustInt("partition", v.Partition)
	w.mustSize("offset", v.Offset)
	w.mustHash("sha256", v.SHA256)
	w.instant("received_at", v.ReceivedAt)
	w.instant("due_at", v.DueAt)
	w.mustInstant("rejected_at", v.RejectedAt)
	w.text("environment", v.Environment)
	return m.write(w)
}

// DecodeRejection reads a framed rejection of any released version. What comes with an error is as in
// [Codec.DecodeSubjectRequest].
func (c *Codec) DecodeRejection(b []byte) (dsr.Rejection, error) {
	r, err := c.open(schemas.RejectedRequest, b)
	if err != nil {
		return dsr.Rejection{}, err
	}
	v := dsr.Rejection{
		RequestID:   r.id("request_id"),
		Tenant:      r.text("tenant"),
		Kind:        dsr.Kind(r.text("kind")),
		Reason:      r.must("reason"),
		Message:     r.must("message"),
		Topic:       r.must("topic"),
		Partition:   r.mustInt("partition"),
		Offset:      r.mustSize("offset"),
		SHA256:      r.mustHash("sha256"),
		ReceivedAt:  r.instant("received_at"),
		DueAt:       r.instant("due_at"),
		RejectedAt:  r.mustInstant("rejected_at"),
		Environment: r.text("environment"),
	}
	return v, r.close(schemas.RejectedRequest)
}
