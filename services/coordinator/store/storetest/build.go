package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// tenant is one of a company that has several; the empty tenant is the usual case.
const tenant = "north"

func newID() lifecycle.ID { return lifecycle.ID{RequestID: dsr.RequestID(uuid.NewString())} }

func newIDs(n int) []lifecycle.ID {
	ids := make([]lifecycle.ID, n)
	for i := range ids {
		ids[i] = newID()
	}
	slices.SortFunc(ids, lifecycle.ID.Compare)
	return ids
}

// ref is a pseudonym: 32 bytes that are no text.
func ref(of ...string) lifecycle.Ref {
	sum := sha256.Sum256([]byte(fmt.Sprint(of)))
	sum[0], sum[1] = 0xff, 0x00
	return lifecycle.Ref(sum[:])
}

func mac(id lifecycle.ID) []byte {
	sum := sha256.Sum256([]byte(id.RequestID))
	return sum[:]
}

func keyOf(id lifecycle.ID) store.Key { return store.Key{ID: id, MAC: mac(id)} }

// fresh is a request as it looks when it was just admitted, with every field filled.
func fresh(id lifecycle.ID, now time.Time, seq int64, refs ...lifecycle.Ref) *lifecycle.Request {
	if len(refs) == 0 {
		refs = []lifecycle.Ref{ref("e-mail", string(id.RequestID)), ref("customer", string(id.RequestID))}
	}
	slices.Sort(refs)
	return &lifecycle.Request{
		ID: id, Seq: seq, Version: 1, State: dsr.Acting, Kind: dsr.Erasure, WakeAt: now.Add(7 * 24 * time.Hour),
		Frozen: lifecycle.Frozen{
			Request: dsr.SubjectRequest{
				RequestID: id.RequestID, Tenant: id.Tenant, Kind: dsr.Erasure, ReceivedAt: now.Add(-time.Hour), Regulation: dsr.GDPR,
				Establishment: "berlin", Capacity: "customer", Channel: "web_form", Source: "shop",
				Requester: &dsr.Requester{Role: "data_subject"}, Identity: &dsr.Identity{Method: "login", VerifiedAt: now.Add(-time.Hour)},
				Ground: &dsr.Ground{Article: "GDPR 17(1)(b)"},
			},
			Systems: []string{"chats", "shop", "vectors"}, MapSHA256: mac(id), MapVersion: "12", SubjectRef: string(id.RequestID),
			Kinds: []string{"customer_id", "email"}, AdmittedAt: now, DueAt: now.AddDate(0, 1, 0), RuleID: "gdpr-12-3", Zone: "Europe/Berlin", CalendarID: "DE-BE",
		},
		Progress: lifecycle.Progress{
			Phase: dsr.Act, Round: 1, ActRound: 1, Expect: []string{"chats", "shop", "vectors"}, Since: now, Until: now.Add(7 * 24 * time.Hour),
			Kinds: []string{"customer_id", "email"}, NotAfter: now.AddDate(0, 0, 30),
		},
		Identifiers: sealed(string(id.RequestID), 400), Refs: refs, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Fresh: true, Dirty: true, RefsDirty: true, IdentDirty: true,
	}
}

// sealed is n bytes that do not compress, others for each of. It is cheap, so that a benchmark measures the store.
func sealed(of string, n int) []byte {
	h := fnv.New64a()
	h.Write([]byte(of))
	out := make([]byte, n+8)
	x := h.Sum64() | 1
	for i := 0; i < n; i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(out[i:], x)
	}
	return out[:n:n]
}

// acknowledge adds or replaces a step, as the state machine does.
func acknowledge(r *lifecycle.Request, system string, phase dsr.Phase, round, attempt int32, state dsr.AckState) {
	st := r.Step(system, phase, round)
	if st == nil {
		st = &lifecycle.Step{System: system, Phase: phase, Round: round}
		at, _ := slices.BinarySearchFunc(r.Steps, st, (*lifecycle.Step).Compare)
		r.Steps = slices.Insert(r.Steps, at, st)
	}
	st.Attempt, st.State, st.Dirty = attempt, state, true
	st.Body = sealed(fmt.Sprint(r.RequestID, system, phase, round, attempt, state), 300)
	r.Version++
	r.Dirty = true
}

// seal closes a request as the state machine does and returns its record.
func seal(r *lifecycle.Request, now time.Time) store.Record {
	rec := store.Record{
		ID: r.ID, RecordID: uuid.NewString(), Number: r.Progress.Number, Result: dsr.Complete, SealedAt: now, Envelope: sealed(string(r.RequestID), 2500), SHA256: mac(r.ID),
	}
	if p := r.Progress.Previous; p != nil {
		rec.PreviousSHA256 = p.SHA256
	}
	r.State, r.Closed, r.Dirty, r.WakeAt = dsr.Sealed, true, true, time.Time{}
	r.Version++
	r.Progress.Previous = &lifecycle.Previous{RecordID: rec.RecordID, SHA256: rec.SHA256}
	r.Progress.Number = rec.Number + 1
	r.Progress.Result = rec.Result
	r.Identifiers, r.IdentDirty = nil, true
	return rec
}

func message(id lifecycle.ID, shards int, topic string, size int) store.Message {
	return store.Message{
		Shard: int(id.RequestID[0]) % shards, Topic: topic, Key: []byte(id.RequestID), Value: sealed(string(id.RequestID), size),
		Headers: []store.Header{{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}, {Key: "ce_type", Value: []byte("io.lethe.status.v1")}},
	}
}

func subjectsOf(rs ...*lifecycle.Request) []store.Subject {
	var out []store.Subject
	for _, r := range rs {
		for _, ref := range r.Refs {
			out = append(out, store.Subject{Tenant: r.Tenant, Ref: ref})
		}
	}
	return out
}
