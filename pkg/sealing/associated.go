package sealing

import "github.com/lethe-dsr/lethe/pkg/dsr"

// Associated data says what sealed bytes are for; they open for nothing else. It is request id, a zero byte and the purpose.
// A request id holds no zero byte, neither does a phase or the name of a system, so that no two purposes coincide: the words
// "resolved", "keys", "progress" and "stored" are no phases.

// IdentifiersAD binds the identifiers that travel in a dispatch to its request and phase.
func IdentifiersAD(id dsr.RequestID, phase dsr.Phase) []byte { return associate(id, string(phase)) }

// ResolvedAD binds the identifiers that an acknowledgement of phase resolve brings back.
func ResolvedAD(id dsr.RequestID) []byte { return associate(id, "resolved") }

// KeysAD binds the keys of the person's rows in one system, which its first act freezes for every later look.
func KeysAD(id dsr.RequestID, system string) []byte { return associate(id, "keys", system) }

// ProgressAD binds what a system remembers between two parts of a long piece of work.
func ProgressAD(id dsr.RequestID, system string) []byte { return associate(id, "progress", system) }

// StoredAD binds what the coordinator stores about a request.
func StoredAD(id dsr.RequestID) []byte { return associate(id, "stored") }

func associate(id dsr.RequestID, purpose ...string) []byte {
	b := make([]byte, 0, 64)
	b = append(b, id...)
	for _, p := range purpose {
		b = append(b, 0)
		b = append(b, p...)
	}
	return b
}
