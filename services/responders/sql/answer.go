package sql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// methodVersion is counted up whenever what an erasure or a look does to the same data changes.
const methodVersion = "sql/2"

// answers collects what a batch has to say, by dispatch and collection.
type answers struct {
	s       *System
	ds      []responder.Dispatch
	now     time.Time
	of      map[*plan][]int             // the dispatches that ask about the plan's kind of subject
	plans   [][]*plan                   // by dispatch, the same the other way round
	errs    []error                     // why a dispatch cannot be served at all
	tallies map[any][]*tally            // by set or detaching, then by dispatch; nil: nothing was counted
	reach   map[string]map[*rowset]bool // what was reachable, by what it depends on
	stays   map[*rowset]stay            // why and until when rows stay
}

// stay is what a line says of rows that stay.
type stay struct {
	ground     *dsr.Ground
	until      *time.Time
	restricted string
}

// tally is what was counted for one dispatch: the rows it reached, by what was to become of them, and those of them that this
// act changed and counts here. A row that an earlier dispatch of the batch reached as well is counted as changed there.
type tally struct {
	stay           int64 // left as they are: kept, or shared and kept
	known          int64 // of these, those that an earlier round counted as found
	others         int64 // rows that other people's refer to as well
	before         int64 // masked before this act
	toErase, erase int64
	toMask, mask   int64
	detach         int64
	elsewhere      int64    // of the detached, rows that the same line counts as found for another reason
	age            oldness  // of rows that stay
	finds          finds    // in the free text of rows that stay
	unsearched     []string // kinds of which a value was not searched for there
}

func newAnswers(s *System, ds []responder.Dispatch) *answers {
	a := &answers{
		s: s, ds: ds, now: s.cfg.Clock().UTC(), of: map[*plan][]int{}, plans: make([][]*plan, len(ds)), errs: make([]error, len(ds)),
		tallies: map[any][]*tally{}, reach: map[string]map[*rowset]bool{}, stays: map[*rowset]stay{},
	}
	for d := range ds {
		for _, p := range s.plans {
			if ds[d].Capacity == "" || ds[d].Capacity == p.kind {
				a.plans[d] = append(a.plans[d], p)
			}
		}
		if len(a.plans[d]) == 0 || partial(ds[d]) {
			a.errs[d] = responder.ErrUnsupported
			a.plans[d] = nil
		}
		for _, p := range a.plans[d] {
			a.of[p] = append(a.of[p], d)
		}
	}
	return a
}

// partial reports whether a dispatch asks to erase some categories of data only: part of a row cannot be.
func partial(d responder.Dispatch) bool {
	return d.Kind == dsr.Erasure && d.Scope != nil && len(d.Scope.Categories) > 0
}

func (a *answers) tally(d int, of any) *tally {
	all := a.tallies[of]
	if all == nil {
		all = make([]*tally, len(a.ds))
		a.tallies[of] = all
	}
	if all[d] == nil {
		all[d] = &tally{}
	}
	return all[d]
}

// counted is what was counted for a dispatch, or nil.
func (a *answers) counted(d int, of any) *tally {
	if all := a.tallies[of]; all != nil {
		return all[d]
	}
	return nil
}

// reached counts rows of a set. In a later round what was masked or kept before is no new find.
func (t *tally) reached(r *rowset, f part, again bool) {
	if f.shared {
		t.others += f.n
	}
	switch {
	case r.rows.Policy == "":
	case r.rows.Policy == datamap.Delete && !f.shared:
		t.toErase += f.n
	case r.rows.Policy == datamap.Keep || f.shared && r.rows.Shared == datamap.Keep:
		t.stay += f.n
		if again {
			t.known += f.n
		}
	case f.bare:
		t.toMask += f.n
	case !again:
		t.before += f.n
	}
}

func (t *tally) found() int64 { return t.stay - t.known + t.before + t.toErase + t.toMask }

// erased puts the answers together, in the order of the dispatches.
func (a *answers) erased(b *batch) []responder.Answer {
	out := make([]responder.Answer, len(a.ds))
	for d := range a.ds {
		if out[d].Err = a.errs[d]; out[d].Err != nil {
			continue
		}
		out[d] = responder.Answer{
			Collections:     a.lines(d, b),
			IdentifierKinds: a.kinds(d),
			Keys:            b.keys[d],
			PhysicalBy:      a.physical(),
		}
	}
	return out
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

// lines writes one line for each collection in which rows of the person, or references to them, may be.
func (a *answers) lines(d int, b *batch) []dsr.Collection {
	out := make([]dsr.Collection, 0, a.most(d))
	kinds := a.ds[d].Kinds()
	for _, p := range a.plans[d] {
		reachable := a.reachable(p, d)
		behind := p.behind(func(r *rowset) bool {
			t := a.counted(d, r)
			return t != nil && t.others > 0
		})
		for _, r := range p.sets {
			if r.rows.Policy == "" {
				continue // nothing personal is in it, or the map would have been refused
			}
			l := a.line(d, r, reachable[r], b)
			behind[r].say(&l)
			sayUnsought(&l, r.unsought(kinds, reachable))
			out = merge(out, l)
		}
		for _, c := range p.detach {
			out = merge(out, a.detachLine(d, c, reachable[c.from]))
		}
	}
	return out
}

// behind names, for each set of which rows may hang on rows that other people share, the set of the latter: what hangs on these is not searched, for
// it is not this person's alone.
func (p *plan) behind(shared func(*rowset) bool) map[*rowset]*rowset {
	var out map[*rowset]*rowset
	for _, r := range p.sets { // in the order in which they are found
		for _, v := range r.vias {
			of := out[v.from]
			if v.from.up && shared(v.from) {
				of = v.from
			}
			if of == nil || v.parent || v.from == r {
				continue
			}
			if out == nil {
				out = map[*rowset]*rowset{}
			}
			out[r] = of
		}
	}
	return out
}

// say adds to the line of another set that what hangs on rows of this one was not searched; nil adds nothing.
func (r *rowset) say(c *dsr.Collection) {
	if r == nil {
		return
	}
	if c.Outcome == dsr.NotFound {
		c.Outcome = dsr.NotSearched
	}
	note(c, r.notSearched())
}

func (r *rowset) notSearched() string {
	return "what hangs on rows of " + r.label() + " to which rows of other people refer is not searched"
}

// most is how many lines a dispatch may have.
func (a *answers) most(d int) int {
	n := 0
	for _, p := range a.plans[d] {
		n += len(p.sets) + len(p.detach)
	}
	return n
}

// reachable says which sets could be searched for a dispatch: with an identifier at hand, or from a set that could.
func (a *answers) reachable(p *plan, d int) map[*rowset]bool {
	kinds := a.ds[d].Kinds()
	var keys []string
	for _, k := range a.ds[d].Keys {
		if !slices.Contains(keys, k.Collection) {
			keys = append(keys, k.Collection)
		}
	}
	// Nearly all of a batch come with the same kinds. Neither a kind nor a collection's label has a line break in it.
	name := p.kind + "\n" + strings.Join(kinds, "\n") + "\n\n" + strings.Join(keys, "\n")
	if out, ok := a.reach[name]; ok {
		return out
	}
	out := map[*rowset]bool{}
	a.reach[name] = out
	for again := true; again; {
		again = false
		for _, r := range p.sets {
			if out[r] {
				continue
			}
			found := slices.Contains(keys, r.label()) ||
				slices.ContainsFunc(r.entries, func(e entry) bool { return slices.Contains(kinds, e.kind) }) ||
				slices.ContainsFunc(r.vias, func(v *via) bool { return out[v.from] })
			if found {
				out[r], again = true, true
			}
		}
	}
	return out
}

func (a *answers) line(d int, r *rowset, searched bool, b *batch) dsr.Collection {
	c := dsr.Collection{
		Name: r.label(), Categories: r.categories, CountQuality: dsr.CountsExact,
		Method: method(r.rows.Policy), MethodVersion: methodVersion, Outcome: dsr.NotFound,
	}
	t := a.counted(d, r)
	if t == nil {
		if !searched {
			c.Outcome, c.Note = dsr.NotSearched, "no identifier at hand leads to this collection"
		}
		return c
	}
	c.Counts = dsr.Counts{Found: t.found(), Erased: t.erase, Retained: t.stay}
	if t.toErase > 0 {
		c.Outcome, c.PhysicalBy = dsr.Erased, a.physical()
	}
	if t.before+t.toMask > 0 {
		a.masked(&c, r, t)
	}
	if t.stay > 0 {
		c.Outcome = dsr.Retained
	}
	if c.Outcome == dsr.Retained || c.Outcome == dsr.Pseudonymised {
		a.ground(&c, r, t)
	}
	if r.up && r.rows.Policy != datamap.Keep && t.stay > 0 {
		note(&c, "rows of other people refer to it")
	}
	if n := t.toErase - t.erase + t.toMask - t.mask; n > 0 {
		note(&c, fmt.Sprintf("%d of these are counted with another request of the same batch", n))
	}
	if t.stay+t.before+t.toMask > 0 {
		t.finds.say(&c, "rows that stay")
		sayUnsearched(&c, t.unsearched)
	}
	if n := b.left[leftKey{d, r}]; n > 0 {
		note(&c, fmt.Sprintf("the keys of %d are not remembered: what is written later and refers to these alone is not found", n))
	}
	return c
}

// masked counts masked rows. Only an examined anonymisation without keyed hashes is one: a hash links for ever; so does free text
// that names the person.
func (a *answers) masked(c *dsr.Collection, r *rowset, t *tally) {
	n := t.before + t.mask
	if r.rows.Assessment != "" && len(t.finds) == 0 && !slices.ContainsFunc(r.masks, func(m mask) bool { return m.hashed() }) {
		c.Outcome, c.AssessmentRef, c.Counts.Anonymised, c.PhysicalBy = dsr.Anonymised, r.rows.Assessment, n, a.physical()
		return
	}
	c.Outcome, c.Counts.Pseudonymised = dsr.Pseudonymised, n
}

// ground is why something stays, until when, and how its use is limited. What the map does not say stays empty: the record
// then counts the remainder as open.
func (a *answers) ground(c *dsr.Collection, r *rowset, t *tally) {
	g := r.rows.Ground
	if g == nil {
		return
	}
	st, known := a.stays[r]
	if !known {
		stated := g.DSR()
		st = stay{ground: &stated, restricted: g.Restriction}
		if until, ok := g.Until(a.now); ok {
			st.until = &until
		}
		a.stays[r] = st
	}
	c.Ground, c.Until, c.Restricted = st.ground, st.until, st.restricted
	if r.day != nil {
		a.aged(c, r, t)
	}
}

func (a *answers) detachLine(d int, c *detaching, searched bool) dsr.Collection {
	out := dsr.Collection{
		Name: c.label, Categories: c.categories, CountQuality: dsr.CountsExact, Method: "detach", MethodVersion: methodVersion, Outcome: dsr.NotFound,
	}
	t := a.counted(d, c)
	switch {
	case t != nil && t.detach > 0:
		out.Outcome, out.Counts = dsr.Detached, dsr.Counts{Found: t.detach - t.elsewhere, Detached: t.detach}
	case !searched:
		out.Outcome, out.Note = dsr.NotSearched, "no identifier at hand leads to the rows that these refer to"
	}
	return out
}

// note adds to what a line says, unless it says so already.
func note(c *dsr.Collection, s string) {
	switch {
	case c.Note == "":
		c.Note = s
	case !strings.Contains(noteEnd+c.Note+noteEnd, noteEnd+s+noteEnd):
		c.Note += noteEnd + s
	}
}

const noteEnd = "; "

// merge adds a line to those there are. A collection has one line, whatever happened there for how many reasons: its outcome
// is the worst, its counts are those of all.
func merge(lines []dsr.Collection, l dsr.Collection) []dsr.Collection {
	i := slices.IndexFunc(lines, func(o dsr.Collection) bool { return o.Name == l.Name })
	if i < 0 {
		return append(lines, l)
	}
	have := &lines[i]
	if have.Outcome == dsr.NotFound || l.Outcome.Worse(have.Outcome) && l.Outcome != dsr.NotFound {
		*have, l = l, *have
	}
	have.Counts = add(have.Counts, l.Counts)
	for s := range strings.SplitSeq(l.Note, noteEnd) {
		if s != "" {
			note(have, s)
		}
	}
	if l.Outcome != dsr.NotFound && l.Method != have.Method && !strings.Contains(have.Method, l.Method) {
		have.Method += ", " + l.Method
	}
	return lines
}

func add(a, b dsr.Counts) dsr.Counts {
	return dsr.Counts{
		Found: a.Found + b.Found, Erased: a.Erased + b.Erased, Anonymised: a.Anonymised + b.Anonymised, Pseudonymised: a.Pseudonymised + b.Pseudonymised,
		Detached: a.Detached + b.Detached, Retained: a.Retained + b.Retained, Exported: a.Exported + b.Exported, Withheld: a.Withheld + b.Withheld,
		Cascaded: a.Cascaded + b.Cascaded, Remaining: a.Remaining + b.Remaining,
	}
}
