package coordinator

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// recorder writes completion records from what the systems acknowledged and what the data map declares. It adds nothing of
// its own: every fact stands in an accepted acknowledgement, in the request, in the map or in the configuration.
type recorder struct {
	cfg        Config
	decode     func([]byte) (*dsr.Acknowledgement, error) // what it returns is shared and only read here
	notCovered []completion.NotCovered
}

func newRecorder(cfg Config, decode func([]byte) (*dsr.Acknowledgement, error)) *recorder {
	r := &recorder{cfg: cfg, decode: decode}
	for _, n := range cfg.Map.NotCovered() {
		r.notCovered = append(r.notCovered, completion.NotCovered{Name: n.Name, Reason: n.Reason})
	}
	return r
}

// Seal implements lifecycle.Sealer.
func (w *recorder) Seal(now time.Time, r *lifecycle.Request) (lifecycle.Sealed, error) {
	rec, err := w.record(now, r)
	if err != nil {
		return lifecycle.Sealed{}, err
	}
	sealed, err := completion.Seal(rec, w.cfg.Signer)
	if err != nil {
		return lifecycle.Sealed{}, err
	}
	s := lifecycle.Sealed{
		RecordID: rec.RecordID, Number: rec.Number, Type: rec.Type, Result: sealed.Result, SealedAt: now, Envelope: sealed.Envelope, SHA256: sealed.SHA256[:],
	}
	if p := r.Progress.Previous; p != nil {
		s.PreviousSHA256 = p.SHA256
	}
	return s, nil
}

func (w *recorder) record(now time.Time, r *lifecycle.Request) (*completion.Record, error) {
	f, p := &r.Frozen, &r.Progress
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return nil, fmt.Errorf("time zone of the request: %w", err)
	}
	rec := &completion.Record{
		RecordID: w.derivedUUID("record id", r), Type: completion.TypeRecord, Number: p.Number, AsOf: now,
		Nonce: completion.Hex(w.derive("record nonce", r)), Environment: w.cfg.Policy.Environment, Software: w.cfg.Software,
		RetainUntil: completion.DateOf(now.Add(w.cfg.RecordRetain).In(zone)), Tenant: completion.Optional(r.Tenant),
		Subject: completion.Subject{Ref: f.SubjectRef, RefKeyID: w.cfg.Keys.Subjects.KeyID(), Capacity: completion.Optional(f.Request.Capacity)},
		Clock:   completion.Clock{Establishment: f.Request.Establishment, TimeZone: f.Zone, RuleID: f.RuleID, CalendarID: f.CalendarID, DueAt: f.DueAt},
		Coverage: completion.Coverage{
			MapSHA256: f.MapSHA256, MapVersion: completion.Optional(f.MapVersion), Expected: f.Systems, NotCovered: w.notCovered,
		},
	}
	if p.Previous != nil {
		rec.Type = completion.TypeAddendum
		rec.Previous = &completion.Previous{RecordID: p.Previous.RecordID, SHA256: p.Previous.SHA256}
	}
	w.requestSide(rec, &f.Request)
	if d := f.Request.Decision; d == nil || d.Decision != dsr.Refused {
		if err := w.systems(rec, r); err != nil {
			return nil, err
		}
	}
	if r.Kind.Exports() {
		if err := w.delivery(rec, r); err != nil {
			return nil, err
		}
	}
	rec.Reasons = notesAsReasons(p.Notes)
	if slices.ContainsFunc(rec.Systems, func(s completion.System) bool { return len(s.MapSHA256) > 0 }) {
		rec.Reasons = append(rec.Reasons, completion.Stated(completion.ReasonMapsDiffer))
	}
	return rec, nil
}

// requestSide copies what the request itself said.
func (w *recorder) requestSide(rec *completion.Record, q *dsr.SubjectRequest) {
	rec.Request = completion.Request{
		ID: q.RequestID, Kind: q.Kind, Regulation: q.Regulation, Ground: completion.GroundOf(q.Ground), Channel: completion.OrUnknown(q.Channel),
		ReceivedAt: q.ReceivedAt, Source: completion.OrUnknown(q.Source), Corrects: completion.Optional(q.Corrects), Parent: completion.Optional(q.ParentRequestID),
	}
	if !q.Scope.Empty() {
		rec.Request.Scope = &completion.Scope{Systems: q.Scope.Systems, Categories: q.Scope.Categories}
	}
	rec.Requester = completion.Requester{Role: completion.Unknown}
	if a := q.Requester; a != nil {
		rec.Requester = completion.Requester{Role: completion.OrUnknown(a.Role), AuthorityRef: completion.Optional(a.AuthorityRef), CheckedBy: completion.Optional(a.CheckedBy)}
	}
	rec.Identity = completion.Identity{Method: completion.Unknown}
	if i := q.Identity; i != nil {
		rec.Identity = completion.Identity{
			Method: completion.OrUnknown(i.Method), VerifiedAt: completion.Instant(i.VerifiedAt), DoubtsRaisedAt: completion.Instant(i.DoubtsRaisedAt), ResolvedAt: completion.Instant(i.ResolvedAt),
		}
	}
	rec.Responsible = completion.Responsible{
		Controller: completion.OrUnknown(w.cfg.Responsible.Controller), ActingAs: w.cfg.Responsible.ActingAs, InstructionRef: completion.Optional(q.InstructionRef),
	}
	if d := q.Decision; d != nil {
		out := &completion.Decision{Decision: d.Decision, ByRole: completion.OrUnknown(d.ByRole), At: completion.Instant(d.At)}
		for i := range d.Grounds {
			out.Grounds = append(out.Grounds, *completion.GroundOf(&d.Grounds[i]))
		}
		rec.Responsible.Decision = out
	}
}

// delivery names the package that the packager assembled last; where it could not, the packager is a line that is open.
func (w *recorder) delivery(rec *completion.Record, r *lifecycle.Request) error {
	if r.Progress.PackageRound == 0 {
		return nil
	}
	st := r.Step(dsr.Packager, dsr.Package, r.Progress.PackageRound)
	if st == nil || st.State != dsr.AckAnswered {
		line := completion.System{Name: dsr.Packager, Relation: completion.RelationOwn, Attempts: 1, Physical: completion.Physical{State: completion.NothingErased}}
		outcome := dsr.NoAnswer
		if st != nil && st.State == dsr.AckFailed {
			outcome = dsr.Failed
			a, err := st.Acknowledgement(w.decode)
			if err != nil {
				return err
			}
			line.ErrorCode, line.Attempts = completion.Optional(a.ErrorCode), a.Attempt
		}
		line.Collections = []completion.Collection{openLine(outcome)}
		rec.Systems = append(rec.Systems, line)
		return nil
	}
	a, err := st.Acknowledgement(w.decode)
	if err != nil {
		return err
	}
	d := &completion.Delivery{Article: articleOf(r.Kind), FreeTextExamined: completion.Unknown}
	if len(a.Parts) > 0 {
		d.PackageSHA256 = a.Parts[0].SHA256
		if w.cfg.ExportRetain > 0 {
			d.ExpiresAt = completion.Instant(a.DoneAt.Add(w.cfg.ExportRetain))
		}
	}
	for i := range rec.Systems {
		for _, c := range rec.Systems[i].Collections {
			if c.Outcome == dsr.Withheld {
				d.Withheld = append(d.Withheld, completion.Withheld{System: rec.Systems[i].Name, Collection: c.Name, Ground: c.Ground})
			}
		}
	}
	rec.Delivery = d
	return nil
}

func articleOf(k dsr.Kind) string {
	if k == dsr.Portability {
		return "GDPR 20"
	}
	return "GDPR 15"
}

// derive gives bytes that only the holder of the key can compute and that the same request always yields.
func (w *recorder) derive(label string, r *lifecycle.Request) []byte {
	return w.cfg.Keys.Subjects.Derive(label, []byte(r.Tenant), []byte(r.RequestID), binary.BigEndian.AppendUint32(nil, uint32(r.Progress.Number)))
}

func (w *recorder) derivedUUID(label string, r *lifecycle.Request) string {
	var u uuid.UUID
	copy(u[:], w.derive(label, r))
	u[6] = u[6]&0x0f | 0x80 // version 8: vendor-specific, RFC 9562 section 5.8
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// openLine is the only line of a system of which nothing is known.
func openLine(o dsr.Outcome) completion.Collection {
	return completion.Collection{Name: completion.AllCollections, Outcome: o, CountQuality: dsr.CountsUnknown}
}

// notesAsReasons turns the codes of the state machine into reasons that a person can act on. Residue needs none: it follows
// from the looks themselves.
func notesAsReasons(notes []string) []completion.Reason {
	var out []completion.Reason
	for _, n := range slices.Sorted(slices.Values(notes)) {
		if n != lifecycle.NoteResidue {
			out = append(out, completion.Stated(n))
		}
	}
	return out
}
