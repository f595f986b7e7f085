package completion

import "github.com/lethe-dsr/lethe/pkg/dsr"

func (b *pageBuilder) whoAsked() []para {
	r := b.r
	who := spoken(r.Requester.Role)
	switch r.Requester.Role {
	case "data_subject":
		who = "the person"
	case Unknown:
		who = "who asked is " + notDeclared
	}
	p := plain("%s", who)
	if r.Requester.AuthorityRef != "" {
		p = p.and(", authority %s", r.Requester.AuthorityRef)
	}
	if r.Requester.CheckedBy != "" {
		p = p.and(" checked by %s", r.Requester.CheckedBy)
	}
	channel := "by " + r.Request.Channel
	if r.Request.Channel == Unknown {
		channel = "channel " + notDeclared
	}
	p = p.and(", %s, %s, published by %s", channel, b.minute(r.Request.ReceivedAt), declared(r.Request.Source))
	if r.Subject.Capacity != "" {
		p = p.and("; as %s", spoken(string(r.Subject.Capacity)))
	}
	p = p.and("; ")
	p = append(p, b.identity()...)
	if r.Request.Kind == dsr.Erasure {
		if g := r.Request.Ground; g != nil {
			p = p.and("; ground: %s", groundText(g))
		} else {
			p = p.and("; ground %s", notDeclared)
		}
	}
	p = p.and("; %s", b.decision())
	out := []para{p}
	if s := r.Request.Scope; s != nil {
		var of []string
		if len(s.Systems) > 0 {
			of = append(of, "systems "+joined(s.Systems))
		}
		if len(s.Categories) > 0 {
			of = append(of, "categories "+joined(s.Categories))
		}
		out = append(out, para{}.strong("Asked for a part only: ").and("%s", joined(of)))
	}
	if r.Request.Corrects != "" {
		out = append(out, plain("Corrects the rejected request %s.", r.Request.Corrects))
	}
	if r.Request.Parent != "" {
		out = append(out, plain("Belongs to request %s.", r.Request.Parent))
	}
	return out
}

func (b *pageBuilder) identity() para {
	id := &b.r.Identity
	var p para
	switch {
	case id.Method == Unknown:
		p = plain("identity: method %s", notDeclared)
	case id.VerifiedAt == nil:
		p = plain("identity by %s, ", spoken(id.Method)).strong("not verified")
	default:
		p = plain("identity by %s %s", spoken(id.Method), b.minute(*id.VerifiedAt))
	}
	if id.DoubtsRaisedAt != nil {
		p = p.and(", doubts raised %s", b.minute(*id.DoubtsRaisedAt))
		if id.ResolvedAt != nil {
			p = p.and(" and resolved %s", b.minute(*id.ResolvedAt))
		} else {
			p = p.and(" and ").strong("not resolved")
		}
	}
	return p
}

func (b *pageBuilder) decision() string {
	d := b.r.Responsible.Decision
	if d == nil {
		return "no decision recorded"
	}
	word := map[string]string{dsr.Granted: "granted", dsr.GrantedInPart: "granted in part", dsr.Refused: "refused"}[d.Decision]
	out := word + " by " + declared(d.ByRole)
	if d.At != nil {
		out += " " + b.minute(*d.At)
	}
	if len(d.Grounds) > 0 {
		out += " on " + joined(names(d.Grounds, func(*Ground) bool { return true }, groundText))
	}
	if b.r.Responsible.InstructionRef != "" {
		out += ", on the controller's instruction " + string(b.r.Responsible.InstructionRef)
	}
	return out
}

func groundText(g *Ground) string {
	out := g.Article
	if g.Law != "" {
		out += ", " + string(g.Law)
	}
	if g.Note != "" {
		out += " (" + string(g.Note) + ")"
	}
	return out
}

func (b *pageBuilder) clock() para {
	c := &b.r.Clock
	p := plain("received %s, %s; rule %s, holidays of %s; due ", b.day(b.r.Request.ReceivedAt), c.TimeZone, ruleName(c.RuleID), declared(c.CalendarID)).
		strong("%s", b.day(c.Due())).and("; ")
	if len(c.Pauses) == 0 {
		p = p.and("paused never; ")
	}
	for _, s := range c.Pauses {
		to := "today"
		if s.To != nil {
			to = b.date(*s.To)
		}
		p = p.and("paused from %s to %s (%s); ", b.date(s.From), to, spoken(s.Reason))
	}
	switch e := c.Extension; {
	case e == nil:
		p = p.and("extended no; ")
	case e.NotifiedAt != nil && c.Due().Equal(e.Until):
		p = p.and("extended to %s (%s), notified %s; ", b.date(e.Until), spoken(e.Reason), b.date(*e.NotifiedAt))
	default:
		p = p.strong("an extension to %s does not count: ", b.date(e.Until)).and("the person was not notified of it in the first month; ")
	}
	return append(p, b.answer()...)
}

func ruleName(id string) string {
	if id == "gdpr-12-3" {
		return "GDPR 12(3), one month"
	}
	return id
}

func (b *pageBuilder) answer() para {
	c := &b.r.Clock
	if a := c.Answer; a != nil {
		p := plain("told %s by %s, ", b.day(a.InformedAt), declared(a.Channel))
		if c.OnTime == Late {
			return p.strong("LATE by %s", plural(int64(max(1, b.daysBetween(c.Due(), a.InformedAt))), "day"))
		}
		return p.and("in time")
	}
	p := plain("told ").strong("NOT YET")
	switch left := b.daysBetween(b.report.At, c.Due()); {
	case b.report.At.After(endOfSecond(c.Due())):
		return p.and(", ").strong("OVERDUE by %s", plural(int64(max(1, -left)), "day"))
	case left == 0:
		return p.and(", ").strong("due today")
	default:
		return p.and(", %s left", plural(int64(left), "day"))
	}
}
