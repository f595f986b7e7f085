package completion

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // SubjectPublicKeyInfo
)

// KeyID names a public key: the first 16 hexadecimal digits of its SHA-256.
func KeyID(k ed25519.PublicKey) string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:8])
}

// Signer signs records with the newest of its keys. It is immutable and safe for concurrent use.
type Signer struct {
	keys []ed25519.PrivateKey // the last one signs
	id   string
}

// ParseSigner reads one or more PEM blocks of Ed25519 private keys in PKCS #8. The last one signs.
func ParseSigner(text []byte) (*Signer, error) {
	var s Signer
	err := eachBlock(text, privateBlock, func(der []byte) error {
		k, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return errors.New("not a private key in PKCS #8") // the library's words could hold parts of the key
		}
		key, ok := k.(ed25519.PrivateKey)
		if !ok {
			return errors.New("not an Ed25519 key")
		}
		s.keys = append(s.keys, key)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse signing keys: %w", err)
	}
	if err := distinct(s.public()); err != nil {
		return nil, fmt.Errorf("parse signing keys: %w", err)
	}
	s.id = KeyID(s.newest().Public().(ed25519.PublicKey))
	return &s, nil
}

// KeyID names the key that signs.
func (s *Signer) KeyID() string { return s.id }

// Verifier returns the verifier of everything that the signer's keys have signed.
func (s *Signer) Verifier() *Verifier { return newVerifier(s.public()) }

func (s *Signer) newest() ed25519.PrivateKey { return s.keys[len(s.keys)-1] }

func (s *Signer) public() []ed25519.PublicKey {
	out := make([]ed25519.PublicKey, len(s.keys))
	for i, k := range s.keys {
		out[i] = k.Public().(ed25519.PublicKey)
	}
	return out
}

// Verifier checks records against the public keys that it knows, old ones included. It is immutable and safe for concurrent
// use.
type Verifier struct {
	ids  []string
	keys map[string]ed25519.PublicKey
}

// ParseVerifier reads one or more PEM blocks of Ed25519 public keys.
func ParseVerifier(text []byte) (*Verifier, error) {
	keys, err := parsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("parse public keys: %w", err)
	}
	return newVerifier(keys), nil
}

// KeyIDs names the keys, oldest first.
func (v *Verifier) KeyIDs() []string { return slices.Clone(v.ids) }

func newVerifier(keys []ed25519.PublicKey) *Verifier {
	v := &Verifier{keys: make(map[string]ed25519.PublicKey, len(keys))}
	for _, k := range keys {
		id := KeyID(k)
		v.ids = append(v.ids, id)
		v.keys[id] = k
	}
	return v
}

func parsePublic(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	err := eachBlock(text, publicBlock, func(der []byte) error {
		k, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return fmt.Errorf("not a public key: %w", err)
		}
		key, ok := k.(ed25519.PublicKey)
		if !ok {
			return errors.New("not an Ed25519 key")
		}
		keys = append(keys, key)
		return nil
	})
	if err == nil {
		err = distinct(keys)
	}
	return keys, err
}

// eachBlock calls parse for each PEM block. Anything else in the text is an error: a key that was cut off, or a private key
// where a public one belongs, must not be passed over in silence.
func eachBlock(text []byte, kind string, parse func(der []byte) error) error {
	n := 0
	for {
		text = []byte(strings.TrimSpace(string(text)))
		if len(text) == 0 {
			break
		}
		block, rest := pem.Decode(text)
		n++
		switch {
		case block == nil || !strings.HasPrefix(string(text), "-----BEGIN "):
			return fmt.Errorf("block %d is not PEM", n)
		case block.Type != kind:
			return fmt.Errorf("block %d is a %s, not a %s", n, block.Type, kind)
		}
		if err := parse(block.Bytes); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		text = rest
	}
	if n == 0 {
		return fmt.Errorf("no %s in it", kind)
	}
	return nil
}

// distinct refuses keys that share an id: a record would not say which of them signed it.
func distinct(keys []ed25519.PublicKey) error {
	seen := map[string]bool{}
	for _, k := range keys {
		id := KeyID(k)
		if seen[id] {
			return fmt.Errorf("key id %s occurs twice", id)
		}
		seen[id] = true
	}
	return nil
}
