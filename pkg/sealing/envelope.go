package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// An envelope: version byte, length of the wrapped key (2 bytes, big-endian), the wrapped key, then AES-256-GCM under that
// key with its nonce in front.
const (
	envelopeVersion = 1
	envelopeHeader  = 3
	dataKeyBytes    = 32
)

// Envelope seals what the coordinator stores: a fresh data key for each value, wrapped by a keyset. A value held for months
// outlives many store keys: [Envelope.Rewrap] moves it to the current one without touching the content. A value whose wrapped
// key is overwritten is gone, wherever a copy of the content may be.
type Envelope struct {
	keys *Keyset
}

// NewEnvelope wraps data keys with keys.
func NewEnvelope(keys *Keyset) *Envelope { return &Envelope{keys: keys} }

// Keyset is the keyset that wraps the data keys.
func (e *Envelope) Keyset() *Keyset { return e.keys }

// Seal encrypts plaintext bound to ad; see [StoredAD].
func (e *Envelope) Seal(plaintext, ad []byte) ([]byte, error) {
	dataKey := make([]byte, dataKeyBytes)
	rand.Read(dataKey) // never fails: it ends the program instead
	gcm, err := newGCM(dataKey)
	if err != nil {
		return nil, fmt.Errorf("seal an envelope: %w", err)
	}
	b, err := e.wrap(dataKey, ad)
	if err != nil {
		return nil, fmt.Errorf("seal an envelope: %w", err)
	}
	return gcm.Seal(b, nil, plaintext, ad), nil
}

// Open decrypts what Seal gave for the same ad. The errors are those of [Keyset.Open].
func (e *Envelope) Open(sealed, ad []byte) ([]byte, error) {
	wrapped, content, err := splitEnvelope(sealed)
	if err != nil {
		return nil, fmt.Errorf("open an envelope: %w", err)
	}
	dataKey, err := e.keys.Open(wrapped, ad)
	if err != nil {
		return nil, fmt.Errorf("open an envelope: %w", err)
	}
	gcm, err := newGCM(dataKey)
	if err != nil {
		return nil, fmt.Errorf("open an envelope: %w", ErrOpen)
	}
	plain, err := gcm.Open(nil, nil, content, ad)
	if err != nil {
		return nil, fmt.Errorf("open an envelope: %w", ErrOpen)
	}
	return plain, nil
}

// Rewrap returns the envelope with its data key wrapped by the primary key. One that already is comes back as it is.
func (e *Envelope) Rewrap(sealed, ad []byte) ([]byte, error) {
	wrapped, content, err := splitEnvelope(sealed)
	if err != nil {
		return nil, fmt.Errorf("rewrap an envelope: %w", err)
	}
	if id, err := SealedKeyID(wrapped); err == nil && id == e.keys.KeyID() {
		return sealed, nil
	}
	dataKey, err := e.keys.Open(wrapped, ad)
	if err != nil {
		return nil, fmt.Errorf("rewrap an envelope: %w", err)
	}
	b, err := e.wrap(dataKey, ad)
	if err != nil {
		return nil, fmt.Errorf("rewrap an envelope: %w", err)
	}
	return append(b, content...), nil
}

func (e *Envelope) wrap(dataKey, ad []byte) ([]byte, error) {
	wrapped, err := e.keys.Seal(dataKey, ad)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, envelopeHeader+len(wrapped)+256)
	b = append(b, envelopeVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(len(wrapped)))
	return append(b, wrapped...), nil
}

func splitEnvelope(sealed []byte) (wrapped, content []byte, err error) {
	if len(sealed) < envelopeHeader || sealed[0] != envelopeVersion {
		return nil, nil, ErrOpen
	}
	n := int(binary.BigEndian.Uint16(sealed[1:envelopeHeader]))
	if len(sealed) < envelopeHeader+n {
		return nil, nil, ErrOpen
	}
	return sealed[envelopeHeader : envelopeHeader+n], sealed[envelopeHeader+n:], nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
