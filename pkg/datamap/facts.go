package datamap

import (
	"slices"
	"time"
)

// Unknown is the word for what the map does not declare. A record repeats it: undeclared is neither none nor some.
const Unknown = "unknown"

// States of a [Horizon] beside [Unknown].
const (
	None   = "none"   // declared: there is nothing, or nothing to wait for
	Within = "within" // declared: gone within a period
)

// Horizon says by when erased data is gone from a place that keeps it longer: backups, or the pages of a disk.
type Horizon struct {
	State  string // Unknown, None or Within
	Within Period // where State is Within
}

// GoneBy returns the instant by which what was erased at the given instant is gone, and false where that is unknown.
func (h Horizon) GoneBy(erased time.Time) (time.Time, bool) {
	switch h.State {
	case None:
		return erased, true
	case Within:
		return h.Within.After(erased), true
	}
	return time.Time{}, false
}

// worse returns the horizon that lies further away; an unknown one is the furthest.
func (h Horizon) worse(o Horizon) Horizon {
	switch {
	case h.State == Unknown || o.State == None:
		return h
	case o.State == Unknown || h.State == None:
		return o
	case o.Within.longer(h.Within):
		return o
	}
	return h
}

// Recipient is somebody whom the data was given to and who is to be told of an erasure (GDPR Art. 19).
type Recipient struct {
	Name string
	Type string // in the company's words: controller, processor, authority …
}

// Recipients lists the recipients of a system's data. Declared and empty means none; not declared means unknown.
type Recipients struct {
	Declared bool
	List     []Recipient
}

// NotCovered is a place that may hold personal data and that no erasure or export through this map reaches.
type NotCovered struct {
	Name   string
	Reason string
}

// Exclusions lists what a system's owner declares as not covered. Declared and empty means nothing.
type Exclusions struct {
	Declared bool
	List     []NotCovered
}

// Relations of a system to the controller, beside [Unknown].
const (
	Own       = "own"
	Processor = "processor" // GDPR Art. 28
	Joint     = "joint"     // GDPR Art. 26
)

// facts are what a record says about a system beyond its outcomes. In a system's meta they hold for its datasets; a
// dataset's own come first.
type facts struct {
	backups, physical *Horizon
	recipients        *Recipients
	notCovered        *Exclusions
	relation          string
	relationAt        Pos
}

var factKeys = []string{keyBackups, keyPhysical, keyRecipients, keyRelation, keyNotCovered}

func (r *reader) facts(o object) facts {
	f := facts{
		backups:    r.horizon(o.at(keyBackups), keyBackups, true),
		physical:   r.horizon(o.at(keyPhysical), keyPhysical, false),
		recipients: r.recipients(o.at(keyRecipients)),
		notCovered: r.exclusions(o.at(keyNotCovered)),
	}
	if n := o.at(keyRelation); n != nil {
		f.relation, f.relationAt = r.text(n, keyRelation), n.pos
		if n.kind == textNode && !slices.Contains([]string{Own, Processor, Joint}, f.relation) {
			r.errs.add(n.pos, "%s is %s", keyRelation, names(Own, Processor, Joint))
		}
	}
	return f
}

func (r *reader) horizon(n *node, what string, canBeNone bool) *Horizon {
	if n == nil {
		return nil
	}
	if canBeNone && n.kind == textNode && n.text == None {
		return &Horizon{State: None}
	}
	if n.kind != mappingNode {
		want := "{within: a period}"
		if canBeNone {
			want = "none or " + want
		}
		r.errs.add(n.pos, "%s: want %s", what, want)
		return nil
	}
	o := object{r, n, what}
	o.only(Within)
	p := r.period(o.need(Within), o.name(Within))
	if p == nil {
		return nil
	}
	return &Horizon{State: Within, Within: *p}
}

func (r *reader) recipients(n *node) *Recipients {
	if n == nil {
		return nil
	}
	out := &Recipients{Declared: true}
	for _, item := range r.list(n, keyRecipients) {
		if o, ok := r.mapping(item, keyRecipients); ok {
			o.only("name", "type")
			out.List = append(out.List, Recipient{
				Name: r.text(o.need("name"), o.name("name")),
				Type: r.text(o.need("type"), o.name("type")),
			})
		}
	}
	return out
}

func (r *reader) exclusions(n *node) *Exclusions {
	if n == nil {
		return nil
	}
	out := &Exclusions{Declared: true}
	for _, item := range r.list(n, keyNotCovered) {
		if o, ok := r.mapping(item, keyNotCovered); ok {
			o.only("name", "reason")
			out.List = append(out.List, NotCovered{
				Name:   r.text(o.need("name"), o.name("name")),
				Reason: r.text(o.need("reason"), o.name("reason")),
			})
		}
	}
	return out
}

// or fills what f does not declare from the system's declarations.
func (f facts) or(d facts) facts {
	if f.backups == nil {
		f.backups = d.backups
	}
	if f.physical == nil {
		f.physical = d.physical
	}
	if f.recipients == nil {
		f.recipients = d.recipients
	}
	if f.notCovered == nil {
		f.notCovered = d.notCovered
	}
	if f.relation == "" {
		f.relation, f.relationAt = d.relation, d.relationAt
	}
	return f
}

// apply joins the facts of a system's datasets: one unknown makes the whole unknown.
func (s *System) apply(all []facts, errs *collector) {
	s.Backups, s.Physical = Horizon{State: None}, Horizon{State: None}
	s.Recipients, s.NotCovered = Recipients{Declared: true}, Exclusions{Declared: true}
	s.Relation = Unknown
	unknown := Horizon{State: Unknown}
	undeclared := false
	for _, f := range all {
		s.Backups = s.Backups.worse(deref(f.backups, unknown))
		s.Physical = s.Physical.worse(deref(f.physical, unknown))
		rec, exc := deref(f.recipients, Recipients{}), deref(f.notCovered, Exclusions{})
		s.Recipients.Declared = s.Recipients.Declared && rec.Declared
		s.NotCovered.Declared = s.NotCovered.Declared && exc.Declared
		s.Recipients.List = union(s.Recipients.List, rec.List)
		s.NotCovered.List = union(s.NotCovered.List, exc.List)
		switch {
		case f.relation == "":
			undeclared = true
		case s.Relation == Unknown:
			s.Relation = f.relation
		case s.Relation != f.relation:
			errs.add(f.relationAt, "%s: the datasets of system %q have one relation, this says %s and another %s", keyRelation, s.Name, f.relation, s.Relation)
		}
	}
	if undeclared {
		s.Relation = Unknown
	}
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func union[T comparable](a, b []T) []T {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(a, v)
		}
	}
	return a
}
