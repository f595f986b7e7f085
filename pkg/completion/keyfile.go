package completion

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lethe-dsr/lethe/pkg/internal/keyfile"
)

// Names of the key files in a directory of keys.
const (
	PrivateKeyFile = "record.key" // PEM, PKCS #8, mode 0600; the last key signs
	PublicKeyFile  = "record.pub" // PEM; every key that ever signed, so that old records still verify
)

// LoadSigner reads a file of private keys and refuses one that others can read.
func LoadSigner(path string) (*Signer, error) {
	text, err := keyfile.Read(path, true)
	if err != nil {
		return nil, err
	}
	s, err := ParseSigner(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return s, nil
}

// LoadVerifier reads a file of public keys.
func LoadVerifier(path string) (*Verifier, error) {
	text, err := keyfile.Read(path, false)
	if err != nil {
		return nil, err
	}
	v, err := ParseVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return v, nil
}

// CreateKey makes the first key of a directory, which must exist, and returns its id. It refuses to replace a key: records
// could no longer be verified.
func CreateKey(dir string) (keyID string, err error) {
	for _, name := range []string{PrivateKeyFile, PublicKeyFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("create record key: %s exists already", filepath.Join(dir, name))
		}
	}
	return addKey(dir, nil, nil)
}

// AddKey adds a key to a directory made by [CreateKey] and returns its id: a [Signer] loaded from then on signs with it. The
// public keys of before stay, so that old records still verify. The public key is written first: whatever happens in between,
// no record is signed with a key that nobody can look up.
func AddKey(dir string) (keyID string, err error) {
	private, err := keyfile.Read(filepath.Join(dir, PrivateKeyFile), true)
	if err != nil {
		return "", fmt.Errorf("add record key: %w", err)
	}
	if _, err := ParseSigner(private); err != nil {
		return "", fmt.Errorf("add record key: %w", err)
	}
	public, err := keyfile.Read(filepath.Join(dir, PublicKeyFile), false)
	if err != nil {
		return "", fmt.Errorf("add record key: %w", err)
	}
	if _, err := parsePublic(public); err != nil {
		return "", fmt.Errorf("add record key: %w", err)
	}
	return addKey(dir, private, public)
}

func addKey(dir string, private, public []byte) (string, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make record key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("make record key: %w", err)
	}
	pubDER, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("make record key: %w", err)
	}
	public = appendBlock(public, publicBlock, pubDER)
	if err := keyfile.Replace(filepath.Join(dir, PublicKeyFile), keyfile.Public, public); err != nil {
		return "", err
	}
	private = appendBlock(private, privateBlock, keyDER)
	if err := keyfile.Replace(filepath.Join(dir, PrivateKeyFile), keyfile.Secret, private); err != nil {
		return "", err
	}
	return KeyID(pub), nil
}

func appendBlock(text []byte, kind string, der []byte) []byte {
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
}
