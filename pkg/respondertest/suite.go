package respondertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

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

func crashAfterClaim(t *trial) {
	p, unknown := t.seeded(1, 2), t.person(2)
	a, b := t.Dispatch(t.T, p), t.Dispatch(t.T, unknown)
	t.crash(false, a, b)
	if t.left(p) == 0 {
		t.Fatal("the effect came before Erase")
	}
	r := t.Deliver(t.T, t.instance(), a, b)
	t.gone(p)
	t.counted(r, p, unknown, false)
}

func crashAfterEffect(t *trial) {
	p, unknown := t.seeded(1, 2), t.person(2)
	a, b := t.Dispatch(t.T, p), t.Dispatch(t.T, unknown)
	t.crash(true, a, b)
	r := t.Deliver(t.T, t.instance(), a, b)
	t.gone(p)
	t.counted(r, p, unknown, true)
}

// counted demands that the acknowledgement after a crash tells the truth: the exact counts where the ledger stands in the
// transaction; else lower bounds, and not_found of nobody.
func (t *trial) counted(r Result, p, unknown Person, afterEffect bool) {
	t.Helper()
	ack := t.answered(r, p)
	if t.Exact {
		twin := t.seeded(3, 2)
		want := t.answered(t.Deliver(t.T, t.instance(), t.Dispatch(t.T, twin)), twin).Found()
		if ack.Found() != want || ack.Resumed {
			t.Errorf("found %d (resumed %v) after the crash, want %d exactly", ack.Found(), ack.Resumed, want)
		}
		if o := t.answered(r, unknown).Outcome(); o != dsr.NotFound {
			t.Errorf("an unknown person is %s after the crash, want not_found: nothing was done", o)
		}
		return
	}
	if !afterEffect && ack.Found() == 0 {
		t.Error("nothing was found after a crash before the effect")
	}
	for _, a := range []dsr.Acknowledgement{ack, t.answered(r, unknown)} {
		if !a.Resumed {
			t.Error("the acknowledgement does not say that an earlier try may have acted")
		}
		for _, c := range a.Collections {
			if c.Outcome == dsr.NotFound || c.CountQuality == dsr.CountsExact {
				t.Errorf("%s is %s with %s counts after a crash, want no not_found and lower bounds", c.Name, c.Outcome, c.CountQuality)
			}
		}
	}
}

func crashBeforeAcknowledgement(t *trial) {
	p := t.seeded(1, 1)
	m := t.Dispatch(t.T, p)
	t.dies(func(die func()) {
		t.Bench.mu.Lock()
		t.onSend = die
		t.Bench.mu.Unlock()
		_, _ = t.instance().Handle(t.Context(), t.batch([]kafka.Message{m}))
	})
	t.Bench.mu.Lock()
	t.onSend = nil
	t.Bench.mu.Unlock()
	t.gone(p)
	ack := t.answered(t.Deliver(t.T, t.instance(), m), p)
	if ack.Found() == 0 || ack.Resumed {
		t.Errorf("found %d, resumed %v: the counts of the first try are lost", ack.Found(), ack.Resumed)
	}
}

func twoInstances(t *trial) {
	ps := []Person{t.seeded(1, 1), t.seeded(2, 2), t.seeded(3, 1)}
	var msgs []kafka.Message
	for _, p := range ps {
		msgs = append(msgs, t.Dispatch(t.T, p))
	}
	back := slices.Clone(msgs)
	slices.Reverse(back)
	results := map[dsr.RequestID][][]byte{}
	var g errgroup.Group
	for _, batch := range [][]kafka.Message{msgs, back} {
		r := t.instance()
		b := t.batch(batch)
		g.Go(func() error {
			for try := 0; len(b.Messages) > 0; try++ {
				n, err := r.Handle(t.Context(), b)
				if err != nil && try == 20 {
					return err
				}
				b.Messages = b.Messages[n:]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r := t.Published(t.T)
	for i, a := range r.Acknowledgements {
		results[a.RequestID] = append(results[a.RequestID], r.Bytes[i])
	}
	for _, p := range ps {
		t.gone(p)
		if ack := t.answered(r, p); ack.Found() == 0 {
			t.Error("one instance acknowledged what the other had left: 0 found")
		}
		if bs := results[p.Request]; len(bs) < 2 || slices.ContainsFunc(bs, func(b []byte) bool { return !bytes.Equal(b, bs[0]) }) {
			t.Errorf("%d acknowledgements of one step, want two with the same bytes", len(bs))
		}
	}
}

func permanentFailure(t *trial) {
	good, bad, also := t.seeded(1, 1), t.seeded(2, 1), t.seeded(3, 1)
	r := t.instance(poison(responder.Permanent, bad.Request))
	m := t.Dispatch(t.T, bad)
	result := t.Deliver(t.T, r, t.Dispatch(t.T, good), m, t.Dispatch(t.T, also))
	t.answered(result, good)
	t.answered(result, also)
	t.gone(good)
	t.gone(also)
	t.state(result, bad, dsr.AckFailed, dsr.CodePermanent)
	t.deadLetters(result, 1)
	if len(result.DeadLetters) == 1 && !bytes.Equal(result.DeadLetters[0].Value, m.Value) {
		t.Error("the dead letter is not the message")
	}
}

func passingFailure(t *trial) {
	good, bad := t.seeded(1, 1), t.seeded(2, 1)
	s, l := t.Open(t.T)
	result := t.Deliver(t.T, t.responder(poison(responder.Transient, bad.Request)(s), l), t.Dispatch(t.T, good), t.Dispatch(t.T, bad))
	t.answered(result, good)
	t.state(result, bad, dsr.Delayed, "")
	t.deadLetters(result, 0)

	healed := t.instance()
	if r := t.Due(t.T, healed); len(r.Acknowledgements) != 0 {
		t.Error("a deferred step was worked before its time")
	}
	t.Forward(time.Hour)
	t.answered(t.Due(t.T, healed), bad)
	t.gone(bad)
	if r := t.Due(t.T, healed); len(r.Acknowledgements) != 0 {
		t.Error("a step was acknowledged again after it was settled and published")
	}
}

func higherAttempt(t *trial) {
	p := t.seeded(1, 1)
	m := t.Dispatch(t.T, p)
	t.state(t.Deliver(t.T, t.instance(poison(responder.Permanent, p.Request)), m), p, dsr.AckFailed, dsr.CodePermanent)
	healed := t.instance()
	t.state(t.Deliver(t.T, healed, m), p, dsr.AckFailed, dsr.CodePermanent) // the same attempt: what was acknowledged stands
	if t.left(p) == 0 {
		t.Error("the same attempt was worked again")
	}
	again := t.Deliver(t.T, t.instance(poison(responder.Permanent, p.Request)), t.Dispatch(t.T, p, Attempt(2)))
	t.state(again, p, dsr.AckFailed, dsr.CodePermanent)
	t.deadLetters(again, 1)
	for _, m := range again.DeadLetters {
		if !slices.ContainsFunc(m.Headers, func(h kafka.Header) bool { return h.Key == "lethe_attempt" && string(h.Value) == "2" }) {
			t.Error("the dead letter of the second attempt does not say so")
		}
	}
	ack := t.answered(t.Deliver(t.T, healed, t.Dispatch(t.T, p, Attempt(3))), p)
	t.gone(p)
	if ack.Attempt != 3 {
		t.Errorf("acknowledged attempt %d, want 3", ack.Attempt)
	}
}

func lateAnswer(t *trial) {
	p := t.seeded(1, 1)
	s, l := t.Open(t.T)
	asked := 0
	late := polled{
		fault: &fault{System: s, before: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			as := make([]responder.Answer, len(ds))
			for i := range as {
				as[i].Defer = &responder.Deferral{Ticket: "job-7", At: t.Now().Add(time.Hour)}
			}
			return as, nil
		}},
		poll: func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			asked++
			if len(ds) != 1 || ds[0].Ticket != "job-7" {
				t.Errorf("asked about %d dispatches, ticket %q", len(ds), ds[0].Ticket)
			}
			if asked == 1 {
				return []responder.Answer{{Defer: &responder.Deferral{Ticket: "job-7"}}}, nil
			}
			return s.Erase(ctx, ds)
		},
	}
	r := t.responder(late, l)
	t.state(t.Deliver(t.T, r, t.Dispatch(t.T, p)), p, dsr.Delayed, "")
	t.Due(t.T, r)
	t.Forward(2 * time.Hour)
	if again := t.Due(t.T, r); len(again.Acknowledgements) != 0 {
		t.Error("deferred again, it was acknowledged again")
	}
	t.Forward(2 * time.Hour)
	t.answered(t.Due(t.T, r), p)
	t.gone(p)
	if asked != 2 {
		t.Errorf("asked %d times, want 2: not before its time, and not after the answer", asked)
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

func lookReadsOnly(t *trial) {
	p := t.seeded(1, 2)
	before := t.left(p)
	r := t.instance()
	for round := int32(1); round <= 2; round++ {
		look := t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Look(round))), p)
		if look.Remaining() == 0 {
			t.Errorf("look %d finds nothing of a person who is there", round)
		}
	}
	if n := t.left(p); n != before {
		t.Errorf("%d of %d things are left after a look", n, before)
	}
}

func lateData(t *trial) {
	p := t.seeded(1, 1)
	r := t.instance()
	look := func(round int32) int64 {
		t.Helper()
		return t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Look(round))), p).Remaining()
	}
	p.Keys = t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p)), p).SealedKeys
	if n := look(1); n != 0 {
		t.Errorf("a look right after the erasure finds %d", n)
	}
	t.Seed(t.T, p.Identifiers[0])
	if look(2) == 0 {
		t.Error("a look does not find what was written after the erasure")
	}
	t.answered(t.Deliver(t.T, r, t.Dispatch(t.T, p, Act(2))), p)
	t.gone(p)
	if n := look(3); n != 0 {
		t.Errorf("a look after the second erasure finds %d", n)
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

func exports(t *trial) {
	s, l := t.Open(t.T)
	p, unknown := t.seeded(1, 2), t.person(2)
	if _, ok := s.(responder.Exporter); !ok {
		t.state(t.Deliver(t.T, t.responder(s, l), t.Dispatch(t.T, p, Kind(dsr.Access))), p, dsr.AckFailed, dsr.CodeUnsupported)
		return
	}
	before := t.left(p)
	r := t.responder(s, l)
	result := t.Deliver(t.T, r, t.Dispatch(t.T, p, Kind(dsr.Access)), t.Dispatch(t.T, unknown, Kind(dsr.Portability)))
	ack := t.answered(result, p)
	if t.left(p) != before {
		t.Error("an export changed the data")
	}
	if len(ack.Parts) == 0 {
		t.Error("an export of a person who is there has no part")
	}
	for _, part := range ack.Parts {
		b, err := t.Store.ReadAll(t.Context(), part.Path)
		if err != nil {
			t.Fatalf("read part %s: %v", part.Collection, err)
		}
		if sum := sha256.Sum256(b); !bytes.Equal(sum[:], part.SHA256) || int64(len(b)) != part.SizeBytes || part.System != t.System {
			t.Errorf("part %s of %d bytes is not what the acknowledgement names", part.Collection, len(b))
		}
	}
	if o := t.answered(result, unknown).Outcome(); o == dsr.Exported {
		t.Errorf("an export of an unknown person is %s", o)
	}
}
