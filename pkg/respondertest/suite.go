package respondertest

import (
	"bytes"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

func healthy(t *trial) {
	s, _ := t.Open(t.T)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check of a system that works: %v", err)
	}
}

func erases(t *trial) {
	a, b := t.seeded(1, 2), t.seeded(2, 1)
	before := t.left(b)
	ack := t.answered(t.Deliver(t.T, t.instance(), t.Dispatch(t.T, a)), a)
	t.gone(a)
	if n := t.left(b); n != before {
		t.Errorf("%d of %d things are left of somebody else", n, before)
	}
	if ack.Found() == 0 || ack.Outcome() == dsr.NotFound || ack.Resumed {
		t.Errorf("acknowledged %d found, outcome %s, resumed %v", ack.Found(), ack.Outcome(), ack.Resumed)
	}
	for _, c := range ack.Collections {
		if c.CountQuality != dsr.CountsExact && c.CountQuality != dsr.CountsUnknown {
			t.Errorf("counts of %s are %s without a crash", c.Name, c.CountQuality)
		}
	}
	if want := []string{a.Identifiers[0].Kind}; !slices.Equal(ack.IdentifierKinds, want) {
		t.Errorf("searched with %v, want %v", ack.IdentifierKinds, want)
	}
}

func answersInOrder(t *trial) {
	const people = 12
	r := t.instance()
	var msgs []kafka.Message
	var ps []Person
	for n := range people {
		p := t.person(n)
		if n%4 != 0 { // every fourth is unknown
			p = t.seeded(n, n%4)
		}
		ps = append(ps, p)
		msgs = append(msgs, t.Dispatch(t.T, p))
	}
	result := t.Deliver(t.T, r, msgs...)
	if len(result.Acknowledgements) != people {
		t.Errorf("%d acknowledgements for %d dispatches", len(result.Acknowledgements), people)
	}
	var found [people]int64
	evidence := map[string]bool{}
	for n, p := range ps {
		a := t.answered(result, p)
		found[n], evidence[string(a.EvidenceSHA256)] = a.Found(), true
		t.gone(p)
	}
	if len(evidence) != people {
		t.Errorf("%d people have %d hashes of evidence: one person's cannot stand for another's", people, len(evidence))
	}
	for n := range people {
		if n%4 == 0 && found[n] != 0 || n%4 != 0 && found[n] <= found[n-1] {
			t.Fatalf("found %v: the answers are not those of their dispatches (0 for every fourth person, then ever more)", found)
		}
	}
}

func unknownPerson(t *trial) {
	other, p := t.seeded(1, 1), t.person(2)
	before := t.left(other)
	r := t.instance()
	ack := t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p)), p)
	if ack.Outcome() != dsr.NotFound || ack.Found() != 0 {
		t.Errorf("an unknown person is %s with %d found", ack.Outcome(), ack.Found())
	}
	if look := t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Look(1))), p); look.Remaining() != 0 {
		t.Errorf("a look finds %d of an unknown person", look.Remaining())
	}
	if t.left(other) != before {
		t.Error("somebody else was erased")
	}
}

func duplicate(t *trial) {
	p := t.seeded(1, 1)
	m := t.Dispatch(t.T, p)
	first := t.Deliver(t.T, t.instance(), m)
	t.answered(first, p)
	t.Seed(t.T, p.Identifiers[0])
	left := t.left(p)
	again := t.Deliver(t.T, t.instance(), m, m)
	if !bytes.Equal(first.BytesOf(p.Request), again.BytesOf(p.Request)) {
		t.Error("the duplicate was acknowledged with other bytes")
	}
	if n := t.left(p); n != left {
		t.Errorf("the duplicate erased: %d of %d things are left of what was written since", n, left)
	}
}

func reordered(t *trial) {
	ps := []Person{t.seeded(1, 1), t.seeded(2, 2), t.person(3), t.seeded(4, 1)}
	var msgs []kafka.Message
	for _, p := range ps {
		msgs = append(msgs, t.Dispatch(t.T, p))
	}
	first := t.Deliver(t.T, t.instance(), msgs...)
	slices.Reverse(msgs)
	again := t.Deliver(t.T, t.instance(), msgs...)
	for _, p := range ps {
		if b := first.BytesOf(p.Request); b == nil || !bytes.Equal(b, again.BytesOf(p.Request)) {
			t.Errorf("request %s was acknowledged with other bytes", p.Request)
		}
	}
}

func expired(t *trial) {
	p := t.seeded(1, 1)
	before := t.left(p)
	m := t.Dispatch(t.T, p, func(d *dsr.Dispatch) { d.NotAfter = t.Now().Add(-time.Minute) })
	result := t.Deliver(t.T, t.instance(), m)
	t.state(result, p, dsr.AckFailed, dsr.CodeExpired)
	t.deadLetters(result, 0)
	if t.left(p) != before {
		t.Error("an expired dispatch erased")
	}
}

func notAddressed(t *trial) {
	p := t.seeded(1, 1)
	before := t.left(p)
	result := t.Deliver(t.T, t.instance(), t.Dispatch(t.T, p, func(d *dsr.Dispatch) { d.Systems = []string{"another"} }))
	if len(result.Acknowledgements)+len(result.DeadLetters) != 0 || t.left(p) != before {
		t.Error("a dispatch for others was worked or answered")
	}
}

func unsupported(t *trial) {
	s, _ := t.Open(t.T)
	steps := []Option{func(d *dsr.Dispatch) { d.Phase = "ritual" }}
	if _, ok := s.(responder.Exporter); !ok {
		steps = append(steps, Kind(dsr.Access), Kind(dsr.Portability))
	}
	if _, ok := s.(responder.Resolver); !ok {
		steps = append(steps, func(d *dsr.Dispatch) { d.Phase = dsr.Resolve })
	}
	for n, step := range steps {
		p := t.seeded(n, 1)
		before := t.left(p)
		result := t.Deliver(t.T, t.instance(), t.Dispatch(t.T, p, step))
		t.state(result, p, dsr.AckFailed, dsr.CodeUnsupported)
		t.deadLetters(result, 0)
		if t.left(p) != before {
			t.Error("a step that is not supported had an effect")
		}
	}
}
