package sealing

import (
	"fmt"
	"io/fs"

	"github.com/lethe-dsr/lethe/pkg/internal/keyfile"
)

// LoadPublicKey reads the PEM file of the coordinator's public key. It is no secret; its permissions do not matter.
func LoadPublicKey(path string) (PublicKey, error) { return load(path, false, ParsePublicKey) }

// Save writes the public key, readable for everyone, and replaces what was there.
func (k PublicKey) Save(path string) error {
	return save(path, keyfile.Public, keyfile.Replace, k.Marshal)
}

// LoadPrivateKeys reads the coordinator's intake keys and refuses a file that others can read.
func LoadPrivateKeys(path string) (*PrivateKeys, error) { return load(path, true, ParsePrivateKeys) }

// Save writes the keys for the owner alone and replaces what was there.
func (k *PrivateKeys) Save(path string) error {
	return save(path, keyfile.Secret, keyfile.Replace, k.Marshal)
}

// LoadKeyset reads an AEAD keyset and refuses a file that others can read.
func LoadKeyset(path string) (*Keyset, error) { return load(path, true, ParseKeyset) }

// Save writes the keyset for the owner alone and replaces what was there.
func (k *Keyset) Save(path string) error {
	return save(path, keyfile.Secret, keyfile.Replace, k.Marshal)
}

// LoadPRF reads a PRF keyset and refuses a file that others can read.
func LoadPRF(path string) (*PRF, error) { return load(path, true, ParsePRF) }

// Save writes the keyset for the owner alone and replaces what was there.
func (p *PRF) Save(path string) error { return save(path, keyfile.Secret, keyfile.Replace, p.Marshal) }

func load[T any](path string, secret bool, parse func([]byte) (T, error)) (T, error) {
	var none T
	text, err := keyfile.Read(path, secret)
	if err != nil {
		return none, err
	}
	v, err := parse(text)
	if err != nil {
		return none, fmt.Errorf("key file %s: %w", path, err)
	}
	return v, nil
}

func save(path string, mode fs.FileMode, write func(string, fs.FileMode, []byte) error, marshal func() ([]byte, error)) error {
	text, err := marshal()
	if err != nil {
		return err
	}
	return write(path, mode, text)
}
