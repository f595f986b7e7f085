package main

import (
	"slices"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// person holds the records of all requests of one person against what the stores held of them before.
func (o *oracle) person(same []*asked) {
	var erasures, exports []*asked
	for _, a := range same {
		if o.records[a.RequestID] == nil {
			return // which was said
		}
		if a.Kind == dsr.Erasure {
			erasures = append(erasures, a)
		} else {
			exports = append(exports, a)
		}
		o.result(a)
	}
	for _, a := range exports {
		o.export(a, len(erasures) > 0)
	}
	if len(erasures) == 0 {
		return
	}
	for _, t := range append(slices.Clone(tables), table{system: "chats", name: "conversations"}) {
		if a := erasures[0]; a.who.staff {
			if t.name == "staff" || t.name == "tickets" {
				o.detached(a, t)
			}
		} else if t.name != "staff" {
			o.erased(erasures, t)
		}
	}
}

// result holds the word of a record against its lines.
func (o *oracle) result(a *asked) {
	r := o.records[a.RequestID]
	want := dsr.NothingFound
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			switch g := c.Outcome.Group(); {
			case g == dsr.GroupOpen:
				o.problem("request %s (%s): %s.%s is %s", a.RequestID, a.Kind, s.Name, c.Name, c.Outcome)
				return
			case g == dsr.GroupRemainder:
				want = dsr.Partial
			case c.Outcome != dsr.NotFound && want == dsr.NothingFound:
				want = dsr.Complete
			}
		}
	}
	if r.Result != want {
		o.problem("request %s (%s) is %s, its lines come to %s", a.RequestID, a.Kind, r.Result, want)
	}
	if a.nobody && want != dsr.NothingFound && !o.onlyBounds(r) {
		o.problem("request %s (%s) is of nobody and says %s", a.RequestID, a.Kind, r.Result)
	}
}

// onlyBounds reports whether nothing was counted, and something only not ruled out: an interrupted claim never says that it found nothing.
func (o *oracle) onlyBounds(r *completion.Record) bool {
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			if c.Counts.Found > 0 || c.Outcome != dsr.NotFound && c.CountQuality != dsr.CountsLowerBound {
				return false
			}
		}
	}
	return true
}

// line finds a collection of a record; one that is not in it is empty.
func line(r *completion.Record, t table) completion.Collection {
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			if s.Name == t.system && (c.Name == t.name || c.Name == completion.AllCollections) {
				return c
			}
		}
	}
	return completion.Collection{}
}

// erased holds the erasures of a customer, nearly always one, against one collection. Two that ask the same share its rows.
func (o *oracle) erased(erasures []*asked, t table) {
	first := erasures[0]
	had := int64(0)
	if !first.nobody {
		had = o.tables[first.who.id][t.String()]
	}
	wrong := func(c completion.Collection, want int64) {
		o.problem("request %s (erasure): %s is %s, found %d, erased %d, retained %d (%s); the store held %d", first.RequestID, t, c.Outcome, c.Counts.Found, c.Counts.Erased, c.Counts.Retained, c.CountQuality, want)
	}
	want, sum, bound := had, int64(0), false
	for _, l := range o.late[first.RequestID] {
		if _, left := o.after[l.table][l.row.key]; l.table == t.String() && !left {
			want++
			o.caught++
		}
	}
	for _, a := range erasures {
		c := line(o.records[a.RequestID], t)
		n := c.Counts
		sum += int64(n.Erased)
		lower := c.CountQuality == dsr.CountsLowerBound
		if lower {
			o.bounds++
			bound = true
		}
		switch {
		case lower && t.system != "chats": // its ledger stands in the transaction
			wrong(c, want)
		case t.kept && (int64(n.Retained) != want && len(erasures) == 1 || int64(n.Retained) > want || n.Erased != 0):
			wrong(c, want)
		case c.Outcome == dsr.NotFound && n.Found != 0, c.Outcome == dsr.Erased && n.Erased == 0 && !lower && len(erasures) == 1, int64(n.Found) > want:
			wrong(c, want)
		case len(erasures) == 1 && !lower && int64(n.Found) != want:
			wrong(c, want)
		}
	}
	if !t.kept && (sum > want || sum < want && !bound) {
		wrong(line(o.records[first.RequestID], t), want)
	}
}

// detached holds the erasure of one of the staff against a collection in which others' rows name them. Those rows may have gone before.
func (o *oracle) detached(a *asked, t table) {
	id := number(a.who.id)
	least, most := int64(0), int64(0)
	for _, r := range o.company.original[t.String()] {
		if r.names != id {
			continue
		}
		most++
		if !o.erases(r, t.String()) {
			least++
		}
	}
	c := line(o.records[a.RequestID], t)
	own := int64(0)
	if t.name == "staff" {
		own = 1
	}
	if n := c.Counts; int64(n.Erased) != own || int64(n.Detached) < least || int64(n.Detached) > most || n.Found != n.Erased+n.Detached {
		o.problem("request %s (erasure of staff): %s is %s, found %d, erased %d, detached %d; the store held %d of theirs and %d to %d that name them", a.RequestID, t, c.Outcome, n.Found, n.Erased, n.Detached, own, least, most)
	}
}

// erases reports whether somebody asked for an erasure that takes the row.
func (o *oracle) erases(r cells, table string) bool {
	who := r.of
	if table == "desk.staff" {
		who = r.key
	}
	return o.gone()[who]
}

// export holds an access or portability request against the stores. One that came with an erasure saw everything or came after it.
func (o *oracle) export(a *asked, erased bool) {
	r := o.records[a.RequestID]
	whole, nothing := true, true
	for _, t := range append(slices.Clone(tables), table{system: "chats", name: "conversations"}) {
		if (t.name == "staff") != a.who.staff {
			continue
		}
		had := int64(0)
		if !a.nobody {
			had = o.tables[a.who.id][t.String()]
		}
		c := line(r, t)
		n := int64(c.Counts.Exported)
		if c.Outcome == dsr.OutOfScope && a.Kind == dsr.Portability && n == 0 && int64(c.Counts.Found) == had {
			continue
		}
		if n != had {
			whole = false
		}
		if n != 0 && !t.kept {
			nothing = false
		}
		if c.CountQuality == dsr.CountsLowerBound {
			o.problem("request %s (%s): the count of %s is a lower bound", a.RequestID, a.Kind, t)
		}
	}
	if !whole && (!erased || !nothing) {
		o.problem("request %s (%s): its record says neither what the stores held nor what an erasure left: %v", a.RequestID, a.Kind, exported(r))
	}
	o.delivery(a, r)
}

func exported(r *completion.Record) map[string]int64 {
	out := map[string]int64{}
	for _, s := range r.Systems {
		for _, c := range s.Collections {
			out[s.Name+"."+c.Name] = int64(c.Counts.Exported)
		}
	}
	return out
}
