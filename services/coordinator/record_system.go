package coordinator

import (
	"bytes"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// systems writes one entry for each frozen system, in the order of the frozen list.
func (w *recorder) systems(rec *completion.Record, r *lifecycle.Request) error {
	for _, name := range r.Frozen.Systems {
		s, err := w.system(r, name)
		if err != nil {
			return err
		}
		rec.Systems = append(rec.Systems, s)
		if r.Kind == dsr.Erasure && s.Erased() {
			w.around(rec, &s)
		}
	}
	return nil
}

func (w *recorder) system(r *lifecycle.Request, name string) (completion.System, error) {
	s := completion.System{Name: name, Relation: completion.Unknown, Physical: completion.Physical{State: completion.NothingErased}}
	m, known := w.cfg.Map.System(name)
	if known {
		s.Relation = m.Relation
	}
	if o := r.Progress.Inferred[name]; o != "" {
		s.Collections = []completion.Collection{openLine(dsr.Outcome(o))}
		return s, nil
	}
	if r.Progress.ActRound == 0 { // kept back until its time was over: nobody was asked
		s.Collections = []completion.Collection{openLine(dsr.NotSearched)}
		return s, nil
	}
	acts, looks, err := w.steps(r, name)
	if err != nil {
		return s, err
	}
	s.Attempts = 1
	if len(acts) == 0 {
		s.Collections = []completion.Collection{openLine(dsr.NoAnswer)}
	}
	for _, a := range acts {
		w.addAct(&s, r, a)
	}
	for i, l := range looks {
		s.Looks = append(s.Looks, lookOf(l, i < len(looks)-1 || actedAfter(acts, l)))
	}
	if len(looks) > 0 {
		addLook(&s, looks[len(looks)-1])
	}
	if s.Erased() {
		s.Physical = physical(m, known, acts, s.DoneAt)
	}
	return s, nil
}

// steps lists the accepted acts and answered looks of a system, by round.
func (w *recorder) steps(r *lifecycle.Request, name string) (acts, looks []*dsr.Acknowledgement, err error) {
	for _, st := range r.Steps {
		if st.System != name || st.State == dsr.Delayed {
			continue
		}
		a, err := st.Acknowledgement(w.decode)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case st.Phase == dsr.Act:
			acts = append(acts, a)
		case st.Phase == dsr.Verify && st.State == dsr.AckAnswered:
			looks = append(looks, a)
		}
	}
	return acts, looks, nil
}

// addAct merges one act: its lines are added to those of earlier rounds, its instants and evidence stand for the system.
func (w *recorder) addAct(s *completion.System, r *lifecycle.Request, a *dsr.Acknowledgement) {
	s.Attempts = a.Attempt
	s.IdentifierKinds = union(s.IdentifierKinds, a.IdentifierKinds)
	if s.FirstAt == nil {
		s.FirstAt = completion.Instant(a.FirstAt)
	}
	s.DoneAt = completion.Instant(a.DoneAt)
	s.EvidenceSHA256 = a.EvidenceSHA256
	s.TraceID = completion.Optional(a.TraceID)
	s.ErrorCode = completion.Optional(a.ErrorCode)
	if !bytes.Equal(a.MapHash, r.Frozen.MapSHA256) {
		s.MapSHA256 = a.MapHash
	}
	if a.AttestedBy != "" {
		s.Attested = &completion.Attested{ByRole: a.AttestedBy, Reference: a.AttestationRef, At: completion.Instant(a.DoneAt)}
	}
	if a.State == dsr.AckFailed && len(a.Collections) == 0 {
		o := dsr.Failed
		if a.ErrorCode == dsr.CodeUnsupported {
			o = dsr.Unsupported
		}
		s.Collections = append(s.Collections, openLine(o))
		return
	}
	for _, c := range a.Collections {
		line := completion.CollectionOf(c)
		at := slices.IndexFunc(s.Collections, func(have completion.Collection) bool { return have.Name == line.Name })
		if at < 0 {
			s.Collections = append(s.Collections, line)
			continue
		}
		s.Collections[at] = merged(s.Collections[at], line)
	}
}

// merged joins the lines of two rounds. What the later round did not find again stands as the earlier one left it.
func merged(earlier, later completion.Collection) completion.Collection {
	if later.Outcome == dsr.NotFound {
		return earlier
	}
	out := later
	if earlier.Outcome != dsr.NotFound && earlier.Outcome.Worse(later.Outcome) {
		out = earlier
	}
	out.Counts = sum(earlier.Counts, later.Counts)
	if earlier.CountQuality != dsr.CountsExact {
		out.CountQuality = earlier.CountQuality
	}
	return out
}

func sum(a, b completion.Counts) completion.Counts {
	return completion.Counts{
		Found: a.Found + b.Found, Erased: a.Erased + b.Erased, Anonymised: a.Anonymised + b.Anonymised, Pseudonymised: a.Pseudonymised + b.Pseudonymised,
		Detached: a.Detached + b.Detached, Retained: max(a.Retained, b.Retained), Exported: a.Exported + b.Exported, Withheld: max(a.Withheld, b.Withheld),
		Cascaded: a.Cascaded + b.Cascaded, Remaining: b.Remaining,
	}
}

func lookOf(a *dsr.Acknowledgement, again bool) completion.Look {
	l := completion.Look{At: a.DoneAt, Found: completion.Count(a.Remaining()), Action: completion.LookNone}
	if len(a.Collections) > 0 {
		l.MethodVersion = completion.Optional(a.Collections[0].MethodVersion)
	}
	if a.Remaining() > 0 {
		l.Action = completion.LookReported
		if again {
			l.Action = completion.LookErasedAgain
		}
	}
	return l
}

// addLook adds what the last look has to say of collections besides its counts: it reads more than an erasure takes, as the free text
// of other people's rows.
func addLook(s *completion.System, look *dsr.Acknowledgement) {
	for _, c := range look.Collections {
		if c.Note == "" || c.Outcome == dsr.NotSearched {
			continue
		}
		at := slices.IndexFunc(s.Collections, func(have completion.Collection) bool { return have.Name == c.Name })
		if at < 0 { // nothing of it was to be erased
			c.Counts = dsr.Counts{}
			s.Collections, at = append(s.Collections, completion.CollectionOf(c)), len(s.Collections)
			s.Collections[at].Note = ""
		}
		if s.Collections[at].Note != "" {
			s.Collections[at].Note += "; "
		}
		s.Collections[at].Note += completion.Optional("last look: " + c.Note)
	}
}

func actedAfter(acts []*dsr.Acknowledgement, look *dsr.Acknowledgement) bool {
	return slices.ContainsFunc(acts, func(a *dsr.Acknowledgement) bool { return a.Round > 1 && a.DoneAt.After(look.DoneAt) })
}

// physical says when what was erased is gone from the disk: what the system said, else what the map declares.
func physical(m *datamap.System, known bool, acts []*dsr.Acknowledgement, done *time.Time) completion.Physical {
	var by time.Time
	for _, a := range acts {
		if a.PhysicalBy != nil && a.PhysicalBy.After(by) {
			by = *a.PhysicalBy
		}
	}
	if by.IsZero() && known && done != nil {
		by, _ = m.Physical.GoneBy(*done)
	}
	switch {
	case by.IsZero():
		return completion.Physical{State: completion.Unknown}
	case done != nil && !by.After(*done):
		return completion.Physical{State: completion.PhysicalGone}
	}
	return completion.Physical{State: completion.GoneBy, GoneBy: &by}
}

// around writes what an erasure means outside of the live system: its backups and whoever was given the data.
func (w *recorder) around(rec *completion.Record, s *completion.System) {
	b := completion.Backup{System: s.Name, State: completion.Unknown}
	m, known := w.cfg.Map.System(s.Name)
	if !known {
		rec.Backups = append(rec.Backups, b)
		rec.Recipients = append(rec.Recipients, completion.Recipient{System: s.Name, Status: completion.Unknown})
		return
	}
	switch m.Backups.State {
	case datamap.None:
		b.State = completion.NoBackups
	case datamap.Within:
		if s.DoneAt != nil {
			if at, ok := m.Backups.GoneBy(*s.DoneAt); ok {
				b.State, b.GoneBy = completion.GoneBy, &at
			}
		}
	}
	rec.Backups = append(rec.Backups, b)
	switch {
	case !m.Recipients.Declared:
		rec.Recipients = append(rec.Recipients, completion.Recipient{System: s.Name, Status: completion.Unknown})
	case len(m.Recipients.List) == 0:
		rec.Recipients = append(rec.Recipients, completion.Recipient{System: s.Name, Status: completion.RecipientsNone})
	}
	for _, n := range m.Recipients.List {
		rec.Recipients = append(rec.Recipients, completion.Recipient{
			System: s.Name, Name: completion.Optional(n.Name), Type: completion.Optional(n.Type), Status: completion.RecipientOpen,
		})
	}
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
