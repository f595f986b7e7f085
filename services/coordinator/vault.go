package coordinator

import (
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// Keys are the coordinator's secrets. Each has a purpose of its own and rotates on its own.
type Keys struct {
	Intake   *sealing.PrivateKeys // opens what upstream systems seal
	Topics   *sealing.Keyset      // seals identifiers on internal topics
	Store    *sealing.Envelope    // seals identifiers at rest
	Subjects *sealing.PRF         // makes pseudonyms
}

// vault opens and closes identifiers for the state machine, which never sees them.
type vault struct {
	keys  Keys
	codec *event.Codec
}

// store seals identifiers for rest, under a key of this request.
func (v vault) store(id lifecycle.ID, ids []dsr.Identifier) ([]byte, error) {
	plain, err := v.codec.EncodeIdentifiers(ids)
	if err != nil {
		return nil, fmt.Errorf("encode identifiers: %w", err)
	}
	return v.keys.Store.Seal(plain, sealing.StoredAD(id.RequestID))
}

// Dispatch implements lifecycle.Vault.
func (v vault) Dispatch(id lifecycle.ID, stored []byte, phase dsr.Phase) ([]byte, string, error) {
	plain, err := v.keys.Store.Open(stored, sealing.StoredAD(id.RequestID))
	if err != nil {
		return nil, "", fmt.Errorf("open stored identifiers: %w", err)
	}
	sealed, err := v.keys.Topics.Seal(plain, sealing.IdentifiersAD(id.RequestID, phase))
	return sealed, v.keys.Topics.KeyID(), err
}

// Add implements lifecycle.Vault.
func (v vault) Add(id lifecycle.ID, stored []byte, more []dsr.Identifier) ([]byte, error) {
	plain, err := v.keys.Store.Open(stored, sealing.StoredAD(id.RequestID))
	if err != nil {
		return nil, fmt.Errorf("open stored identifiers: %w", err)
	}
	ids, err := v.codec.DecodeIdentifiers(plain)
	if err != nil {
		return nil, fmt.Errorf("decode stored identifiers: %w", err)
	}
	known := make(map[dsr.Identifier]bool, len(ids)+len(more))
	for _, i := range ids {
		known[i] = true
	}
	for _, i := range more {
		if !known[i] {
			known[i] = true
			ids = append(ids, i)
		}
	}
	return v.store(id, ids)
}

// refs normalises identifiers, drops repeats and returns them with their pseudonyms, in the same order.
func (v vault) refs(ids []dsr.Identifier) ([]dsr.Identifier, []lifecycle.Ref, error) {
	out := make([]dsr.Identifier, 0, len(ids))
	refs := make([]lifecycle.Ref, 0, len(ids))
	known := make(map[dsr.Identifier]bool, len(ids))
	for _, i := range ids {
		n, err := i.Normalise()
		if err != nil {
			return nil, nil, err
		}
		if known[n] {
			continue
		}
		known[n] = true
		ref, err := v.keys.Subjects.Ref(n)
		if err != nil {
			return nil, nil, fmt.Errorf("pseudonym of an identifier of kind %s: %w", n.Kind, err)
		}
		out = append(out, n)
		refs = append(refs, lifecycle.Ref(ref))
	}
	return out, refs, nil
}

// learnt opens what a resolution yielded.
func (v vault) learnt(a dsr.Acknowledgement) (lifecycle.Learnt, error) {
	if len(a.SealedResolved) == 0 {
		return lifecycle.Learnt{}, nil
	}
	plain, err := v.keys.Topics.Open(a.SealedResolved, sealing.ResolvedAD(a.RequestID))
	if err != nil {
		return lifecycle.Learnt{}, fmt.Errorf("open resolved identifiers: %w", err)
	}
	ids, err := v.codec.DecodeIdentifiers(plain)
	if err != nil {
		return lifecycle.Learnt{}, fmt.Errorf("decode resolved identifiers: %w", err)
	}
	ids, refs, err := v.refs(ids)
	return lifecycle.Learnt{Identifiers: ids, Refs: refs}, err
}
