package respondertest

import (
	"bytes"
	"crypto/sha256"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

func lookReadsOnly(t *trial) {
	p := t.seeded(1, 2)
	before := t.left(p)
	r := t.instance()
	for round := int32(1); round <= 2; round++ {
		look := t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Look(round))), p)
		if look.Remaining() == 0 {
			t.Errorf("look %d finds nothing of a person who is there", round)
		}
	}
	if n := t.left(p); n != before {
		t.Errorf("%d of %d things are left after a look", n, before)
	}
}

func lateData(t *trial) {
	p := t.seeded(1, 1)
	r := t.instance()
	look := func(round int32) int64 {
		t.Helper()
		return t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Look(round))), p).Remaining()
	}
	p.Keys = t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p)), p).SealedKeys
	if n := look(1); n != 0 {
		t.Errorf("a look right after the erasure finds %d", n)
	}
	t.Seed(t.T, p.Identifiers[0])
	if look(2) == 0 {
		t.Error("a look does not find what was written after the erasure")
	}
	t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Act(2))), p)
	t.gone(p)
	if n := look(3); n != 0 {
		t.Errorf("a look after the second erasure finds %d", n)
	}
}

func exports(t *trial) {
	s, l := t.Open(t.T)
	p, unknown := t.seeded(1, 2), t.person(2)
	if _, ok := s.(responder.Exporter); !ok {
		t.state(t.Deliver(t.T, t.responder(s, l), t.Dispatch(t.T, p, Kind(dsr.Access))), p, dsr.AckFailed, dsr.CodeUnsupported)
		return
	}
	before := t.left(p)
	r := t.responder(s, l)
	result := t.Deliver(t.T, r, t.Dispatch(t.T, p, Kind(dsr.Access)), t.Dispatch(t.T, unknown, Kind(dsr.Portability)))
	ack := t.answered(result, p)
	if t.left(p) != before {
		t.Error("an export changed the data")
	}
	if len(ack.Parts) == 0 {
		t.Error("an export of a person who is there has no part")
	}
	for _, part := range ack.Parts {
		b, err := t.Store.ReadAll(t.Context(), part.Path)
		if err != nil {
			t.Fatalf("read part %s: %v", part.Collection, err)
		}
		if sum := sha256.Sum256(b); !bytes.Equal(sum[:], part.SHA256) || int64(len(b)) != part.SizeBytes || part.System != t.System {
			t.Errorf("part %s of %d bytes is not what the acknowledgement names", part.Collection, len(b))
		}
	}
	if o := t.answered(result, unknown).Outcome(); o == dsr.Exported {
		t.Errorf("an export of an unknown person is %s", o)
	}
}
