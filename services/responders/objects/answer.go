package objects

import (
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// methodVersion is counted up whenever what an erasure or a look does to the same data changes.
const methodVersion = "objects/1"

// answers collects what a batch has to say, by dispatch and collection.
type answers struct {
	s       *System
	ds      []responder.Dispatch
	now     time.Time
	of      map[*plan][]int // the dispatches that ask about the plan's kind of subject
	plans   [][]*plan       // by dispatch, the same the other way round
	errs    []error         // why a dispatch cannot be served at all
	tallies tallies
}

type tallies map[tallyKey]*tally

// tallyKey names what was counted: of is a set or a detaching.
type tallyKey struct {
	d  int
	of any
}

// tally is what was counted for one dispatch: the records it reached, by what was to become of them, and those of them that this
// act changed and counts here. A record that an earlier dispatch of the batch reached as well is counted as changed there.
type tally struct {
	stay           int64 // left as they are
	known          int64 // of these, those that an earlier round counted as found
	before         int64 // masked before this act
	toErase, erase int64
	toMask, mask   int64
	detach         int64
	came           int64 // of somebody who signed up anew
	remain         int64 // a look: what an erasure would still take
	unnamed        bool  // a value cannot stand in the name of an object
}

func (t tallies) at(d int, of any) *tally {
	k := tallyKey{d, of}
	if t[k] == nil {
		t[k] = &tally{}
	}
	return t[k]
}

func (t tallies) add(o tallies) {
	for k, v := range o {
		have := t.at(k.d, k.of)
		have.stay, have.known, have.before = have.stay+v.stay, have.known+v.known, have.before+v.before
		have.toErase, have.erase, have.toMask, have.mask = have.toErase+v.toErase, have.erase+v.erase, have.toMask+v.toMask, have.mask+v.mask
		have.detach, have.came, have.remain = have.detach+v.detach, have.came+v.came, have.remain+v.remain
		have.unnamed = have.unnamed || v.unnamed
	}
}

func newAnswers(s *System, ds []responder.Dispatch) *answers {
	a := &answers{
		s: s, ds: ds, now: s.cfg.Clock().UTC(), of: map[*plan][]int{}, plans: make([][]*plan, len(ds)), errs: make([]error, len(ds)), tallies: tallies{},
	}
	for d := range ds {
		for _, p := range s.plans {
			if ds[d].Capacity == "" || ds[d].Capacity == p.kind {
				a.plans[d] = append(a.plans[d], p)
			}
		}
		partial := ds[d].Kind == dsr.Erasure && ds[d].Scope != nil && len(ds[d].Scope.Categories) > 0 // part of a record cannot be erased by category
		if len(a.plans[d]) == 0 || partial {
			a.errs[d], a.plans[d] = responder.ErrUnsupported, nil
		}
		for _, p := range a.plans[d] {
			a.of[p] = append(a.of[p], d)
		}
	}
	return a
}

func (a *answers) physical() *time.Time {
	if at, ok := a.s.system.Physical.GoneBy(a.now); ok {
		return &at
	}
	return nil
}

// kinds returns the kinds of identifier that were searched with.
func (a *answers) kinds(d int) []string {
	out := []string{}
	for _, k := range a.ds[d].Kinds() {
		if slices.ContainsFunc(a.plans[d], func(p *plan) bool { return p.accepts(k) }) {
			out = append(out, k)
		}
	}
	return out
}

// reachable says which sets could be searched for a dispatch: with an identifier at hand, or from a set that could.
func (a *answers) reachable(p *plan, d int) map[*set]bool {
	out := map[*set]bool{}
	kinds := a.ds[d].Kinds()
	for _, r := range p.sets { // in the order in which they are found
		out[r] = slices.ContainsFunc(r.entries, func(e entry) bool { return slices.Contains(kinds, e.kind) }) ||
			slices.ContainsFunc(r.vias, func(v *via) bool { return out[v.from] }) ||
			slices.ContainsFunc(a.ds[d].Keys, func(k responder.RowKey) bool { return k.Collection == r.label() })
	}
	return out
}

// line begins the line of a collection; searched says whether an identifier leads there.
func newLine(name string, categories []string, method string, searched bool) dsr.Collection {
	c := dsr.Collection{
		Name: name, Categories: categories, CountQuality: dsr.CountsExact, Method: method, MethodVersion: methodVersion, Outcome: dsr.NotFound,
	}
	if !searched {
		c.Outcome, c.Note = dsr.NotSearched, "no identifier at hand leads to this collection"
	}
	return c
}

// erased puts the answers of an erasure together, in the order of the dispatches.
func (a *answers) erased(qs map[*plan]*search) []responder.Answer {
	out := make([]responder.Answer, len(a.ds))
	for d := range a.ds {
		if out[d].Err = a.errs[d]; out[d].Err != nil {
			continue
		}
		out[d].IdentifierKinds, out[d].PhysicalBy = a.kinds(d), a.physical()
		for _, p := range a.plans[d] {
			q := qs[p]
			out[d].Keys = append(out[d].Keys, q.keys[d]...)
			reachable := a.reachable(p, d)
			for _, r := range p.sets {
				if r.rows.Policy != "" {
					out[d].Collections = merge(out[d].Collections, a.erasedLine(d, r, reachable[r], q))
				}
			}
			for _, c := range p.detach {
				l := newLine(c.to.Label, c.to.Categories(), "detach", reachable[c.from])
				if t := a.tallies[tallyKey{d, c}]; t != nil && t.detach > 0 {
					l.Outcome, l.Counts = dsr.Detached, dsr.Counts{Found: t.detach, Detached: t.detach}
				}
				doubt(&l, q, c.to, linkKey{d, c.from})
				out[d].Collections = merge(out[d].Collections, l)
			}
		}
	}
	return out
}

func (a *answers) erasedLine(d int, r *set, searched bool, q *search) dsr.Collection {
	c := newLine(r.label(), r.categories, methodOf(r.rows.Policy), searched)
	t := a.tallies.at(d, r)
	if t.toErase > 0 {
		c.Outcome, c.PhysicalBy = dsr.Erased, a.physical()
	}
	if n := t.before + t.toMask; n > 0 {
		c.Outcome, c.Counts.Pseudonymised = dsr.Pseudonymised, t.before+t.mask
		hashed := slices.ContainsFunc(r.masks, func(m mask) bool { return m.strategy == datamap.HMAC })
		if r.rows.Assessment != "" && !hashed { // a keyed hash links for ever
			c.Outcome, c.AssessmentRef, c.PhysicalBy = dsr.Anonymised, r.rows.Assessment, a.physical()
			c.Counts.Pseudonymised, c.Counts.Anonymised = 0, t.before+t.mask
		}
	}
	if t.stay > 0 {
		c.Outcome = dsr.Retained
	}
	c.Counts.Found, c.Counts.Erased, c.Counts.Retained = t.stay-t.known+t.before+t.toErase+t.toMask, t.erase, t.stay
	if g := r.rows.Ground; g != nil && (c.Outcome == dsr.Retained || c.Outcome == dsr.Pseudonymised) {
		stated := g.DSR()
		c.Ground, c.Restricted = &stated, g.Restriction
		if until, ok := g.Until(a.now); ok {
			c.Until = &until
		}
	}
	if n := t.toErase - t.erase + t.toMask - t.mask; n > 0 {
		note(&c, fmt.Sprintf("%d of these are counted with another request of the same batch", n))
	}
	if n := q.left[linkKey{d, r}]; n > 0 {
		note(&c, fmt.Sprintf("the keys of %d are not remembered: what is written later and refers to these alone is not found", n))
	}
	if t.came > 0 {
		note(&c, fmt.Sprintf("%d came anew and is left: it carries no key from before the erasure", t.came))
	}
	if t.unnamed {
		c.Outcome = dsr.NotSearched
		note(&c, "a value of the person cannot stand in the name of an object")
	}
	doubt(&c, q, r.rows.Collection, linkKey{d, r})
	return c
}

// doubt says what was not searched.
func doubt(c *dsr.Collection, q *search, of *datamap.Collection, k linkKey) {
	if u := q.unread[of]; u.lines > 0 {
		c.Outcome = dsr.NotSearched
		note(c, fmt.Sprintf("%d lines in %d files are no records: they were left as they are and may be anybody's", u.lines, u.files))
	}
	if q.tooMany[k] {
		c.Outcome = dsr.NotSearched
		note(c, fmt.Sprintf("more than %d values lead here: not all of them were followed", q.s.cfg.MaxLinks))
	}
}

func methodOf(p datamap.Policy) string {
	switch p {
	case datamap.Delete:
		return "delete"
	case datamap.Anonymise:
		return "mask"
	case datamap.Keep:
		return "keep"
	}
	return "count"
}

func note(c *dsr.Collection, s string) {
	if c.Note != "" {
		c.Note += "; "
	}
	c.Note += s
}

// merge adds a line to those there are. A collection has one line, whatever happened there for how many reasons: its outcome is
// the worst, its counts are those of all.
func merge(lines []dsr.Collection, l dsr.Collection) []dsr.Collection {
	i := slices.IndexFunc(lines, func(o dsr.Collection) bool { return o.Name == l.Name })
	if i < 0 {
		return append(lines, l)
	}
	have := &lines[i]
	if have.Outcome == dsr.NotFound || l.Outcome.Worse(have.Outcome) && l.Outcome != dsr.NotFound {
		*have, l = l, *have
	}
	a, b := have.Counts, l.Counts
	have.Counts = dsr.Counts{
		Found: a.Found + b.Found, Erased: a.Erased + b.Erased, Anonymised: a.Anonymised + b.Anonymised, Pseudonymised: a.Pseudonymised + b.Pseudonymised,
		Detached: a.Detached + b.Detached, Retained: a.Retained + b.Retained, Exported: a.Exported + b.Exported, Withheld: a.Withheld + b.Withheld,
		Remaining: a.Remaining + b.Remaining,
	}
	if l.Note != "" && l.Note != have.Note {
		note(have, l.Note)
	}
	if l.Outcome != dsr.NotFound && l.Method != have.Method {
		have.Method += ", " + l.Method
	}
	return lines
}
