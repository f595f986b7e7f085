package completion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Sentence says in one sentence what a sealed record says.
func Sentence(r *Record) string {
	p := newPrinter(&r.Clock)
	parts := []string{clean(resultNames[r.Result] + ": " + gist(r))}
	if r.Result != dsr.RefusedResult && r.Result != dsr.Withdrawn && r.Request.Kind == dsr.Erasure {
		if b := backupsGist(r, p); b != "" {
			parts = append(parts, b)
		}
	}
	if told := toldGist(r, p); told != "" {
		parts = append(parts, told)
	}
	return strings.Join(parts, "; ") + "."
}

// Line says it in one line: the result in capitals, the request, when it is due and whether the person was told.
func Line(r *Record) string {
	p := newPrinter(&r.Clock)
	told := "person not yet told"
	if r.Clock.Answer != nil {
		told = "told " + p.date(r.Clock.Answer.InformedAt)
		if r.Clock.OnTime == Late {
			told += ", LATE"
		}
	}
	line := fmt.Sprintf("%-13s  %-11s  %s  due %s  %s", strings.ToUpper(resultNames[r.Result]), r.Request.Kind, fmt.Sprintf("%.8s", r.Request.ID), p.day(r.Clock.Due()), told)
	if r.Number > 0 {
		line += fmt.Sprintf("  (addendum %d)", r.Number)
	}
	return line
}

// Position is what verification may say about time: the record speaks of one instant, and whether an addendum followed is not
// to be seen from it.
func Position(r *Record) string { return AsOf(r) + "; later addenda not checked" }

// AsOf is the instant of which the record speaks, in words.
func AsOf(r *Record) string { return "position at " + newPrinter(&r.Clock).stamp(r.AsOf) }

func gist(r *Record) string {
	switch r.Result {
	case dsr.Withdrawn:
		return "the requester withdrew the request before anything was done"
	case dsr.RefusedResult:
		d := r.Responsible.Decision
		articles := names(d.Grounds, func(*Ground) bool { return true }, func(g *Ground) string { return g.Article })
		return "nothing was done, on " + joined(articles) + ", decided by " + declared(d.ByRole)
	case dsr.Incomplete:
		return incompleteGist(r)
	case dsr.NothingFound:
		return nothingGist(r)
	}
	if r.Request.Kind == dsr.Erasure {
		return erasureGist(r)
	}
	return exportGist(r)
}

func incompleteGist(r *Record) string {
	var open []string
	for i := range r.Reasons {
		if r.Reasons[i].Weight == WeightOpen {
			open = append(open, reasonText(&r.Reasons[i]))
		}
	}
	n := len(open)
	verb := " is open ("
	if n > 1 {
		verb = " are open ("
	}
	if n > 3 {
		open = append(open[:2:2], fmt.Sprintf("%d more", n-2))
	}
	out := plural(int64(n), "point") + verb + joined(open) + ")"
	if len(r.Systems) == 0 {
		return out
	}
	closed := names(r.Systems, func(s *System) bool {
		return !slices.ContainsFunc(r.Reasons, func(x Reason) bool { return x.Weight == WeightOpen && string(x.System) == s.Name })
	}, func(s *System) string { return s.Name })
	return out + fmt.Sprintf("; %d of %s without an open point", len(closed), plural(int64(len(r.Systems)), "system"))
}

func nothingGist(r *Record) string {
	var searched, unreached int
	for i := range r.Systems {
		if r.Systems[i].Attempts > 0 {
			searched++
		} else {
			unreached++
		}
	}
	out := plural(int64(searched), "live system") + " searched by " + joined(identifierKinds(r)) + ", nothing of this person found"
	if unreached > 0 {
		out += fmt.Sprintf("; to %s no identifier leads", plural(int64(unreached), "more system"))
	}
	return out
}

func erasureGist(r *Record) string {
	var systems, attested int64
	verbs := map[dsr.Outcome]bool{}
	for i := range r.Systems {
		s := &r.Systems[i]
		if s.Erased() {
			systems++
		}
		by := false
		for _, c := range s.Collections {
			verbs[c.Outcome] = true
			by = by || c.Outcome == dsr.Attested
		}
		if by {
			attested++
		}
	}
	var how []string
	for _, o := range []dsr.Outcome{dsr.Erased, dsr.Anonymised, dsr.Detached} {
		if verbs[o] {
			how = append(how, string(o))
		}
	}
	if len(how) == 0 {
		how = []string{"erased"}
	}
	out := fmt.Sprintf("everything %s in %s", strings.Join(how, " or "), plural(systems, "live system"))
	switch {
	case systems == 0:
		out = "nothing to erase in " + plural(int64(len(r.Systems)), "live system")
	case attested > 0:
		out += fmt.Sprintf(" (%d by attestation)", attested)
	}
	if rest := remainderGist(r); rest != "" {
		out += " except " + rest
	}
	return out
}

// remainderGist says what stays, by what it is.
func remainderGist(r *Record) string {
	var parts []string
	if n, at := remainder(r, dsr.Retained, func(c *Counts) Count { return c.Retained }); at != "" {
		parts = append(parts, n+" kept by law with limited use: "+at)
	}
	if n, at := remainder(r, dsr.Pseudonymised, func(c *Counts) Count { return c.Pseudonymised }); at != "" {
		parts = append(parts, n+" masked but still linkable, by law and with limited use: "+at)
	}
	if n, at := remainder(r, dsr.Withheld, func(c *Counts) Count { return c.Withheld }); at != "" {
		parts = append(parts, n+" withheld: "+at)
	}
	if d := r.Responsible.Decision; d != nil && d.Decision == dsr.GrantedInPart {
		parts = append(parts, "what the controller refused")
	}
	return joined(parts)
}

func remainder(r *Record, o dsr.Outcome, count func(*Counts) Count) (n, at string) {
	var sum Count
	var lines []string
	least := ""
	for i := range r.Systems {
		for k := range r.Systems[i].Collections {
			c := &r.Systems[i].Collections[k]
			if c.Outcome != o {
				continue
			}
			sum += count(&c.Counts)
			if c.CountQuality != dsr.CountsExact {
				least = "at least "
			}
			lines = append(lines, where(r.Systems[i].Name, c.Name))
		}
	}
	if len(lines) == 0 {
		return "", ""
	}
	if sum == 0 {
		return "what is", joined(lines)
	}
	return least + plural(int64(sum), "entry"), joined(lines)
}

func exportGist(r *Record) string {
	var systems int64
	var sum Count
	least := ""
	for i := range r.Systems {
		has := false
		for _, c := range r.Systems[i].Collections {
			if c.Outcome != dsr.Exported && c.Counts.Exported == 0 {
				continue
			}
			has = true
			sum += c.Counts.Exported
			if c.CountQuality != dsr.CountsExact {
				least = "at least "
			}
		}
		if has {
			systems++
		}
	}
	rest := remainderGist(r)
	if rest != "" {
		rest = " except " + rest
	}
	if systems == 0 {
		return "nothing to hand over from " + plural(int64(len(r.Systems)), "live system") + rest
	}
	out := fmt.Sprintf("%s%s from %s put into one package%s", least, plural(int64(sum), "entry"), plural(systems, "live system"), rest)
	if r.Delivery != nil && r.Delivery.DeliveredAt != nil {
		return out + "; delivered " + newPrinter(&r.Clock).date(*r.Delivery.DeliveredAt)
	}
	return out + "; not yet delivered"
}

func backupsGist(r *Record, p printer) string {
	var last time.Time
	var unknown []string
	some := false
	for i := range r.Systems {
		s := &r.Systems[i]
		if !s.Erased() {
			continue
		}
		some = true
		at := slices.IndexFunc(r.Backups, func(b Backup) bool { return b.System == s.Name })
		switch {
		case at < 0 || r.Backups[at].State == Unknown || r.Backups[at].State == GoneBy && r.Backups[at].GoneBy == nil:
			unknown = append(unknown, s.Name)
		case r.Backups[at].State == GoneBy && r.Backups[at].GoneBy.After(last):
			last = *r.Backups[at].GoneBy
		}
	}
	var out string
	switch {
	case !some:
		return ""
	case len(unknown) > 0 && last.IsZero():
		return "backups of " + clean(joined(unknown)) + " not declared"
	case last.IsZero():
		return "there are no backups"
	default:
		out = "backups gone by " + p.date(last)
	}
	if len(unknown) > 0 {
		out += ", those of " + clean(joined(unknown)) + " not declared"
	}
	return out
}

func toldGist(r *Record, p printer) string {
	a := r.Clock.Answer
	switch {
	case a == nil:
		return "the person has not yet been told"
	case r.Clock.OnTime == Late:
		return "the person was told on " + p.date(a.InformedAt) + ", late"
	}
	return "the person was told on " + p.date(a.InformedAt) + ", in time"
}

// identifierKinds lists the kinds of identifier by which systems were searched.
func identifierKinds(r *Record) []string {
	var out []string
	for i := range r.Systems {
		for _, k := range r.Systems[i].IdentifierKinds {
			if k = kindName(k); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	if len(out) == 0 {
		return []string{"identifiers " + notDeclared}
	}
	return out
}

func kindName(k string) string {
	if k == dsr.Email {
		return "e-mail"
	}
	return spoken(k)
}
