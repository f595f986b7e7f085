package completion

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// ResultOf returns what the lines of a record support, and every point that this rests on:
//
//   - incomplete: anything is open, each point named with its next step. An expected system without a line is open, and so is a
//     line whose outcome this kind of request cannot have, or whose outcome lacks what the outcome means: evidence, an
//     assessment, an attestation, the ground, until and limitation of what stays;
//   - partial: as complete, with at least one lawful remainder;
//   - complete: every line done; for an erasure also the last look found 0, and, for what was erased, recipients closed, backups
//     known, no model open; for an export there is a package;
//   - nothing_found: every line not_found;
//   - refused, withdrawn: no action on the whole request, on the controller's decision or the requester's.
//
// Precedence: incomplete over partial over complete over nothing_found. It reads the lines and the reasons that the coordinator
// stated, never Result and never the derived reasons, and changes nothing.
func ResultOf(r *Record) (dsr.Result, []Reason) {
	j := judge{r: r}
	for _, s := range r.Reasons {
		if s.Stated {
			j.reasons = append(j.reasons, s)
		}
	}
	switch {
	case j.states(ReasonWithdrawn):
		j.withdrawn()
	case r.Responsible.Decision != nil && r.Responsible.Decision.Decision == dsr.Refused:
		j.refused(r.Responsible.Decision)
	default:
		j.lines()
	}
	sortReasons(j.reasons)
	return j.result(), j.reasons
}

// judge collects the points of one record.
type judge struct {
	r       *Record
	reasons []Reason
}

func (j *judge) states(code string) bool {
	return slices.ContainsFunc(j.reasons, func(r Reason) bool { return r.Code == code })
}

func (j *judge) has(weight string) bool {
	return slices.ContainsFunc(j.reasons, func(r Reason) bool { return r.Weight == weight })
}

// add names a point once: what a package withholds may be said by the system and by the package.
func (j *judge) add(weight, code string, system, collection, name Optional, next string) {
	r := Reason{Code: code, Weight: weight, System: system, Collection: collection, Name: name, NextStep: next}
	if !slices.ContainsFunc(j.reasons, func(o Reason) bool { return o.same(&r) }) {
		j.reasons = append(j.reasons, r)
	}
}

func (j *judge) open(code, system, collection, next string) {
	j.add(WeightOpen, code, Optional(system), Optional(collection), "", next)
}

func (j *judge) result() dsr.Result {
	switch {
	case j.has(WeightOpen):
		return dsr.Incomplete
	case j.states(ReasonWithdrawn):
		return dsr.Withdrawn
	case j.states(ReasonRefused):
		return dsr.RefusedResult
	case j.has(WeightRemainder):
		return dsr.Partial
	case j.every(dsr.NotFound):
		return dsr.NothingFound
	}
	return dsr.Complete
}

func (j *judge) every(o dsr.Outcome) bool {
	for i := range j.r.Systems {
		for _, c := range j.r.Systems[i].Collections {
			if c.Outcome != o {
				return false
			}
		}
	}
	return true
}

// acted reports whether any system did anything for the request.
func (j *judge) acted() bool {
	for i := range j.r.Systems {
		s := &j.r.Systems[i]
		if s.Erased() || slices.ContainsFunc(s.Collections, func(c Collection) bool { return c.Outcome == dsr.Exported || c.Counts.Exported > 0 }) {
			return true
		}
	}
	return j.r.Delivery != nil
}

func (j *judge) withdrawn() {
	if j.acted() {
		j.open(ReasonActedAfterWithdrawn, "", "", "seal the request by what was done: it was withdrawn too late")
	}
}

func (j *judge) refused(d *Decision) {
	if d.ByRole == "" || d.ByRole == Unknown || len(d.Grounds) == 0 || slices.ContainsFunc(d.Grounds, func(g Ground) bool { return g.Article == "" }) {
		j.open(ReasonRefusalUnfounded, "", "", "record the ground of the refusal and the role that decided")
	}
	if j.acted() {
		j.open(ReasonActedAfterRefusal, "", "", "find out why systems acted on a refused request")
	}
	j.add(WeightDecision, ReasonRefused, "", "", "",
		"tell the person the grounds, the right to complain to a supervisory authority and to a judicial remedy (Art. 12(4))")
}

// lines judges a request that was worked.
func (j *judge) lines() {
	r := j.r
	if len(r.Systems) == 0 && len(r.Coverage.Expected) == 0 {
		j.open(ReasonNoSystem, "", "", "declare in the data map which systems hold data of this kind of subject")
	}
	for _, name := range r.Coverage.Expected {
		if !slices.ContainsFunc(r.Systems, func(s System) bool { return s.Name == name }) {
			j.open(ReasonSystemMissing, name, "", "find out why the record has no line of this system")
		}
	}
	for i := range r.Systems {
		j.system(&r.Systems[i])
	}
	if r.Request.Kind == dsr.Erasure {
		j.around()
	} else {
		j.parcel()
	}
	for _, m := range r.Models {
		if m.open() {
			j.add(WeightOpen, ReasonModelOpen, "", "", Optional(m.Name), "show that the model did not see the person, or assess, retrain or retire it")
		}
	}
	if d := r.Responsible.Decision; d != nil && d.Decision == dsr.GrantedInPart {
		if len(d.Grounds) == 0 {
			j.open(ReasonRefusalUnfounded, "", "", "record the ground of the part that was refused")
		}
		j.add(WeightRemainder, ReasonGrantedInPart, "", "", "", "tell the person the grounds of the part that was refused (Art. 12(4))")
	}
}

func (m *Model) open() bool {
	switch m.Status {
	case ModelUnaffected:
		return m.SawSubject != No
	case ModelAnonymous:
		return m.AssessmentRef == ""
	case ModelRetrained, ModelRetired:
		return false
	}
	return true
}

// parcel judges an export: what systems exported has to be in a package.
func (j *judge) parcel() {
	exported := false
	for i := range j.r.Systems {
		for _, c := range j.r.Systems[i].Collections {
			exported = exported || c.Outcome == dsr.Exported
		}
	}
	if d := j.r.Delivery; exported && (d == nil || len(d.PackageSHA256) == 0) {
		j.open(ReasonPackageMissing, "", "", "assemble the package")
	}
	if d := j.r.Delivery; d != nil {
		for _, w := range d.Withheld {
			if w.Ground == nil || w.Ground.Article == "" {
				j.open(ReasonGroundMissing, w.System, w.Collection, "record the ground for withholding this, or export it")
				continue
			}
			j.add(WeightRemainder, ReasonWithheld, Optional(w.System), Optional(w.Collection), "", "tell the person what is withheld and why (Art. 12(4))")
		}
	}
}

// around judges what an erasure has to say beyond the live systems, wherever something was erased.
func (j *judge) around() {
	r := j.r
	for i := range r.Systems {
		s := &r.Systems[i]
		if !s.Erased() {
			continue
		}
		known, told := false, false
		for _, b := range r.Backups {
			known = known || b.System == s.Name
		}
		for _, c := range r.Recipients {
			told = told || c.System == s.Name
		}
		if !known {
			j.backupsUnknown(s.Name)
		}
		if !told {
			j.recipientsUnknown(s.Name)
		}
	}
	for _, b := range r.Backups {
		if j.matters(b.System) && b.State != NoBackups && (b.State != GoneBy || b.GoneBy == nil) {
			j.backupsUnknown(b.System)
		}
	}
	for _, c := range r.Recipients {
		if j.matters(c.System) {
			j.recipient(&c)
		}
	}
}

// matters reports whether backups and recipients of a system count: not where it holds nothing that was erased. A system that
// the record does not know counts.
func (j *judge) matters(system string) bool {
	i := slices.IndexFunc(j.r.Systems, func(s System) bool { return s.Name == system })
	return i < 0 || j.r.Systems[i].Erased()
}

func (j *judge) backupsUnknown(system string) {
	j.open(ReasonBackupsUnknown, system, "", "declare in the data map by when backups of this system are gone, or that there are none")
}

func (j *judge) recipientsUnknown(system string) {
	j.open(ReasonRecipientsUnknown, system, "", "declare in the data map to whom this system's data is disclosed, or that it is to nobody (Art. 19)")
}

func (j *judge) recipient(c *Recipient) {
	switch c.Status {
	case RecipientsNone, Informed, Confirmed:
	case Impossible, Disproportionate:
		if c.Reason == "" {
			j.add(WeightOpen, ReasonRecipientOpen, Optional(c.System), "", c.Name, "record why telling this recipient is "+c.Status)
		}
	case Unknown:
		j.recipientsUnknown(c.System)
	default:
		j.add(WeightOpen, ReasonRecipientOpen, Optional(c.System), "", c.Name, "tell this recipient of the erasure (Art. 19)")
	}
}
