package sealing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// What stands before every ciphertext of a Tink keyset: a version byte and the key's id, big-endian.
const (
	tinkPrefixBytes   = 5
	tinkPrefixVersion = 1
)

// Keyset seals and opens inside Lethe: AES-256-GCM keys of a Tink keyset, one of them primary. What it seals names its key.
type Keyset struct {
	handle *keyset.Handle
	aead   tink.AEAD
	held   map[uint32]bool
}

func newKeyset(handle *keyset.Handle) (*Keyset, error) {
	a, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("make an AEAD of the keyset: %w", err)
	}
	return &Keyset{handle: handle, aead: a, held: enabledKeys(handle)}, nil
}

// GenerateKeyset makes a keyset of one fresh key.
func GenerateKeyset() (*Keyset, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate a keyset: %w", err)
	}
	return newKeyset(handle)
}

// Seal encrypts plaintext under the primary key, bound to ad. Use [IdentifiersAD], [ResolvedAD], [KeysAD] or [ProgressAD].
func (k *Keyset) Seal(plaintext, ad []byte) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plaintext, ad)
	if err != nil {
		return nil, fmt.Errorf("seal under key %s: %w", k.KeyID(), err)
	}
	return sealed, nil
}

// Open decrypts what Seal gave under any key of the keyset and the same ad. The error is an *[UnknownKeyError] for a key that
// is not held and wraps [ErrOpen] for everything else.
func (k *Keyset) Open(sealed, ad []byte) ([]byte, error) {
	id, err := sealedKeyID(sealed)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if !k.held[id] {
		return nil, fmt.Errorf("open: %w", &UnknownKeyError{KeyID: keyIDText(id)})
	}
	plain, err := k.aead.Decrypt(sealed, ad)
	if err != nil {
		return nil, fmt.Errorf("open under key %s: %w", keyIDText(id), ErrOpen)
	}
	return plain, nil
}

// KeyID names the primary key: 8 hexadecimal digits.
func (k *Keyset) KeyID() string { return primaryKeyID(k.handle) }

// KeyIDs names every key that can be used, in the order of the file.
func (k *Keyset) KeyIDs() []string { return keyIDs(k.handle) }

// SealedKeyID names the key under which a [Keyset] sealed, without opening it.
func SealedKeyID(sealed []byte) (string, error) {
	id, err := sealedKeyID(sealed)
	if err != nil {
		return "", fmt.Errorf("read the key id: %w", err)
	}
	return keyIDText(id), nil
}

func sealedKeyID(sealed []byte) (uint32, error) {
	if len(sealed) < tinkPrefixBytes || sealed[0] != tinkPrefixVersion {
		return 0, ErrOpen
	}
	return binary.BigEndian.Uint32(sealed[1:tinkPrefixBytes]), nil
}

// AddKey returns the keyset with a fresh key that is not yet primary, and its id. Distribute it to every reader before the
// key is promoted.
func (k *Keyset) AddKey() (*Keyset, string, error) {
	handle, id, err := addKey(k.handle, aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, "", err
	}
	next, err := newKeyset(handle)
	return next, id, err
}

// Promote returns the keyset with the named key primary.
func (k *Keyset) Promote(keyID string) (*Keyset, error) {
	handle, err := changeKey(k.handle, keyID, "promote", (*keyset.Manager).SetPrimary)
	if err != nil {
		return nil, err
	}
	return newKeyset(handle)
}

// Remove returns the keyset without the named key, which must not be primary. What it sealed never opens again: keep a topic
// key for as long as the topics and their backups.
func (k *Keyset) Remove(keyID string) (*Keyset, error) {
	handle, err := changeKey(k.handle, keyID, "remove", (*keyset.Manager).Delete)
	if err != nil {
		return nil, err
	}
	return newKeyset(handle)
}

// Marshal returns the keyset as Tink's JSON. It holds secrets in clear.
func (k *Keyset) Marshal() ([]byte, error) { return marshalHandle(k.handle) }

// ParseKeyset reads what [Keyset.Marshal] wrote, or tinkey made: an AEAD keyset in JSON.
func ParseKeyset(text []byte) (*Keyset, error) {
	handle, err := parseHandle(text, tinkpb.OutputPrefixType_TINK)
	if err != nil {
		return nil, err
	}
	return newKeyset(handle)
}

func addKey(handle *keyset.Handle, template *tinkpb.KeyTemplate) (*keyset.Handle, string, error) {
	m := keyset.NewManagerFromHandle(handle)
	id, err := m.Add(template)
	if err != nil {
		return nil, "", fmt.Errorf("add a key: %w", err)
	}
	next, err := m.Handle()
	if err != nil {
		return nil, "", fmt.Errorf("add a key: %w", err)
	}
	return next, keyIDText(id), nil
}

func changeKey(handle *keyset.Handle, keyID, doing string, change func(*keyset.Manager, uint32) error) (*keyset.Handle, error) {
	id, err := strconv.ParseUint(keyID, 16, 32)
	if err != nil || len(keyID) != 8 {
		return nil, fmt.Errorf("%s a key: a key id has 8 hexadecimal digits", doing)
	}
	if !enabledKeys(handle)[uint32(id)] {
		return nil, fmt.Errorf("%s a key: %w", doing, &UnknownKeyError{KeyID: keyID})
	}
	m := keyset.NewManagerFromHandle(handle)
	if err := change(m, uint32(id)); err != nil {
		return nil, fmt.Errorf("%s key %s: %w", doing, keyID, err)
	}
	next, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("%s key %s: %w", doing, keyID, err)
	}
	return next, nil
}

func marshalHandle(handle *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("marshal keyset: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// parseHandle never shows the cause that Tink gives: a JSON error may quote the file, and the file holds keys.
func parseHandle(text []byte, prefix tinkpb.OutputPrefixType) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil || handle == nil {
		return nil, errors.New("parse keyset: not a Tink keyset in JSON")
	}
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if info.GetOutputPrefixType() != prefix {
			return nil, fmt.Errorf("parse keyset: key %s has output prefix %s, want %s", keyIDText(info.GetKeyId()), info.GetOutputPrefixType(), prefix)
		}
	}
	return handle, nil
}

func keyIDText(id uint32) string { return fmt.Sprintf("%08x", id) }

func primaryKeyID(handle *keyset.Handle) string {
	return keyIDText(handle.KeysetInfo().GetPrimaryKeyId())
}

func keyIDs(handle *keyset.Handle) []string {
	var ids []string
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if info.GetStatus() == tinkpb.KeyStatusType_ENABLED {
			ids = append(ids, keyIDText(info.GetKeyId()))
		}
	}
	return ids
}

func enabledKeys(handle *keyset.Handle) map[uint32]bool {
	held := map[uint32]bool{}
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if info.GetStatus() == tinkpb.KeyStatusType_ENABLED {
			held[info.GetKeyId()] = true
		}
	}
	return held
}
