package rowset

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// archiveVersion stands first in every archive, so that a later form can be told from this one.
const archiveVersion = 1

// archive is the document of an archive. Pseudonyms are bytes, not text, hence a type of its own.
type archive struct {
	Seq         int64              `json:"seq"`
	Version     int64              `json:"version"`
	State       dsr.State          `json:"state"`
	Kind        dsr.Kind           `json:"kind"`
	Trace       string             `json:"trace,omitempty"`
	Frozen      lifecycle.Frozen   `json:"frozen"`
	Progress    lifecycle.Progress `json:"progress"`
	Identifiers []byte             `json:"identifiers,omitempty"`
	Refs        [][]byte           `json:"refs"`
	Steps       []archivedStep     `json:"steps,omitempty"` // their bodies follow the document
}

type archivedStep struct {
	System  string       `json:"system"`
	Phase   dsr.Phase    `json:"phase"`
	Round   int32        `json:"round"`
	Attempt int32        `json:"attempt"`
	State   dsr.AckState `json:"state"`
}

// EncodeArchive writes a sealed request, its steps and their bodies included: everything that a late acknowledgement needs to open
// it again. It is a version byte, a JSON document after its length, and the bodies of the steps, each after its length: most of an
// archive is bodies, which text would make a third longer.
func EncodeArchive(r *lifecycle.Request) ([]byte, error) {
	a := archive{
		Seq: r.Seq, Version: r.Version, State: r.State, Kind: r.Kind, Trace: r.Trace, Frozen: r.Frozen, Progress: r.Progress,
		Identifiers: r.Identifiers, Refs: make([][]byte, len(r.Refs)), Steps: make([]archivedStep, len(r.Steps)),
	}
	size := 0
	for i, ref := range r.Refs {
		a.Refs[i] = []byte(ref)
	}
	for i, st := range r.Steps {
		a.Steps[i] = archivedStep{st.System, st.Phase, st.Round, st.Attempt, st.State}
		size += len(st.Body) + binary.MaxVarintLen32
	}
	doc, err := json.Marshal(&a)
	if err != nil {
		return nil, fmt.Errorf("encode archive: %w", err)
	}
	out := make([]byte, 0, len(doc)+size+16)
	out = append(out, archiveVersion)
	out = binary.AppendUvarint(out, uint64(len(doc)))
	out = append(out, doc...)
	for _, st := range r.Steps {
		out = appendBytes(out, st.Body)
	}
	return out, nil
}

// DecodeArchive reads what [EncodeArchive] wrote. No flag of the request is set. Bodies share b's memory.
func DecodeArchive(id lifecycle.ID, b []byte) (*lifecycle.Request, error) {
	r, err := decodeArchive(b)
	if err != nil {
		return nil, fmt.Errorf("decode archive of request %s: %w", id.RequestID, err)
	}
	r.ID = id
	return r, nil
}

func decodeArchive(b []byte) (*lifecycle.Request, error) {
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	if b[0] != archiveVersion {
		return nil, fmt.Errorf("it is of version %d, this build reads %d: it was written by a newer one", b[0], archiveVersion)
	}
	d := decoder{rest: b[1:]}
	var a archive
	if err := json.Unmarshal(d.take(d.length()), &a); err != nil {
		return nil, err
	}
	r := &lifecycle.Request{
		Seq: a.Seq, Version: a.Version, State: a.State, Kind: a.Kind, Trace: a.Trace, Frozen: a.Frozen, Progress: a.Progress,
		Identifiers: a.Identifiers, Refs: make([]lifecycle.Ref, len(a.Refs)), Steps: make([]*lifecycle.Step, len(a.Steps)),
	}
	for i, ref := range a.Refs {
		r.Refs[i] = lifecycle.Ref(ref)
	}
	for i, st := range a.Steps {
		r.Steps[i] = &lifecycle.Step{System: st.System, Phase: st.Phase, Round: st.Round, Attempt: st.Attempt, State: st.State, Body: d.bytes()}
	}
	if d.damaged || len(d.rest) > 0 {
		return nil, errors.New("it is damaged")
	}
	return r, nil
}
