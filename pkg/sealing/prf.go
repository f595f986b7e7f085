package sealing

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

const (
	// RefBytes is the length of a SubjectRef.
	RefBytes = 32

	// refVersion is the first byte under the PRF of a SubjectRef: the version of the normalisation in package dsr. A change
	// there that moves values needs a new version, for a restored suppression list holds references of the old one.
	refVersion = 1
	// derived is the first byte under the PRF of everything else, so that no derived value is ever a SubjectRef.
	derived = 0x80

	requestRefBytes = 16
)

// PRF makes pseudonyms: HMAC-SHA256 under the keys of a Tink keyset, one of them primary. It is a PRF and not a MAC of Tink's,
// whose output begins with a key id and would change with every rotation. Rotate these keys seldom: a person is the same
// person only under the same key, and [PRF.Refs] gives the references under every key that is still held.
type PRF struct {
	handle *keyset.Handle
	set    *prf.Set
	order  []uint32 // the primary key first
}

func newPRF(handle *keyset.Handle) (*PRF, error) {
	set, err := prf.NewPRFSet(handle)
	if err != nil {
		return nil, fmt.Errorf("make a PRF of the keyset: %w", err)
	}
	p := &PRF{handle: handle, set: set, order: []uint32{set.PrimaryID}}
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if _, ok := set.PRFs[info.GetKeyId()]; ok && info.GetKeyId() != set.PrimaryID {
			p.order = append(p.order, info.GetKeyId())
		}
	}
	for _, id := range p.order {
		// An AES-CMAC key is a PRF as well, but of 16 bytes: found at the start, so that nothing below can fail later.
		if _, err := set.PRFs[id].ComputePRF(nil, RefBytes); err != nil {
			return nil, fmt.Errorf("make a PRF of the keyset: key %s gives no %d bytes", keyIDText(id), RefBytes)
		}
	}
	return p, nil
}

// GeneratePRF makes a PRF of one fresh key.
func GeneratePRF() (*PRF, error) {
	handle, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate a PRF keyset: %w", err)
	}
	return newPRF(handle)
}

// KeyID names the primary key.
func (p *PRF) KeyID() string { return primaryKeyID(p.handle) }

// KeyIDs names every key that can be used, in the order of the file.
func (p *PRF) KeyIDs() []string { return keyIDs(p.handle) }

// Ref is the SubjectRef of an identifier under the primary key: 32 bytes of PRF(version, kind ‖ 0 ‖ normalised value). It
// normalises; the error is that of [dsr.Identifier.Normalise] and never holds the value.
func (p *PRF) Ref(id dsr.Identifier) ([]byte, error) {
	input, err := refInput(id)
	if err != nil {
		return nil, err
	}
	return p.compute(p.set.PrimaryID, input, RefBytes), nil
}

// Refs is the SubjectRef of an identifier under every key that is held, the primary one's first: what was stored before a
// rotation is found under the others.
func (p *PRF) Refs(id dsr.Identifier) ([][]byte, error) {
	input, err := refInput(id)
	if err != nil {
		return nil, err
	}
	refs := make([][]byte, len(p.order))
	for i, key := range p.order {
		refs[i] = p.compute(key, input, RefBytes)
	}
	return refs, nil
}

func refInput(id dsr.Identifier) ([]byte, error) {
	n, err := id.Normalise()
	if err != nil {
		return nil, fmt.Errorf("compute a subject reference: %w", err)
	}
	return append([]byte{refVersion}, n.PRFInput()...), nil
}

// RequestRef is the pseudonym of a subject within one request, the only one that leaves the coordinator: nothing links it to
// the same person's next request. 32 hexadecimal digits.
func (p *PRF) RequestRef(ref []byte, id dsr.RequestID) string {
	return hex.EncodeToString(p.Derive("request-ref", ref, []byte(id))[:requestRefBytes])
}

// Derive is 32 bytes for a purpose, the same for the same label and parts under the same primary key. Parts are set apart by
// their lengths: ("a", "bc") is not ("ab", "c").
func (p *PRF) Derive(label string, parts ...[]byte) []byte {
	input := []byte{derived}
	input = binary.AppendUvarint(input, uint64(len(label)))
	input = append(input, label...)
	for _, part := range parts {
		input = binary.AppendUvarint(input, uint64(len(part)))
		input = append(input, part...)
	}
	return p.compute(p.set.PrimaryID, input, RefBytes)
}

func (p *PRF) compute(key uint32, input []byte, n uint32) []byte {
	out, err := p.set.PRFs[key].ComputePRF(input, n)
	if err != nil { // newPRF computed as many bytes under every key
		panic("sealing: PRF key " + keyIDText(key) + ": " + err.Error())
	}
	return out
}

// AddKey returns the PRF with a fresh key that is not yet primary, and its id.
func (p *PRF) AddKey() (*PRF, string, error) {
	handle, id, err := addKey(p.handle, prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, "", err
	}
	next, err := newPRF(handle)
	return next, id, err
}

// Promote returns the PRF with the named key primary.
func (p *PRF) Promote(keyID string) (*PRF, error) {
	handle, err := changeKey(p.handle, keyID, "promote", (*keyset.Manager).SetPrimary)
	if err != nil {
		return nil, err
	}
	return newPRF(handle)
}

// Remove returns the PRF without the named key, which must not be primary: what was stored under it is found no more.
func (p *PRF) Remove(keyID string) (*PRF, error) {
	handle, err := changeKey(p.handle, keyID, "remove", (*keyset.Manager).Delete)
	if err != nil {
		return nil, err
	}
	return newPRF(handle)
}

// Marshal returns the keyset as Tink's JSON. It holds secrets in clear.
func (p *PRF) Marshal() ([]byte, error) { return marshalHandle(p.handle) }

// ParsePRF reads what [PRF.Marshal] wrote, or tinkey made: a PRF keyset in JSON.
func ParsePRF(text []byte) (*PRF, error) {
	handle, err := parseHandle(text, tinkpb.OutputPrefixType_RAW)
	if err != nil {
		return nil, err
	}
	return newPRF(handle)
}
