package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// silenceLimit is how long a system may be silent in the last act.
const silenceLimit = "4s"

// deafness is an act of its own: every coordinator is away for longer than the limit, and what the systems have answered meanwhile lies
// unread. Nobody was silent.
func (t *torture) deafness(ctx context.Context) error {
	p := &portion{}
	for len(p.requests) < 4 {
		who, err := t.workload.customer(ctx)
		if err != nil {
			return err
		}
		p.requests = append(p.requests, t.workload.request(dsr.Erasure, who))
	}
	t.workload.note(p)
	// The systems wait until the coordinators are gone.
	systems := []string{"shop", "desk", "chats"}
	for _, role := range systems {
		if err := t.fleet.halt(role); err != nil {
			return err
		}
	}
	if err := t.publish(ctx, p, 0); err != nil {
		return err
	}
	if !until(ctx, t.drain(), 50*time.Millisecond, func() bool {
		return !slices.ContainsFunc(p.requests, func(a *asked) bool { return !t.watch.admitted(a.RequestID) })
	}) {
		t.problems = append(t.problems, "requests were not admitted while the systems were away")
	}
	if err := t.fleet.halt("coordinator"); err != nil {
		return err
	}
	for _, role := range systems {
		if err := t.fleet.revive(role); err != nil {
			return err
		}
	}
	limit, err := time.ParseDuration(silenceLimit)
	if err != nil {
		return err
	}
	pause(ctx, limit+2*time.Second)
	t.counts.add("coordinators away past the limit", "coordinator", false)
	if err := t.fleet.revive("coordinator"); err != nil {
		return err
	}
	if !until(ctx, t.drain(), 100*time.Millisecond, func() bool { return t.watch.numbered(p.requests, 0) }) {
		t.problems = append(t.problems, "the coordinators were away past a limit, and the requests of that time have no record")
	}
	return nil
}

// silence is the last act: one system is away for longer than its limit. The requests of that time must end incomplete, naming it, and
// when it is back an addendum must follow.
func (t *torture) silence(ctx context.Context) error {
	t.moreEnviron["coordinator"] = []string{"LETHE_LIMITS_SILENCE=" + silenceLimit}
	errs := []error{t.fleet.halt("desk")}
	for n := range t.fleet.size("coordinator") {
		errs = append(errs, t.fleet.restart(t.fleet.pick("coordinator", n)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p := &portion{}
	for len(p.requests) < 4 {
		who, err := t.workload.customer(ctx)
		if err != nil {
			return err
		}
		if who.account {
			a := t.workload.request(dsr.Erasure, who)
			a.silent = true
			p.requests = append(p.requests, a)
		}
	}
	t.workload.note(p)
	if err := t.publish(ctx, p, 0); err != nil {
		return err
	}
	t.counts.add("silence past the limit", "desk", false)
	reached := func(number int32) bool {
		return until(ctx, t.drain(), 100*time.Millisecond, func() bool { return t.watch.numbered(p.requests, number) })
	}
	if !reached(0) {
		t.problems = append(t.problems, "a system was silent past its limit, and its requests have no record")
	}
	if err := t.fleet.revive("desk"); err != nil {
		return err
	}
	if !reached(1) {
		t.problems = append(t.problems, "a system that was silent is back, and no addendum follows")
	}
	if left := t.lag(ctx, time.Minute); left != "" {
		t.problems = append(t.problems, left)
	}
	if err := t.deafness(ctx); err != nil {
		return err
	}
	t.witness.settled(ctx)
	return nil
}

// silentFor holds the first record of a request in whose time a system was away, and returns the addendum.
func (o *oracle) silentFor(a *asked, all []dsr.Completion) (dsr.Completion, bool) {
	if len(all) != 2 || all[0].Number == all[1].Number {
		o.problem("request %s (%s) of the time in which desk was silent has %d records, want one and an addendum", a.RequestID, a.Kind, len(all))
		return dsr.Completion{}, false
	}
	first, last := all[0], all[1]
	if first.Number > last.Number {
		first, last = last, first
	}
	v, err := completion.Verify(first.Envelope, o.verifier)
	if err != nil {
		o.problem("request %s: its record does not verify: %v", a.RequestID, err)
		return last, false
	}
	c := line(v.Record, table{system: "desk", name: "accounts"})
	if first.Number != 0 || v.Record.Result != dsr.Incomplete || len(v.Record.Coverage.Expected) != 3 || c.Outcome != dsr.NoAnswer {
		o.problem("request %s: desk was silent, and its record number %d says %s, expects %v and has %q of desk", a.RequestID, first.Number, v.Record.Result, v.Record.Coverage.Expected, c.Outcome)
	}
	return last, true
}

// halt ends every instance of a role in good order, and starts no other.
func (f *fleet) halt(role string) error {
	var errs []error
	for n := range f.size(role) {
		s := f.pick(role, n)
		s.lock.Lock()
		p := s.proc
		s.proc = nil
		s.lock.Unlock()
		if err := p.ask(); err != nil {
			errs = append(errs, fmt.Errorf("halt %s: %w", role, err))
		}
	}
	return errors.Join(errs...)
}

// revive starts what was halted.
func (f *fleet) revive(role string) error {
	var errs []error
	for n := range f.size(role) {
		s := f.pick(role, n)
		s.lock.Lock()
		errs = append(errs, f.spawn(s, ""))
		s.lock.Unlock()
	}
	return errors.Join(errs...)
}
