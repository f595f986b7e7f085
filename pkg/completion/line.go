package completion

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// system judges the lines of one system.
func (j *judge) system(s *System) {
	if len(s.Collections) == 0 {
		j.open(ReasonNotSearched, s.Name, "", "find out why the record has no line of this system")
		return
	}
	if len(s.EvidenceSHA256) == 0 && s.needsEvidence() {
		j.open(ReasonEvidenceMissing, s.Name, "", "have the responder send the hash of its evidence")
	}
	if j.r.Request.Kind == dsr.Erasure {
		j.looks(s)
	}
	for i := range s.Collections {
		j.line(s, &s.Collections[i])
	}
}

// needsEvidence reports whether a line claims what only an acknowledgement can support. A system that was not asked may be said
// to hold nothing (no identifier leads to it) or nothing in scope.
func (s *System) needsEvidence() bool {
	return slices.ContainsFunc(s.Collections, func(c Collection) bool {
		return c.byMachine() && (s.Attempts > 0 || c.Outcome != dsr.NotFound && c.Outcome != dsr.OutOfScope)
	})
}

// byMachine reports whether the system claims, by itself, that the line is closed or lawfully stays.
func (c *Collection) byMachine() bool {
	return c.Outcome != dsr.Attested && c.Outcome.Group() != dsr.GroupOpen
}

// looks demands that the last look came after the last act and found nothing. A system that was not asked, because no
// identifier can lead to it, or whose erasure a person attests, has nothing to look at.
func (j *judge) looks(s *System) {
	if len(s.Looks) == 0 {
		if s.needsEvidence() {
			j.open(ReasonLookMissing, s.Name, "", "look at the system again")
		}
		return
	}
	last := s.Looks[len(s.Looks)-1]
	switch {
	case last.Found != 0:
		j.open(ReasonResidue, s.Name, "", "find out why data of the person comes back or stays, erase it and look again")
	case last.Action != LookNone || s.DoneAt != nil && last.At.Before(*s.DoneAt):
		j.open(ReasonLookMissing, s.Name, "", "look at the system again: it acted after the last look")
	}
}

// line judges one collection.
func (j *judge) line(s *System, c *Collection) {
	sys, col := s.Name, c.Name
	if !expected(j.r.Request.Kind, c.Outcome) {
		j.open(ReasonUnexpectedOutcome, sys, col, "find out why this outcome was reported for this kind of request")
		return
	}
	switch c.Outcome {
	case dsr.NoAnswer:
		j.open(ReasonNoAnswer, sys, col, "find out why the system is silent; its late answer becomes an addendum")
	case dsr.Failed:
		next := "repair the system, then redrive the request"
		if s.ErrorCode != "" {
			next = "repair the system (" + string(s.ErrorCode) + "), then redrive the request"
		}
		j.open(ReasonFailed, sys, col, next)
	case dsr.Unsupported:
		j.open(ReasonUnsupported, sys, col, "do it by hand and attest it, or add a responder that can")
	case dsr.NotSearched:
		j.open(ReasonNotSearched, sys, col, "find an identifier by which this can be searched, or search by hand and attest it")
	case dsr.NotFound:
		if n := &c.Counts; n.Found != 0 || n.Remaining != 0 || c.erased() {
			j.open(ReasonContradiction, sys, col, "find out why something was counted where nothing was found")
		}
	case dsr.Attested:
		if a := s.Attested; a == nil || a.ByRole == "" || a.ByRole == Unknown || a.Reference == "" {
			j.open(ReasonAttestationMissing, sys, col, "record who attests this and the document")
		}
	case dsr.Anonymised:
		if c.AssessmentRef == "" {
			j.open(ReasonAssessmentMissing, sys, col, "reference the assessment of the anonymisation, or count it as pseudonymised")
		}
		j.nothingLeft(sys, c)
	case dsr.Erased, dsr.Detached:
		j.nothingLeft(sys, c)
	case dsr.Retained, dsr.Pseudonymised:
		j.stays(sys, c)
	case dsr.Withheld:
		if c.Ground == nil || c.Ground.Article == "" {
			j.open(ReasonGroundMissing, sys, col, "record the ground for withholding this (Art. 15(4), 20(4) or a named law), or export it")
			return
		}
		j.add(WeightRemainder, ReasonWithheld, Optional(sys), Optional(col), "", "tell the person what is withheld and why (Art. 12(4))")
	}
}

// expected reports whether a kind of request can have an outcome. An unknown kind can have none.
func expected(k dsr.Kind, o dsr.Outcome) bool {
	if o.Group() == dsr.GroupOpen {
		return o.Valid()
	}
	switch o {
	case dsr.NotFound, dsr.Attested:
		return k.Valid()
	case dsr.Erased, dsr.Anonymised, dsr.Detached, dsr.Retained, dsr.Pseudonymised:
		return k == dsr.Erasure
	case dsr.Exported, dsr.Withheld:
		return k.Exports()
	case dsr.OutOfScope:
		return k == dsr.Portability
	}
	return false
}

func (j *judge) nothingLeft(sys string, c *Collection) {
	if c.Counts.Remaining != 0 {
		j.open(ReasonContradiction, sys, c.Name, "find out why rows remained after the act")
	}
}

// stays judges a remainder: unless it has its ground, until and limitation, it is open.
func (j *judge) stays(sys string, c *Collection) {
	before := len(j.reasons)
	if c.Ground == nil || c.Ground.Article == "" || c.Ground.Law == "" {
		j.open(ReasonGroundMissing, sys, c.Name, "declare the article and the law under which this stays, or erase it")
	}
	until, ok := c.Until.Time()
	switch {
	case !ok:
		j.open(ReasonUntilMissing, sys, c.Name, "declare until when this may stay, or erase it")
	case !j.r.AsOf.Before(until.AddDate(0, 0, 1)): // in UTC: the result must not depend on a time zone database
		j.open(ReasonGroundLapsed, sys, c.Name, "erase this: the last day on which it might stay is over")
	}
	if c.Restricted == nil || !c.Restricted.Yes || strings.TrimSpace(string(c.Restricted.How)) == "" {
		j.open(ReasonLimitationMissing, sys, c.Name, "limit the use of what stays to its ground, and declare how")
	}
	if len(j.reasons) == before {
		code := ReasonRetained
		if c.Outcome == dsr.Pseudonymised {
			code = ReasonPseudonymised
		}
		j.add(WeightRemainder, code, Optional(sys), Optional(c.Name), "", "erase it after "+string(c.Until))
	}
}
