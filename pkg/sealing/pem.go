package sealing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Intake keys are PEM files of the standard kind (RFC 8410: SubjectPublicKeyInfo and PKCS #8 of an X25519 key), so that
// openssl and every language's library read them. Lines that begin with # are comments.
const (
	publicBlock  = "PUBLIC KEY"
	privateBlock = "PRIVATE KEY"
)

// Marshal returns the key as a PEM file.
func (k PublicKey) Marshal() ([]byte, error) {
	if k.raw == nil {
		return nil, errors.New("marshal public key: no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(k.raw)
	if err != nil {
		return nil, fmt.Errorf("marshal public key: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Lethe intake key %s: seals identifiers to the coordinator\n", k.KeyID())
	b.Write(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}))
	return b.Bytes(), nil
}

// ParsePublicKey reads the PEM file of one X25519 public key.
func ParsePublicKey(text []byte) (PublicKey, error) {
	blocks, err := decodePEM(text, publicBlock)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	if len(blocks) != 1 {
		return PublicKey{}, fmt.Errorf("parse public key: %d keys, want one", len(blocks))
	}
	parsed, err := x509.ParsePKIXPublicKey(blocks[0])
	if err != nil {
		return PublicKey{}, errors.New("parse public key: not a SubjectPublicKeyInfo")
	}
	raw, ok := parsed.(*ecdh.PublicKey)
	if !ok {
		return PublicKey{}, errors.New("parse public key: not an X25519 key")
	}
	k, err := newPublicKey(raw)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	return k, nil
}

// Marshal returns the keys as one PEM file, the current one first. It holds secrets in clear.
func (k *PrivateKeys) Marshal() ([]byte, error) {
	var b bytes.Buffer
	for i, p := range k.keys {
		der, err := x509.MarshalPKCS8PrivateKey(p.raw)
		if err != nil {
			return nil, fmt.Errorf("marshal intake key %s: %w", p.public.KeyID(), err)
		}
		role := "opens what was sealed to it"
		if i == 0 {
			role = "current"
		}
		fmt.Fprintf(&b, "# Lethe intake key %s: %s\n", p.public.KeyID(), role)
		b.Write(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}))
	}
	return b.Bytes(), nil
}

// ParsePrivateKeys reads what [PrivateKeys.Marshal] wrote.
func ParsePrivateKeys(text []byte) (*PrivateKeys, error) {
	blocks, err := decodePEM(text, privateBlock)
	if err != nil {
		return nil, fmt.Errorf("parse intake keys: %w", err)
	}
	if len(blocks) == 0 {
		return nil, errors.New("parse intake keys: no key")
	}
	k := &PrivateKeys{}
	for i, der := range blocks {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("parse intake keys: key %d is not PKCS #8", i+1)
		}
		raw, ok := parsed.(*ecdh.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("parse intake keys: key %d is not an X25519 key", i+1)
		}
		key, err := newPrivateKey(raw)
		if err != nil {
			return nil, fmt.Errorf("parse intake keys: key %d: %w", i+1, err)
		}
		if k.index(key.public.id) >= 0 {
			return nil, fmt.Errorf("parse intake keys: key %s stands there twice", key.public.KeyID())
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// decodePEM returns the blocks of one type and refuses everything else. pem.Decode skips what it cannot read, and a damaged
// key must not vanish in silence.
func decodePEM(text []byte, kind string) ([][]byte, error) {
	var clean []byte
	begins := 0
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		if bytes.HasPrefix(line, []byte("-----BEGIN")) {
			begins++
		}
		clean = append(clean, line...)
	}
	var blocks [][]byte
	for {
		clean = bytes.TrimSpace(clean)
		if len(clean) == 0 {
			break
		}
		block, rest := pem.Decode(clean)
		switch {
		case block == nil:
			return nil, fmt.Errorf("what follows PEM block %d is no PEM block", len(blocks))
		case block.Type != kind:
			return nil, fmt.Errorf("PEM block %d is a %q, want %q", len(blocks)+1, block.Type, kind)
		}
		blocks = append(blocks, block.Bytes)
		clean = rest
	}
	if begins != len(blocks) {
		return nil, fmt.Errorf("%d PEM blocks begin, %d can be read: the file is damaged", begins, len(blocks))
	}
	return blocks, nil
}
