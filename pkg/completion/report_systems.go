package completion

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func (b *pageBuilder) searched() []para {
	r := b.r
	var searched int
	var unreached, differs, unrelated []string
	for i := range r.Systems {
		s := &r.Systems[i]
		if s.Name == dsr.Packager {
			continue
		}
		switch {
		case s.searched():
			searched++
		case s.Attempts == 0 && s.Outcome() == dsr.NotFound:
			unreached = append(unreached, s.Name)
		}
		if s.Relation == Unknown {
			unrelated = append(unrelated, s.Name)
		}
		if len(s.MapSHA256) > 0 {
			differs = append(differs, s.Name)
		}
	}
	version := "the data map"
	if r.Coverage.MapVersion != "" {
		version = "data map " + string(r.Coverage.MapVersion)
	}
	of := fmt.Sprintf("%s in %s (%s)", plural(int64(len(r.Coverage.Expected)), "system"), version, head(r.Coverage.MapSHA256))
	p := plain("%d of %s, by %s", searched, of, joined(identifierKinds(r)))
	if searched == 0 {
		p = plain("none of %s", of)
	}
	if len(unreached) > 0 {
		p = p.and("; not asked, for no identifier leads there: %s", joined(unreached))
	}
	p = p.and("; outside the map: ")
	if len(r.Coverage.NotCovered) == 0 {
		p = p.and("nothing declared")
	}
	for i, n := range r.Coverage.NotCovered {
		if i > 0 {
			p = p.and(", ")
		}
		p = p.and("%s (%s)", n.Name, n.Reason)
	}
	out := []para{p}
	if len(unrelated) > 0 {
		out = append(out, para{}.strong("Relation to the controller %s: ", notDeclared).and("%s", joined(unrelated)))
	}
	if len(differs) > 0 {
		out = append(out, para{}.strong("Worked by another data map: ").and("%s", joined(differs)))
	}
	return out
}

// searched reports whether the system looked for the person, or somebody attests what is in it.
func (s *System) searched() bool {
	if len(s.Collections) == 0 {
		return false
	}
	for i := range s.Collections {
		c := &s.Collections[i]
		if c.Outcome.Group() == dsr.GroupOpen || s.Attempts == 0 && c.Outcome != dsr.Attested {
			return false
		}
	}
	return true
}

// happened is the table of the systems; a column that would be empty is left out.
func (b *pageBuilder) happened() section {
	erasure := b.r.Request.Kind == dsr.Erasure
	type col struct {
		column
		cell func(*System) string
		show bool
	}
	sum := func(f func(*Counts) Count) func(*System) string {
		return func(s *System) string { return s.sum(f) }
	}
	any := func(f func(*Counts) Count) bool {
		return slices.ContainsFunc(b.r.Systems, func(s System) bool {
			return slices.ContainsFunc(s.Collections, func(c Collection) bool { return f(&c.Counts) != 0 })
		})
	}
	detached := func(c *Counts) Count { return c.Detached }
	cascaded := func(c *Counts) Count { return c.Cascaded }
	withheld := func(c *Counts) Count { return c.Withheld }
	cols := []col{
		{column{Name: "system"}, func(s *System) string { return s.title() }, true},
		{column{Name: "outcome"}, func(s *System) string { return s.outcomeText() }, true},
		{column{Name: "found", Number: true}, sum(func(c *Counts) Count { return c.Found }), true},
		{column{Name: "erased", Number: true}, sum(func(c *Counts) Count { return c.Erased }), erasure},
		{column{Name: "cascade", Number: true}, sum(cascaded), erasure && any(cascaded)},
		{column{Name: "masked", Number: true}, sum(func(c *Counts) Count { return c.Anonymised + c.Pseudonymised }), erasure},
		{column{Name: "detached", Number: true}, sum(detached), erasure && any(detached)},
		{column{Name: "kept", Number: true}, sum(func(c *Counts) Count { return c.Retained }), erasure},
		{column{Name: "exported", Number: true}, sum(func(c *Counts) Count { return c.Exported }), !erasure},
		{column{Name: "withheld", Number: true}, sum(withheld), !erasure},
		{column{Name: "last look", Wordy: true}, b.looksText, erasure},
		{column{Name: "physically gone"}, b.physicalText, erasure},
		{column{Name: "evidence", Wordy: true}, func(s *System) string { return s.evidenceText() }, true},
	}
	cols = slices.DeleteFunc(cols, func(c col) bool { return !c.show })
	t := &table{}
	for _, c := range cols {
		t.Columns = append(t.Columns, c.column)
	}
	for i := range b.r.Systems {
		var row []string
		for _, c := range cols {
			row = append(row, c.cell(&b.r.Systems[i]))
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) > 0 {
		out := section{Heading: "What happened", Table: t}
		if erasure {
			out.Notes = []para{plain("last look: what the latest look found, and its day; physically gone: as declared in the data map, not measured")}
		}
		for i := range b.r.Systems {
			for _, c := range b.r.Systems[i].Collections {
				if c.Note != "" {
					out.Items = append(out.Items, plain("%s, %s: %s", b.r.Systems[i].Name, c.Name, string(c.Note)))
				}
			}
		}
		return out
	}
	out := section{Heading: "What happened", Paras: []para{plain("nothing: no system was asked")}}
	if b.r.Result == dsr.RefusedResult {
		out.Paras = append(out.Paras, plain("Remedies, of which the answer has to tell the person (Art. 12(4)): a complaint to a supervisory authority (Art. 77), a judicial remedy (Art. 79)."))
	}
	return out
}

func (s *System) title() string {
	switch s.Relation {
	case RelationProcessor, RelationJoint:
		return s.Name + " (" + s.Relation + ")"
	}
	return s.Name
}

// outcomeText lists the outcomes of a system, the worst first, open ones in capitals.
func (s *System) outcomeText() string {
	os := names(s.Collections, func(*Collection) bool { return true }, func(c *Collection) string { return string(c.Outcome) })
	if len(os) == 0 {
		return "no line"
	}
	slices.SortFunc(os, func(a, b string) int {
		if dsr.Outcome(a).Worse(dsr.Outcome(b)) {
			return -1
		}
		return 1
	})
	if len(os) == 1 && os[0] == string(dsr.NotFound) && s.Attempts == 0 {
		return spoken(os[0]) + " (not asked)" // inferred: no identifier leads there
	}
	if len(os) > 1 { // that nothing was found in some collections says little where something was in others
		os = slices.DeleteFunc(os, func(o string) bool { return o == string(dsr.NotFound) })
	}
	for i, o := range os {
		os[i] = spoken(o)
		if dsr.Outcome(o).Group() == dsr.GroupOpen {
			os[i] = strings.ToUpper(os[i])
		}
	}
	return strings.Join(os, ", ")
}

// sum adds a count over the collections; a doubtful one makes the sum doubtful.
func (s *System) sum(f func(*Counts) Count) string {
	var n Count
	quality := dsr.CountsExact
	known := false
	for i := range s.Collections {
		c := &s.Collections[i]
		n += f(&c.Counts)
		switch c.CountQuality {
		case dsr.CountsUnknown:
			if quality == dsr.CountsExact {
				quality = dsr.CountsUnknown
			}
		case dsr.CountsLowerBound:
			quality, known = dsr.CountsLowerBound, true
		default:
			known = true
		}
	}
	switch {
	case !known:
		return "–"
	case quality == dsr.CountsUnknown && n > 0:
		return countText(n, dsr.CountsLowerBound)
	}
	return countText(n, quality)
}

func (b *pageBuilder) looksText(s *System) string {
	if len(s.Looks) == 0 {
		return "none"
	}
	var out []string
	for i, l := range s.Looks {
		if i < len(s.Looks)-1 && l.Found == 0 {
			continue
		}
		switch {
		case l.Found == 0:
			out = append(out, "0, "+b.near(l.At, b.r.AsOf))
		case l.Action == LookErasedAgain:
			out = append(out, fmt.Sprintf("%d came back %s, erased again", l.Found, b.near(l.At, b.r.AsOf)))
		default:
			out = append(out, fmt.Sprintf("%d FOUND %s, left in place", l.Found, b.near(l.At, b.r.AsOf)))
		}
	}
	if n := len(s.Looks); n > 1 {
		out[len(out)-1] = "look " + strconv.Itoa(n) + ": " + out[len(out)-1]
	}
	return strings.Join(out, "; ")
}

func (b *pageBuilder) physicalText(s *System) string {
	if !s.Erased() {
		return "–"
	}
	switch s.Physical.State {
	case PhysicalGone:
		return "with the erasure"
	case GoneBy:
		return "by " + b.near(*s.Physical.GoneBy, b.r.AsOf)
	}
	return notDeclared
}

func (s *System) evidenceText() string {
	var out []string
	if s.Attested != nil {
		out = append(out, "attested by "+s.Attested.ByRole+", "+s.Attested.Reference)
	}
	if len(s.EvidenceSHA256) > 0 {
		out = append(out, head(s.EvidenceSHA256))
	}
	if s.ErrorCode != "" {
		out = append(out, "error "+string(s.ErrorCode))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "; ")
}

// kept lists what stays or is withheld, with its ground, and with what its ground lacks.
func (b *pageBuilder) kept() section {
	out := section{Heading: "Kept and why"}
	if b.r.Request.Kind.Exports() {
		out.Heading = "Withheld and why"
	}
	for i := range b.r.Systems {
		s := &b.r.Systems[i]
		for k := range s.Collections {
			if c := &s.Collections[k]; c.Outcome.Group() == dsr.GroupRemainder {
				out.Items = append(out.Items, keptLine(s, c))
			}
		}
	}
	if b.r.Delivery != nil {
		for _, w := range b.r.Delivery.Withheld {
			if b.saidByALine(w.System, w.Collection) {
				continue
			}
			p := plain("%s: withheld from the package, ", where(w.System, w.Collection))
			if w.Ground == nil {
				p = p.strong("no ground declared")
			} else {
				p = p.and("%s", groundText(w.Ground))
			}
			out.Items = append(out.Items, p)
		}
	}
	if len(out.Items) == 0 {
		word := "kept"
		if b.r.Request.Kind.Exports() {
			word = "withheld"
		}
		out.Paras = []para{plain("nothing was reported as %s", word)}
	}
	return out
}

func (b *pageBuilder) saidByALine(system, collection string) bool {
	return slices.ContainsFunc(b.r.Systems, func(s System) bool {
		return s.Name == system && slices.ContainsFunc(s.Collections, func(c Collection) bool {
			return c.Name == collection && c.Outcome == dsr.Withheld
		})
	})
}

func keptLine(s *System, c *Collection) para {
	n := c.Counts.Retained
	what := "kept unchanged"
	switch c.Outcome {
	case dsr.Pseudonymised:
		n, what = c.Counts.Pseudonymised, "masked but still linkable"
	case dsr.Withheld:
		n, what = c.Counts.Withheld, "withheld"
	}
	p := plain("%s: ", where(s.Name, c.Name))
	if n > 0 && c.CountQuality != dsr.CountsUnknown {
		p = p.and("%s ", countText(n, c.CountQuality))
	}
	p = p.and("%s, ", what)
	if c.Ground == nil {
		p = p.strong("no ground declared")
	} else {
		p = p.and("%s", groundText(c.Ground))
	}
	if c.Outcome == dsr.Withheld {
		return p
	}
	if c.Until == "" {
		p = p.and(", ").strong("no end declared")
	} else {
		p = p.and(", until %s at the latest", c.Until.text()) // the map does not know how old a row is: see datamap.Ground
	}
	if c.Restricted == nil || !c.Restricted.Yes || c.Restricted.How == "" {
		return p.and(", ").strong("use not limited")
	}
	return p.and("; use limited: %s", c.Restricted.How)
}
