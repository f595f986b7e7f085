package responder

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// acknowledgement makes what every acknowledgement of the item has, for the entry's state.
func (r *Responder) acknowledgement(e *Entry, it *item) (dsr.Acknowledgement, error) {
	d := it.dispatch
	a := dsr.Acknowledgement{
		Key: e.Key, Kind: d.Kind, Attempt: e.Attempt, State: e.State, AckID: AckID(e.Key, e.Attempt, e.State),
		SystemVersion: r.config.Version, FirstAt: e.FirstAt, DoneAt: r.now(), Resumed: e.Resumed,
		Scope: d.Scope, Number: d.Number, MapHash: r.config.MapHash, AsOf: d.AsOf, NotAfter: d.NotAfter,
		Priority: d.Priority, ParentRequestID: d.ParentRequestID,
		Instance: r.config.Instance, Environment: r.config.Environment,
	}
	if a.Environment == "" {
		a.Environment = d.Environment
	}
	if sc := trace.SpanContextFromContext(it.ctx); sc.HasTraceID() {
		a.TraceID = sc.TraceID().String()
	}
	return a, nil
}

// fill adds the answer, sealing what identifies a person.
func (r *Responder) fill(ack *dsr.Acknowledgement, a Answer) error {
	ack.Collections, ack.IdentifierKinds, ack.Parts = a.Collections, a.IdentifierKinds, a.Parts
	ack.PhysicalBy, ack.AttestedBy, ack.AttestationRef = a.PhysicalBy, a.AttestedBy, a.AttestationRef
	evidence, err := Evidence(*ack, a.Evidence)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(evidence)
	ack.EvidenceSHA256 = sum[:]
	if len(a.Resolved) > 0 {
		plain, err := r.config.Codec.EncodeIdentifiers(a.Resolved)
		if err != nil {
			return fmt.Errorf("encode the identifiers learnt: %w", err)
		}
		if ack.SealedResolved, err = r.config.Keys.Seal(plain, sealing.ResolvedAD(ack.RequestID)); err != nil {
			return fmt.Errorf("seal the identifiers learnt: %w", err)
		}
		ack.ResolvedKinds = Dispatch{Identifiers: a.Resolved}.Kinds()
	}
	if len(a.Keys) > 0 {
		plain, err := json.Marshal(a.Keys)
		if err != nil {
			return fmt.Errorf("encode the row keys: %w", err)
		}
		if ack.SealedKeys, err = r.config.Keys.Seal(plain, sealing.KeysAD(ack.RequestID, ack.System)); err != nil {
			return fmt.Errorf("seal the row keys: %w", err)
		}
	}
	if ack.SealedResolved != nil || ack.SealedKeys != nil {
		ack.KeyID = r.keyID
	}
	return nil
}

// AckID is the id of the acknowledgement of a step: a UUID of version 8 (RFC 9562) over what it is about, so that it is the
// same whenever and by whomever it is made.
func AckID(k dsr.Key, attempt int32, state dsr.AckState) string {
	h := sha256.New()
	for _, part := range []string{"lethe/v1/acknowledgement", k.Tenant, string(k.RequestID), k.System, string(k.Phase), string(state)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) // so that no two lists of parts run together alike
		h.Write([]byte(part))
	}
	h.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(k.Round)), uint32(attempt)))
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// Evidence is the text whose SHA-256 an acknowledgement carries: what was counted, and of which step, so that no two answers
// share it. It is canonical JSON (RFC 8785), and schemas/README.md says how anybody who holds the acknowledgement makes it again. own
// is what the system brought as evidence itself, of which only the SHA-256 stands in the text; nil where it brought none.
func Evidence(a dsr.Acknowledgement, own []byte) ([]byte, error) {
	e := evidence{
		Attempt: a.Attempt, Collections: make([]evidenceLine, len(a.Collections)), Phase: a.Phase, RequestID: a.RequestID, Round: a.Round, System: a.System,
		Tenant: a.Tenant,
	}
	for i, c := range a.Collections {
		e.Collections[i] = evidenceLine{
			CountQuality: c.CountQuality, Counts: evidenceCounts{
				Anonymised: c.Counts.Anonymised, Cascaded: c.Counts.Cascaded, Detached: c.Counts.Detached, Erased: c.Counts.Erased, Exported: c.Counts.Exported,
				Found: c.Counts.Found, Pseudonymised: c.Counts.Pseudonymised, Remaining: c.Counts.Remaining, Retained: c.Counts.Retained, Withheld: c.Counts.Withheld,
			},
			Method: c.Method, MethodVersion: c.MethodVersion, Name: c.Name, Outcome: c.Outcome,
		}
		if c.Until != nil {
			micros := c.Until.UnixMicro()
			e.Collections[i].Until = &micros
		}
	}
	if own != nil {
		sum := sha256.Sum256(own)
		e.Own = hex.EncodeToString(sum[:])
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("write evidence: %w", err)
	}
	return unescaped(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// unescaped writes the two line separators of Unicode as they are: the one thing that encoding/json escapes and the canonical
// form does not.
func unescaped(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		n := 1
		switch {
		case bytes.HasPrefix(text, []byte(`\u2028`)):
			out, n = append(out, "\u2028"...), 6
		case bytes.HasPrefix(text, []byte(`\u2029`)):
			out, n = append(out, "\u2029"...), 6
		case text[0] == '\\': // with what it escapes, which may be a backslash
			out, n = append(out, text[:2]...), 2
		default:
			out = append(out, text[0])
		}
		text = text[n:]
	}
	return out
}

// evidence and what it holds have their members in the order of the canonical form.
type evidence struct {
	Attempt     int32          `json:"attempt"`
	Collections []evidenceLine `json:"collections"`
	Own         string         `json:"own_sha256"`
	Phase       dsr.Phase      `json:"phase"`
	RequestID   dsr.RequestID  `json:"request_id"`
	Round       int32          `json:"round"`
	System      string         `json:"system"`
	Tenant      string         `json:"tenant"`
}

type evidenceLine struct {
	CountQuality  string         `json:"count_quality"`
	Counts        evidenceCounts `json:"counts"`
	Method        string         `json:"method"`
	MethodVersion string         `json:"method_version"`
	Name          string         `json:"name"`
	Outcome       dsr.Outcome    `json:"outcome"`
	Until         *int64         `json:"until"` // microseconds, as in the message
}

type evidenceCounts struct {
	Anonymised    int64 `json:"anonymised"`
	Cascaded      int64 `json:"cascaded"`
	Detached      int64 `json:"detached"`
	Erased        int64 `json:"erased"`
	Exported      int64 `json:"exported"`
	Found         int64 `json:"found"`
	Pseudonymised int64 `json:"pseudonymised"`
	Remaining     int64 `json:"remaining"`
	Retained      int64 `json:"retained"`
	Withheld      int64 `json:"withheld"`
}
