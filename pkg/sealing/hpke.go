package sealing

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// What sealed identifiers consist of, in this order: the first bytes of SHA-256 of the raw public key, the encapsulated
// X25519 key, the ciphertext with its tag.
const (
	keyIDBytes   = 8
	encBytes     = 32
	tagBytes     = 16
	hpkeOverhead = keyIDBytes + encBytes + tagBytes

	// infoPrefix binds a ciphertext to its purpose; the request id follows, so that it opens for no other request.
	infoPrefix = "lethe/v1/identifiers/"
)

// ErrOpen says that sealed bytes do not open: they were changed, cut, or sealed for another request, phase or system.
var ErrOpen = errors.New("sealed bytes do not open: changed, cut off, or sealed for something else")

// UnknownKeyError says that bytes were sealed under a key which is not held here: removed, or not distributed yet.
type UnknownKeyError struct{ KeyID string }

func (e *UnknownKeyError) Error() string {
	return "sealed under key " + e.KeyID + ", which is not held here"
}

// PublicKey seals identifiers to the coordinator: HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
// AES-256-GCM. The zero value seals nothing.
type PublicKey struct {
	key hpke.PublicKey
	raw *ecdh.PublicKey
	id  [keyIDBytes]byte
}

func newPublicKey(raw *ecdh.PublicKey) (PublicKey, error) {
	if raw.Curve() != ecdh.X25519() {
		return PublicKey{}, errors.New("the key is not an X25519 key")
	}
	key, err := hpke.NewDHKEMPublicKey(raw)
	if err != nil {
		return PublicKey{}, err
	}
	sum := sha256.Sum256(raw.Bytes())
	return PublicKey{key: key, raw: raw, id: [keyIDBytes]byte(sum[:keyIDBytes])}, nil
}

// KeyID names the key: the first 8 bytes of SHA-256 of the raw public key, in hexadecimal. Empty for the zero value.
func (k PublicKey) KeyID() string {
	if k.key == nil {
		return ""
	}
	return hex.EncodeToString(k.id[:])
}

// Seal encrypts plaintext, the Avro array of identifiers, for the request id. The result carries the key's id in front.
// Two calls never give the same bytes.
func (k PublicKey) Seal(id dsr.RequestID, plaintext []byte) ([]byte, error) {
	if k.key == nil {
		return nil, errors.New("seal identifiers: no public key")
	}
	info, err := requestInfo(id)
	if err != nil {
		return nil, fmt.Errorf("seal identifiers: %w", err)
	}
	sealed, err := hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal identifiers of request %s: %w", id, err)
	}
	return slices.Concat(k.id[:], sealed), nil
}

// requestInfo demands a UUID in either case and binds its lower-case form, so that a client which prints upper case is understood.
func requestInfo(id dsr.RequestID) ([]byte, error) {
	id, err := dsr.ParseRequestID(string(id))
	if err != nil {
		return nil, err
	}
	return append([]byte(infoPrefix), id...), nil
}

// PrivateKeys are the coordinator's intake keys. The first one is current: its public half is what upstream systems are
// given. Every one opens what was sealed to it.
type PrivateKeys struct {
	keys []privateKey
}

type privateKey struct {
	key    hpke.PrivateKey
	raw    *ecdh.PrivateKey
	public PublicKey
}

func newPrivateKey(raw *ecdh.PrivateKey) (privateKey, error) {
	public, err := newPublicKey(raw.PublicKey())
	if err != nil {
		return privateKey{}, err
	}
	key, err := hpke.NewDHKEMPrivateKey(raw)
	if err != nil {
		return privateKey{}, err
	}
	return privateKey{key: key, raw: raw, public: public}, nil
}

func generatePrivateKey() (privateKey, error) {
	raw, err := ecdh.X25519().GenerateKey(nil) // nil: the system's secure source
	if err != nil {
		return privateKey{}, fmt.Errorf("generate an intake key: %w", err)
	}
	return newPrivateKey(raw)
}

// GeneratePrivateKeys makes one fresh intake key.
func GeneratePrivateKeys() (*PrivateKeys, error) {
	k, err := generatePrivateKey()
	if err != nil {
		return nil, err
	}
	return &PrivateKeys{keys: []privateKey{k}}, nil
}

// Public is the public half of the current key.
func (k *PrivateKeys) Public() PublicKey { return k.keys[0].public }

// KeyIDs names every key that is held, the current one first.
func (k *PrivateKeys) KeyIDs() []string {
	ids := make([]string, len(k.keys))
	for i, p := range k.keys {
		ids[i] = p.public.KeyID()
	}
	return ids
}

// Open decrypts what [PublicKey.Seal] gave for the same request id. The error is an *[UnknownKeyError] for a key that is not
// held and wraps [ErrOpen] for everything else that is wrong with the bytes.
func (k *PrivateKeys) Open(id dsr.RequestID, sealed []byte) ([]byte, error) {
	if len(sealed) < hpkeOverhead {
		return nil, fmt.Errorf("open identifiers: %d bytes, at least %d are needed: %w", len(sealed), hpkeOverhead, ErrOpen)
	}
	info, err := requestInfo(id)
	if err != nil {
		return nil, fmt.Errorf("open identifiers: %w", err)
	}
	i := k.index([keyIDBytes]byte(sealed[:keyIDBytes]))
	if i < 0 {
		return nil, fmt.Errorf("open identifiers of request %s: %w", id, &UnknownKeyError{KeyID: hex.EncodeToString(sealed[:keyIDBytes])})
	}
	plain, err := hpke.Open(k.keys[i].key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed[keyIDBytes:])
	if err != nil {
		return nil, fmt.Errorf("open identifiers of request %s: %w", id, ErrOpen)
	}
	return plain, nil
}

func (k *PrivateKeys) index(id [keyIDBytes]byte) int {
	return slices.IndexFunc(k.keys, func(p privateKey) bool { return p.public.id == id })
}

func (k *PrivateKeys) find(keyID string) (int, error) {
	i := slices.IndexFunc(k.keys, func(p privateKey) bool { return p.public.KeyID() == keyID })
	if i < 0 {
		return 0, &UnknownKeyError{KeyID: keyID}
	}
	return i, nil
}

// AddKey returns the keys with a fresh one added that is not yet current, and its id. Distribute them to every coordinator
// before the key is promoted.
func (k *PrivateKeys) AddKey() (*PrivateKeys, string, error) {
	fresh, err := generatePrivateKey()
	if err != nil {
		return nil, "", err
	}
	return &PrivateKeys{keys: append(slices.Clone(k.keys), fresh)}, fresh.public.KeyID(), nil
}

// Promote returns the keys with the named one current.
func (k *PrivateKeys) Promote(keyID string) (*PrivateKeys, error) {
	i, err := k.find(keyID)
	if err != nil {
		return nil, fmt.Errorf("promote an intake key: %w", err)
	}
	keys := []privateKey{k.keys[i]}
	keys = append(keys, k.keys[:i]...)
	return &PrivateKeys{keys: append(keys, k.keys[i+1:]...)}, nil
}

// Remove returns the keys without the named one, which must not be current. What was sealed to it never opens again.
func (k *PrivateKeys) Remove(keyID string) (*PrivateKeys, error) {
	i, err := k.find(keyID)
	if err != nil {
		return nil, fmt.Errorf("remove an intake key: %w", err)
	}
	if i == 0 {
		return nil, fmt.Errorf("remove an intake key: %s is current: promote another one first", keyID)
	}
	return &PrivateKeys{keys: slices.Delete(slices.Clone(k.keys), i, i+1)}, nil
}
