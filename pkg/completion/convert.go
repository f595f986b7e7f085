package completion

import (
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// CountsOf returns the counts of an acknowledgement as a record carries them.
func CountsOf(c dsr.Counts) Counts {
	return Counts{
		Found: Count(c.Found), Erased: Count(c.Erased), Anonymised: Count(c.Anonymised), Pseudonymised: Count(c.Pseudonymised),
		Detached: Count(c.Detached), Retained: Count(c.Retained), Exported: Count(c.Exported), Withheld: Count(c.Withheld),
		Cascaded: Count(c.Cascaded), Remaining: Count(c.Remaining),
	}
}

// GroundOf returns a ground as a record carries it; nil for none, and for one without article, which is none.
func GroundOf(g *dsr.Ground) *Ground {
	if g == nil || g.Article == "" {
		return nil
	}
	return &Ground{Article: g.Article, Law: Optional(g.Law), Note: Optional(g.Note)}
}

// CollectionOf returns one line of an acknowledgement as a record carries it; the day of Until is taken in UTC. Whatever a
// responder sends, the line can be sealed: a word that is none of the outcomes becomes failed, counts that cannot be become
// unknown, and what is missing stays missing, so that the line is open.
func CollectionOf(c dsr.Collection) Collection {
	out := Collection{
		Name: c.Name, Categories: slices.DeleteFunc(slices.Clone(c.Categories), func(s string) bool { return s == "" }),
		Outcome: c.Outcome, Counts: CountsOf(c.Counts), CountQuality: c.CountQuality,
		Method: Optional(c.Method), MethodVersion: Optional(c.MethodVersion), Ground: GroundOf(c.Ground),
		AssessmentRef: Optional(c.AssessmentRef), Note: Optional(c.Note),
	}
	if out.Name == "" {
		out.Name = AllCollections
	}
	if !out.Outcome.Valid() {
		out.Outcome = dsr.Failed
	}
	switch out.CountQuality {
	case dsr.CountsExact, dsr.CountsLowerBound, dsr.CountsUnknown:
	case "":
		out.CountQuality = dsr.CountsExact
	default:
		out.CountQuality = dsr.CountsUnknown
	}
	if out.Counts.negative() {
		out.Counts, out.CountQuality = Counts{}, dsr.CountsUnknown
	}
	if c.Until != nil && validTime(*c.Until) {
		out.Until = DateOf(c.Until.UTC())
	}
	if c.Restricted != "" {
		out.Restricted = &Restricted{Yes: true, How: Optional(c.Restricted)}
	}
	return out
}

// Instant returns a pointer to t, nil for the zero time: for the fields that may be null.
func Instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// OrUnknown returns the text, or [Unknown] for none.
func OrUnknown(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}
