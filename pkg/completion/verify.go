package completion

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Verified is a record whose signature and content hold.
type Verified struct {
	Record *Record
	KeyID  string            // that signed
	SHA256 [sha256.Size]byte // of the envelope, for the addendum that follows
}

// Defect says what is wrong with a record.
type Defect string

// The defects, in the order in which Verify looks for them.
const (
	TooLarge            Defect = "too_large"
	NotJSON             Defect = "not_json"
	NotCanonical        Defect = "not_canonical" // re-encoding the envelope gives other bytes
	WrongPayloadType    Defect = "payload_type"
	WrongSignatures     Defect = "signatures" // not exactly one
	UnknownKey          Defect = "unknown_key"
	SignatureMismatch   Defect = "signature"
	PayloadNotJSON      Defect = "payload_not_json"
	PayloadNotCanonical Defect = "payload_not_canonical"
	SchemaViolation     Defect = "schema"
	ResultUnsupported   Defect = "result" // the result is not what the record's own lines support
)

// DefectError says what is wrong with a record, for a person.
type DefectError struct {
	Defect  Defect
	Message string
}

// Error returns the message.
func (e *DefectError) Error() string { return e.Message }

func defect(d Defect, format string, args ...any) error {
	return &DefectError{Defect: d, Message: "record does not verify: " + fmt.Sprintf(format, args...)}
}

// Verify checks an envelope offline: form, signature, content, and that the record says no more than its own lines support. It
// shows that the record is what a holder of the key sealed; whether an addendum followed, [VerifyChain] and the topic of
// completions tell. An error is a [*DefectError].
func Verify(envelope []byte, v *Verifier) (*Verified, error) {
	payload, keyID, err := open(envelope, v)
	if err != nil {
		return nil, err
	}
	r, err := decode(payload)
	if err != nil {
		return nil, err
	}
	return &Verified{Record: r, KeyID: keyID, SHA256: sha256.Sum256(envelope)}, nil
}

// open checks everything about the envelope and returns its payload.
func open(envelope []byte, v *Verifier) (payload []byte, keyID string, err error) {
	if len(envelope) > maxEnvelopeBytes {
		return nil, "", defect(TooLarge, "it has %d bytes, at most %d are read", len(envelope), maxEnvelopeBytes)
	}
	var e dsse.Envelope
	if at, err := decodeStrict(envelope, &e); err != nil {
		return nil, "", defect(NotJSON, "the envelope is not the JSON of a DSSE envelope at byte %d: %v", at, err)
	}
	if at := firstDifference(envelope, reencode(&e)); at >= 0 {
		return nil, "", defect(NotCanonical, "the envelope is not canonical JSON: byte %d is not what re-encoding gives", at)
	}
	if e.PayloadType != PayloadType {
		return nil, "", defect(WrongPayloadType, "the payload type is %.100q, not %q", e.PayloadType, PayloadType)
	}
	if len(e.Signatures) != 1 {
		return nil, "", defect(WrongSignatures, "it carries %d signatures, a record carries one", len(e.Signatures))
	}
	keyID = e.Signatures[0].KeyID
	key, ok := v.keys[keyID]
	if !ok {
		return nil, "", defect(UnknownKey, "it is signed with key %.100q; the keys known are %q", keyID, v.ids)
	}
	payload, ok = decodeBase64(e.Payload)
	if !ok {
		return nil, "", defect(NotCanonical, "the payload is not base64 in its one canonical form")
	}
	sig, ok := decodeBase64(e.Signatures[0].Sig)
	if !ok {
		return nil, "", defect(NotCanonical, "the signature is not base64 in its one canonical form")
	}
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(key, dsse.PAE(PayloadType, payload), sig) {
		return nil, "", defect(SignatureMismatch,
			"the signature of key %s does not match: the payload, or the signature, was changed after it was signed", keyID)
	}
	return payload, keyID, nil
}

// decode checks everything about the payload.
func decode(payload []byte) (*Record, error) {
	var r Record
	if at, err := decodeStrict(payload, &r); err != nil {
		return nil, defect(PayloadNotJSON, "the payload is not the JSON of a record at byte %d: %v", at, err)
	}
	again, err := canonical(&r)
	if err != nil {
		return nil, defect(PayloadNotCanonical, "the payload is not canonical JSON: %v", err)
	}
	if at := firstDifference(payload, again); at >= 0 {
		return nil, defect(PayloadNotCanonical, "the payload is not canonical JSON: byte %d is not what re-encoding gives", at)
	}
	if err := r.check(); err != nil {
		return nil, defect(SchemaViolation, "the payload is not a record of schema %s: %v", SchemaV1, err)
	}
	if err := r.supported(); err != nil {
		return nil, defect(ResultUnsupported, "%v", err)
	}
	return &r, nil
}
