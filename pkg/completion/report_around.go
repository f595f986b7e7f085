package completion

import (
	"slices"
)

func (b *pageBuilder) backups() section {
	var parts []para
	var none, unknown []string
	for i := range b.r.Systems {
		s := &b.r.Systems[i]
		if !s.Erased() {
			continue
		}
		at := slices.IndexFunc(b.r.Backups, func(k Backup) bool { return k.System == s.Name })
		switch {
		case at >= 0 && b.r.Backups[at].State == NoBackups:
			none = append(none, s.Name)
		case at >= 0 && b.r.Backups[at].GoneBy != nil:
			parts = append(parts, plain("%s gone by %s", s.Name, b.date(*b.r.Backups[at].GoneBy)))
		default:
			unknown = append(unknown, s.Name)
		}
	}
	if len(none) > 0 {
		parts = append(parts, plain("no backups of %s", joined(none)))
	}
	if len(unknown) > 0 {
		parts = append(parts, plain("%s ", joined(unknown)).strong("%s", notDeclared))
	}
	return section{Heading: "Backups", Paras: []para{run(parts, "no system reported an erasure", "as declared, not measured: ")}}
}

// told lists the recipients (GDPR Art. 19) of every system in which something was erased.
func (b *pageBuilder) told() section {
	var parts []para
	var nobody, unknown []string
	for i := range b.r.Systems {
		s := &b.r.Systems[i]
		if !s.Erased() {
			continue
		}
		known := false
		for k := range b.r.Recipients {
			c := &b.r.Recipients[k]
			if c.System != s.Name {
				continue
			}
			known = true
			switch c.Status {
			case RecipientsNone:
				nobody = append(nobody, s.Name)
			case Unknown:
				unknown = append(unknown, s.Name)
			default:
				parts = append(parts, b.recipientText(c))
			}
		}
		if !known {
			unknown = append(unknown, s.Name)
		}
	}
	if len(nobody) > 0 {
		parts = append(parts, plain("disclosed to nobody, as declared: %s", joined(nobody)))
	}
	if len(unknown) > 0 {
		parts = append(parts, plain("recipients of %s ", joined(unknown)).strong("%s", notDeclared))
	}
	return section{Heading: "Told to others (Art. 19)", Paras: []para{run(parts, "nobody: no system reported an erasure", "")}}
}

func (b *pageBuilder) recipientText(c *Recipient) para {
	p := plain("%s: ", c.System)
	on := ""
	if c.At != nil {
		on = " " + b.date(*c.At)
	}
	reason := ""
	if c.Reason != "" {
		reason = " (" + string(c.Reason) + ")"
	}
	switch c.Status {
	case Informed:
		return p.and("%s informed%s", c.Name, on)
	case Confirmed:
		return p.and("%s informed and confirmed%s", c.Name, on)
	case Impossible, Disproportionate:
		if reason == "" {
			return p.and("%s not told as %s, ", c.Name, c.Status).strong("no reasons declared")
		}
		return p.and("%s not told: %s%s", c.Name, c.Status, reason)
	}
	return p.and("%s ", c.Name).strong("NOT YET told")
}

func (b *pageBuilder) models() section {
	var parts []para
	for i := range b.r.Models {
		m := &b.r.Models[i]
		p := plain("%s ", m.Name)
		switch m.SawSubject {
		case Yes:
			p = p.and("was trained with this person's data")
		case No:
			p = p.and("did not see this person")
		default:
			p = p.strong("may have seen this person")
		}
		switch m.Status {
		case ModelAnonymous:
			p = p.and(", assessed as anonymous")
		case ModelRetrained:
			p = p.and(", replaced by one trained without")
		case ModelRetired:
			p = p.and(", out of use and removed")
		case ModelOpen, Unknown:
			p = p.and(", ").strong("open")
		}
		if m.AssessmentRef != "" {
			p = p.and(" (%s)", m.AssessmentRef)
		}
		parts = append(parts, p)
	}
	return section{Heading: "AI", Paras: []para{run(parts, "no model declared", "")}}
}

func (b *pageBuilder) delivery(d *Delivery) para {
	p := plain("under %s, ", d.Article)
	if len(d.PackageSHA256) == 0 {
		p = p.strong("no package")
	} else {
		p = p.and("SHA-256 %s", d.PackageSHA256)
	}
	switch d.FreeTextExamined {
	case Yes:
		p = p.and("; free text examined for others' data")
	case No:
		p = p.and("; free text not examined for others' data")
	default:
		p = p.and("; whether free text was examined for others' data is %s", notDeclared)
	}
	if d.DeliveredAt != nil {
		p = p.and("; delivered %s", b.minute(*d.DeliveredAt))
	} else {
		p = p.and("; ").strong("not yet delivered")
	}
	if d.ExpiresAt != nil {
		p = p.and("; kept for collection until %s", b.minute(*d.ExpiresAt))
	}
	if d.DestroyedAt != nil {
		p = p.and("; our copy destroyed %s", b.minute(*d.DestroyedAt))
	}
	return p
}

// openPoints lists what is still to be done: what bars the result, and what a good result still owes.
func (b *pageBuilder) openPoints() section {
	out := section{Heading: "Open points", Numbers: true}
	var stays, notes []para
	for i := range b.r.Reasons {
		x := &b.r.Reasons[i]
		text := title(reasonText(x)) + ": "
		switch {
		case x.Weight == WeightOpen:
			out.Items = append(out.Items, para{}.strong("%s", text).and("%s", x.NextStep))
		case x.Code == ReasonRetained || x.Code == ReasonPseudonymised:
			stays = append(stays, plain("%serase it after %s at the latest", text, b.until(x).text()))
		case x.Weight == WeightRemainder || x.Weight == WeightNote:
			notes = append(notes, plain("%s%s", text, x.NextStep))
		}
	}
	if b.r.Clock.Answer == nil {
		if due := b.r.Clock.Due(); b.report.At.After(endOfSecond(due)) {
			out.Items = append(out.Items, para{}.strong("OVERDUE: ").and("tell the person now; it was due on %s", b.day(due)))
		} else {
			out.Items = append(out.Items, plain("Tell the person by %s", b.day(due)))
		}
	}
	for _, k := range b.r.Backups {
		if k.GoneBy != nil && k.GoneBy.After(b.r.AsOf) {
			out.Items = append(out.Items, plain("Addendum on the backups of %s, %s", k.System, b.date(*k.GoneBy)))
		}
	}
	out.Items = append(append(out.Items, stays...), notes...)
	if len(out.Items) == 0 {
		out.Paras = []para{plain("none known at this instant")}
	}
	return out
}

// until is the end of what stays by a reason's line.
func (b *pageBuilder) until(x *Reason) Date {
	for i := range b.r.Systems {
		for _, c := range b.r.Systems[i].Collections {
			if b.r.Systems[i].Name == string(x.System) && c.Name == string(x.Collection) {
				return c.Until
			}
		}
	}
	return ""
}

// run joins parts into one paragraph after its first words, or says what there is instead.
func run(parts []para, none, first string) para {
	if len(parts) == 0 {
		return plain("%s", none)
	}
	var p para
	if first != "" {
		p = plain("%s", first)
	}
	for i, part := range parts {
		if i > 0 {
			p = append(p, span{Text: "; "})
		}
		p = append(p, part...)
	}
	return p
}
