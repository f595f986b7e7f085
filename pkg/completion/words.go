package completion

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// notDeclared is how a report says unknown.
const notDeclared = "not declared"

// printer writes instants in the establishment's time zone.
type printer struct {
	zone *time.Location
	lost string // the time zone's name where this machine does not know it; times are then in UTC
}

func newPrinter(c *Clock) printer {
	l, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return printer{zone: time.UTC, lost: c.TimeZone}
	}
	return printer{zone: l}
}

func (p printer) date(t time.Time) string   { return t.In(p.zone).Format("2 Jan 2006") }
func (p printer) day(t time.Time) string    { return t.In(p.zone).Format("Mon 2 Jan 2006") }
func (p printer) stamp(t time.Time) string  { return t.In(p.zone).Format("2 Jan 2006 15:04 MST") }
func (p printer) minute(t time.Time) string { return t.In(p.zone).Format("2 Jan 2006 15:04") }

// near leaves out the year where it is that of the record.
func (p printer) near(t, asOf time.Time) string {
	if t.In(p.zone).Year() == asOf.In(p.zone).Year() {
		return t.In(p.zone).Format("2 Jan")
	}
	return p.date(t)
}

// daysBetween counts calendar days from one instant to another.
func (p printer) daysBetween(from, to time.Time) int {
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(p.zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(to).Sub(midnight(from)).Hours() / 24)
}

// text returns the date as people write it; a date has no zone.
func (d Date) text() string {
	t, ok := d.Time()
	if !ok {
		return notDeclared
	}
	return t.Format("2 Jan 2006")
}

// declared returns what was declared, or says that nothing was.
func declared(s string) string {
	if s == "" || s == Unknown {
		return notDeclared
	}
	return s
}

// clean replaces what could make a page show something else than it says: line breaks, escape sequences, invisible and
// direction-changing characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// plural returns "1 point", "2 points", "2 entries".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	many := one + "s"
	if stem, ok := strings.CutSuffix(one, "ry"); ok {
		many = stem + "ries"
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// joined returns "a", "a and b", "a, b and c".
func joined(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// spoken turns a word of the record into words of a sentence.
func spoken(s string) string { return strings.ReplaceAll(s, "_", " ") }

var resultNames = map[dsr.Result]string{
	dsr.Complete: "Complete", dsr.Partial: "Partial", dsr.Incomplete: "Incomplete", dsr.NothingFound: "Nothing found",
	dsr.RefusedResult: "Refused", dsr.Withdrawn: "Withdrawn",
}

// short returns the beginning and the end of an id.
func short(id string) string {
	if len(id) <= 12 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}

// head returns the beginning of a hash.
func head(h Hex) string {
	if len(h) == 0 {
		return "none"
	}
	return h.String()[:8] + "…"
}

// where names a line: "invoices (shop)".
func where(system, collection string) string {
	switch {
	case collection == "" || collection == AllCollections:
		return system
	case system == "":
		return collection
	}
	return collection + " (" + system + ")"
}

// reasonText says what a reason means, without its next step.
func reasonText(r *Reason) string {
	at := where(string(r.System), string(r.Collection))
	name := string(r.Name)
	switch r.Code {
	case ReasonNoSystem:
		return "no system was searched"
	case ReasonSystemMissing:
		return at + " was expected and has no line"
	case ReasonNoAnswer:
		return at + " gave no answer"
	case ReasonFailed:
		return at + " failed"
	case ReasonUnsupported:
		return at + " cannot do this"
	case ReasonNotSearched:
		return at + " was not searched"
	case ReasonUnexpectedOutcome:
		return at + " reported an outcome that this kind of request cannot have"
	case ReasonContradiction:
		return "outcome and counts of " + at + " contradict each other"
	case ReasonEvidenceMissing:
		return at + " gave no evidence"
	case ReasonAssessmentMissing:
		return "the anonymisation of " + at + " has no assessment"
	case ReasonAttestationMissing:
		return "the attestation of " + at + " names no role or document"
	case ReasonGroundMissing:
		return "no ground is declared for what stays or is withheld of " + at
	case ReasonUntilMissing:
		return "no end is declared for what stays of " + at
	case ReasonLimitationMissing:
		return "the use of what stays of " + at + " is not limited"
	case ReasonGroundLapsed:
		return "the ground for what stays of " + at + " has lapsed"
	case ReasonLookMissing:
		return at + " was not looked at after its last act"
	case ReasonResidue:
		return "the last look at " + at + " found something"
	case ReasonBackupsUnknown:
		return "backups of " + at + " are not declared"
	case ReasonRecipientsUnknown:
		return "recipients of " + at + " are not declared"
	case ReasonRecipientOpen:
		return name + ", a recipient of " + at + ", has not been told"
	case ReasonModelOpen:
		return "model " + name + " is open"
	case ReasonPackageMissing:
		return "there is no package"
	case ReasonRefusalUnfounded:
		return "the refusal names no ground or nobody who decided"
	case ReasonActedAfterRefusal:
		return "systems acted on a refused request"
	case ReasonActedAfterWithdrawn:
		return "the request was withdrawn after systems had acted"
	case ReasonRetained:
		return at + " stays"
	case ReasonPseudonymised:
		return at + " is masked but still linkable"
	case ReasonWithheld:
		return at + " is withheld"
	case ReasonGrantedInPart:
		return "the request was granted in part"
	case ReasonRefused:
		return "the request was refused"
	case ReasonWithdrawn:
		return "the requester withdrew the request"
	case ReasonIdentity:
		return "the requester's identity was not verified"
	case ReasonDecision:
		return "nobody decided on the request"
	case ReasonTooMany:
		return "too many identifiers were found to tell which are the person's"
	case ReasonTwoPersons:
		return "the identifiers lead to two persons"
	case ReasonResolutionLimit:
		return "not every identifier could be turned into those that systems know"
	case ReasonLateNotLookedAt:
		return "a late erasure was not looked at"
	case ReasonGateTimeout:
		return "an earlier request of the same person was still open when this one went on"
	case ReasonDataOfNewSignUp:
		return "a look found data of a new sign-up under the same identifier; it was left in place"
	case ReasonMapsDiffer:
		return "a responder works by another data map than the coordinator"
	}
	return spoken(r.Code)
}

// names lists the distinct names of what passes, in order.
func names[T any](items []T, pass func(*T) bool, name func(*T) string) []string {
	var out []string
	for i := range items {
		if n := name(&items[i]); pass(&items[i]) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// countText shows a count with its quality.
func countText(n Count, quality string) string {
	switch quality {
	case dsr.CountsLowerBound:
		return fmt.Sprintf("≥%d", n)
	case dsr.CountsUnknown:
		return "unknown"
	}
	return strconv.FormatInt(int64(n), 10)
}
