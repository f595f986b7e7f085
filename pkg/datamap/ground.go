package datamap

import (
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Where the period of a [Ground] is counted from.
const (
	FromErasure   = "erasure"     // the day of the erasure, the default
	FromEndOfYear = "end_of_year" // the end of the calendar year of the erasure
)

// Ground is the reason in law why rows of a person stay, whole or masked (GDPR Art. 17(3)), until when, and how their use
// is limited to it.
type Ground struct {
	Pos         Pos
	Article     string  // "GDPR 17(3)(b)"
	Law         string  // "national accounting and tax law"
	From        string  // FromErasure or FromEndOfYear
	Period      *Period // nil: not declared
	Restriction string  // how use is limited: "read by the finance role only"
	Note        string
}

// DSR returns the ground as messages and records carry it.
func (g *Ground) DSR() dsr.Ground { return dsr.Ground{Article: g.Article, Law: g.Law, Note: g.Note} }

// Until returns the last day on which the rows may stay, as midnight UTC, for an erasure at the given instant; its calendar
// day is taken in at's location. The map does not know how old a row is, so the day is the latest one that the ground can
// give. It returns false where the map states no period: the record then counts the remainder as open.
func (g *Ground) Until(at time.Time) (time.Time, bool) {
	if g == nil || g.Period == nil {
		return time.Time{}, false
	}
	y, m, d := at.Date()
	if g.From == FromEndOfYear {
		m, d = time.December, 31
	}
	y, m, d = g.Period.After(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC), true
}

func (r *reader) ground(n *node, what string) *Ground {
	o, ok := r.mapping(n, what)
	if !ok {
		return nil
	}
	o.only("article", "law", "from", "period", "restriction", "note")
	g := &Ground{
		Pos:         n.pos,
		Article:     r.text(o.need("article"), o.name("article")),
		Law:         r.text(o.need("law"), o.name("law")),
		From:        r.text(o.opt("from"), o.name("from")),
		Restriction: r.text(o.opt("restriction"), o.name("restriction")),
		Note:        r.text(o.opt("note"), o.name("note")),
	}
	g.Period = r.period(o.opt("period"), o.name("period"))
	switch g.From {
	case "":
		g.From = FromErasure
	case FromErasure, FromEndOfYear:
		if o.opt("period") == nil {
			r.errs.add(o.opt("from").pos, "%s: from needs a period", what)
		}
	default:
		r.errs.add(o.opt("from").pos, "%s: from is %s, not %q", what, names(FromErasure, FromEndOfYear), g.From)
	}
	return g
}
