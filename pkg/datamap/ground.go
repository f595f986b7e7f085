package datamap

import (
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Where the period of a [Ground] is counted from.
const (
	FromErasure   = "erasure"     // the day of the erasure, the default
	FromEndOfYear = "end_of_year" // the end of the calendar year of the erasure, or of the row's own day
)

// Ground is the reason in law why rows of a person stay, whole or masked (GDPR Art. 17(3)), until when, and how their use
// is limited to it.
type Ground struct {
	Pos         Pos
	Article     string  // "GDPR 17(3)(b)"
	Law         string  // "national accounting and tax law"
	From        string  // FromErasure or FromEndOfYear
	FromField   *Field  // holds the day of each row from which its period is counted; nil: the map does not say
	Period      *Period // nil: not declared
	Restriction string  // how use is limited: "read by the finance role only"
	Note        string

	fromField textAt
}

// DSR returns the ground as messages and records carry it.
func (g *Ground) DSR() dsr.Ground { return dsr.Ground{Article: g.Article, Law: g.Law, Note: g.Note} }

// Until returns the last day on which the rows may stay, as midnight UTC, for an erasure at the given instant, or for rows of that
// day where the map names the field that holds it (FromField); the calendar day is taken in at's location. Where it does not, nobody
// knows how old a row is, and the day of the erasure gives the latest one that the ground can give. It returns false where the map states no period: the record then counts the remainder as open.
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
	o.only("article", "law", "from", "from_field", "period", "restriction", "note")
	g := &Ground{
		Pos:         n.pos,
		Article:     r.text(o.need("article"), o.name("article")),
		Law:         r.text(o.need("law"), o.name("law")),
		From:        r.text(o.opt("from"), o.name("from")),
		Restriction: r.text(o.opt("restriction"), o.name("restriction")),
		Note:        r.text(o.opt("note"), o.name("note")),
	}
	if n := o.opt("from_field"); n != nil {
		g.fromField = textAt{r.text(n, o.name("from_field")), n.pos}
		if o.opt("period") == nil {
			r.errs.add(n.pos, "%s: from_field needs a period", what)
		}
		if g.From == FromErasure {
			r.errs.add(o.opt("from").pos, "%s: from_field counts from the row's own day: from is %s or left out", what, FromEndOfYear)
		}
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

// fromFields finds the fields that hold the days from which periods are counted.
func (r *reader) fromFields(kinds map[string]map[*Collection]*Ground) {
	for _, grounds := range kinds {
		for c, g := range grounds {
			if g == nil || g.fromField.text == "" {
				continue
			}
			f, ok := c.Field(g.fromField.text)
			switch {
			case !ok:
				r.errs.add(g.fromField.pos, "%s: from_field: collection %q has no field %q", keyGround, c.Name, g.fromField.text)
			case f.Path != f.Name:
				r.errs.add(g.fromField.pos, "%s: from_field: %s stands inside a document", keyGround, name(f))
			default:
				g.FromField = f
			}
		}
	}
}
