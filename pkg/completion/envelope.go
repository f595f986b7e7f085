package completion

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// PayloadType is the DSSE payload type of a record.
const PayloadType = "application/vnd.lethe.completion-record.v1+json"

// maxEnvelopeBytes bounds what is sealed and read as a record; a large one has some ten kilobytes.
const maxEnvelopeBytes = 16 << 20

// sign returns the envelope of a payload, as canonical JSON.
func sign(payload []byte, s *Signer) []byte {
	sig := ed25519.Sign(s.newest(), dsse.PAE(PayloadType, payload))
	w := writer{b: make([]byte, 0, base64.StdEncoding.EncodedLen(len(payload))+300)}
	w.begin('{')
	w.base64("payload", payload)
	w.text("payloadType", PayloadType)
	list(&w, "signatures", [][]byte{sig}, func(w *writer, sig *[]byte) {
		w.text("keyid", s.id)
		w.base64("sig", *sig)
	})
	w.end('}')
	return w.b
}

// reencode writes an envelope that was read, in the form that sign gives it.
func reencode(e *dsse.Envelope) []byte {
	w := writer{b: make([]byte, 0, len(e.Payload)+300)}
	w.begin('{')
	w.text("payload", e.Payload)
	w.text("payloadType", e.PayloadType)
	list(&w, "signatures", e.Signatures, func(w *writer, s *dsse.Signature) {
		w.text("keyid", s.KeyID)
		w.text("sig", s.Sig)
	})
	w.end('}')
	return w.b
}

// decodeBase64 reads only the form that encoding gives: the package for DSSE also takes the URL alphabet, line breaks and loose
// trailing bits, so that a changed byte could verify.
func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil && base64.StdEncoding.EncodeToString(b) == s
}

// decodeStrict reads exactly one JSON value and refuses names that v does not know.
func decodeStrict(b []byte, v any) (offset int64, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return syntax.Offset, err
		case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
			return int64(len(b)), errors.New("it ends too early")
		}
		return d.InputOffset(), err
	}
	if d.More() || int(d.InputOffset()) != len(b) {
		return d.InputOffset(), errors.New("something follows after its end")
	}
	return 0, nil
}

// firstDifference is the offset of the first byte in which a and b differ, -1 where they are equal.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
