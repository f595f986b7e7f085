package completion

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func (r *Record) checkSystems() error {
	for i := range r.Systems {
		s := &r.Systems[i]
		switch {
		case s.Name != dsr.Packager && !slices.Contains(r.Coverage.Expected, s.Name): // the packager is no system of the map
			return fmt.Errorf("systems[%d] is not one of the expected systems", i)
		case slices.ContainsFunc(r.Systems[:i], func(o System) bool { return o.Name == s.Name }):
			return fmt.Errorf("systems[%d] stands there twice", i)
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("systems[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *System) check() error {
	switch {
	case !oneOf(s.Relation, RelationOwn, RelationProcessor, RelationJoint, Unknown):
		return errors.New("relation is not one of own, processor, joint and unknown")
	case s.Attempts < 0:
		return errors.New("attempts is negative")
	case !validInstants(s.FirstAt, s.DoneAt):
		return errors.New("first_at or done_at is out of range")
	case !hashOrNone(s.EvidenceSHA256) || !hashOrNone(s.MapSHA256):
		return errors.New("evidence_sha256 or map_sha256 is not a SHA-256")
	case slices.Contains(s.IdentifierKinds, ""):
		return errors.New("identifier_kinds has an empty word")
	case s.Attested != nil && (s.Attested.ByRole == "" || s.Attested.Reference == "" || !validInstants(s.Attested.At)):
		return errors.New("attested lacks its role or reference, or its instant is out of range")
	case !oneOf(s.Physical.State, PhysicalGone, GoneBy, NothingErased, Unknown):
		return errors.New("physical.state is not one of gone, gone_by, no_erasure_reported and unknown")
	case (s.Physical.State == GoneBy) != (s.Physical.GoneBy != nil) || !validInstants(s.Physical.GoneBy):
		return errors.New("physical.gone_by stands with the state gone_by, and there alone")
	}
	for i := range s.Collections {
		c := &s.Collections[i]
		if slices.ContainsFunc(s.Collections[:i], func(o Collection) bool { return o.Name == c.Name }) {
			return fmt.Errorf("collections[%d] stands there twice", i)
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("collections[%d]: %w", i, err)
		}
	}
	for i := range s.Looks {
		l := &s.Looks[i]
		if !validTime(l.At) || l.Found < 0 || !oneOf(l.Action, LookNone, LookErasedAgain, LookReported) {
			return fmt.Errorf("looks[%d] has an instant or a count out of range, or an action that is none", i)
		}
	}
	return nil
}

func (c *Collection) check() error {
	switch {
	case c.Name == "":
		return errors.New("name is missing")
	case !c.Outcome.Valid():
		return errors.New("outcome is not one of the outcomes")
	case !oneOf(c.CountQuality, dsr.CountsExact, dsr.CountsLowerBound, dsr.CountsUnknown):
		return errors.New("count_quality is not one of exact, lower_bound and unknown")
	case c.Counts.negative():
		return errors.New("a count is negative")
	case c.Ground != nil && c.Ground.Article == "":
		return errors.New("ground has no article")
	case !c.Until.valid():
		return errors.New("until is not a date")
	case slices.Contains(c.Categories, ""):
		return errors.New("categories has an empty word")
	}
	return nil
}

func (c *Counts) negative() bool {
	return min(c.Found, c.Erased, c.Anonymised, c.Pseudonymised, c.Detached, c.Retained, c.Exported, c.Withheld, c.Cascaded, c.Remaining) < 0
}

func (r *Record) checkAround() error {
	for i, c := range r.Recipients {
		switch {
		case c.System == "":
			return fmt.Errorf("recipients[%d] names no system", i)
		case !oneOf(c.Status, RecipientsNone, Informed, Confirmed, Impossible, Disproportionate, RecipientOpen, Unknown):
			return fmt.Errorf("recipients[%d].status is not one of the states of a recipient", i)
		case (c.Name == "") != (c.Status == RecipientsNone || c.Status == Unknown):
			return fmt.Errorf("recipients[%d] has a name unless there is none or nobody knows", i)
		case !validInstants(c.At):
			return fmt.Errorf("recipients[%d].at is out of range", i)
		}
	}
	for i, b := range r.Backups {
		switch {
		case b.System == "":
			return fmt.Errorf("backups[%d] names no system", i)
		case !oneOf(b.State, NoBackups, GoneBy, Unknown):
			return fmt.Errorf("backups[%d].state is not one of none, gone_by and unknown", i)
		case (b.State == GoneBy) != (b.GoneBy != nil) || !validInstants(b.GoneBy):
			return fmt.Errorf("backups[%d].gone_by stands with the state gone_by, and there alone", i)
		}
	}
	for i, m := range r.Models {
		if m.Name == "" || !oneOf(m.SawSubject, Yes, No, Unknown) || !oneOf(m.Status, ModelUnaffected, ModelAnonymous, ModelRetrained, ModelRetired, ModelOpen, Unknown) {
			return fmt.Errorf("models[%d] has no name, or a word that is none of the model's", i)
		}
	}
	if d := r.Delivery; d != nil {
		if err := d.check(); err != nil {
			return fmt.Errorf("delivery: %w", err)
		}
	}
	if s := r.Suppression; s != nil && (!validTime(s.Entered) || s.Ground.Article == "" || !s.Until.valid()) {
		return errors.New("suppression lacks its ground, or has a date out of range")
	}
	return nil
}

func (d *Delivery) check() error {
	switch {
	case d.Article == "":
		return errors.New("article is missing")
	case !hashOrNone(d.PackageSHA256):
		return errors.New("package_sha256 is not a SHA-256")
	case !oneOf(d.FreeTextExamined, Yes, No, Unknown):
		return errors.New("free_text_examined is not one of yes, no and unknown")
	case !validInstants(d.DeliveredAt, d.ExpiresAt, d.DestroyedAt):
		return errors.New("an instant is out of range")
	}
	for i, w := range d.Withheld {
		if w.System == "" || w.Collection == "" || w.Ground != nil && w.Ground.Article == "" {
			return fmt.Errorf("withheld[%d] lacks its system or collection, or has a ground without article", i)
		}
	}
	return nil
}

func hashOrNone(h Hex) bool { return len(h) == 0 || len(h) == sha256.Size }
