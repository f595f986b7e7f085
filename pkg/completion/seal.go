package completion

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Sealed is a signed record.
type Sealed struct {
	Envelope []byte
	SHA256   [sha256.Size]byte // of the envelope
	Result   dsr.Result
}

// Seal computes on_time, the result and the reasons of a record, and signs it. Of r.Reasons it keeps those that the coordinator
// stated. It refuses a record with a field missing or out of its range, and one that claims a result of its own which its lines
// do not support; leave r.Result empty. It does not change r, and the same record and key give the same bytes.
func Seal(r *Record, s *Signer) (Sealed, error) {
	out := *r
	out.Schema = SchemaV1
	out.Clock.OnTime = r.Clock.onTime()
	out.Result, out.Reasons = ResultOf(r)
	if r.Result != "" && r.Result != out.Result {
		return Sealed{}, fmt.Errorf("seal record: it claims to be %s, its lines support %s", r.Result, out.Result)
	}
	if r.Clock.OnTime != "" && r.Clock.OnTime != out.Clock.OnTime {
		return Sealed{}, fmt.Errorf("seal record: it claims on_time %s, its clock says %s", r.Clock.OnTime, out.Clock.OnTime)
	}
	if err := out.check(); err != nil {
		return Sealed{}, fmt.Errorf("seal record: %w", err)
	}
	payload, err := canonical(&out)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal record: %w", err)
	}
	envelope := sign(payload, s)
	if len(envelope) > maxEnvelopeBytes {
		return Sealed{}, fmt.Errorf("seal record: it has %d bytes, at most %d are accepted", len(envelope), maxEnvelopeBytes)
	}
	return Sealed{Envelope: envelope, SHA256: sha256.Sum256(envelope), Result: out.Result}, nil
}

// supported reports whether a sealed record says what its own lines support.
func (r *Record) supported() error {
	result, reasons := ResultOf(r)
	if r.Result != result {
		return fmt.Errorf("it says %s, its lines support %s", r.Result, result)
	}
	if want := r.Clock.onTime(); r.Clock.OnTime != want {
		return fmt.Errorf("it says on_time %s, its clock says %s", r.Clock.OnTime, want)
	}
	for i := range reasons {
		if !slices.ContainsFunc(r.Reasons, func(o Reason) bool { return o.same(&reasons[i]) }) {
			return fmt.Errorf("it keeps back the reason %s", reasons[i].Code)
		}
	}
	if len(r.Reasons) != len(reasons) {
		return fmt.Errorf("it gives %d reasons, its lines support %d", len(r.Reasons), len(reasons))
	}
	return nil
}
