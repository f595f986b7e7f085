package responder_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

var errBoom = errors.New("boom")

// failingOn fails every batch that has the person in it.
func failingOn(n int, class func(error) error) *scripted {
	return &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		for _, d := range ds {
			if d.RequestID == person(n).Request {
				return nil, class(errBoom)
			}
		}
		return all(ds, responder.Erased("things", 1)), nil
	}}
}

func TestAFailingBatchIsHalvedUntilTheOneAtFaultStandsAlone(t *testing.T) {
	for name, test := range map[string]struct {
		class func(error) error
		sizes []int
		state dsr.AckState
		code  string
	}{
		// Repeated once at every size, since each half is a batch of its own.
		"transient": {responder.Transient, []int{8, 8, 4, 4, 4, 2, 2, 1, 1, 1, 2}, dsr.Delayed, ""},
		"unknown":   {func(err error) error { return err }, []int{8, 8, 4, 4, 4, 2, 2, 1, 1, 1, 2}, dsr.Delayed, ""},
		"permanent": {responder.Permanent, []int{8, 4, 4, 2, 1, 1, 2}, dsr.AckFailed, dsr.CodePermanent},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, failingOn(4, test.class))
			result := r.deliver(t, r.dispatches(t, 0, 8)...)
			if got := r.sizes(); !slices.Equal(got, test.sizes) {
				t.Errorf("called with batches of %v, want %v", got, test.sizes)
			}
			for n := range 8 {
				want, code := dsr.AckAnswered, ""
				if n == 4 {
					want, code = test.state, test.code
				}
				if a := ack(t, result, n); a.State != want || a.ErrorCode != code {
					t.Errorf("person %d is %s with code %q, want %s with %q", n, a.State, a.ErrorCode, want, code)
				}
			}
			if want := len(test.code); (want > 0) != (len(result.DeadLetters) == 1) {
				t.Errorf("%d dead letters", len(result.DeadLetters))
			}
		})
	}
}

func TestAnErrorOfOneAnswerConcernsThatDispatchAlone(t *testing.T) {
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		as := all(ds, responder.Erased("things", 1))
		as[1] = responder.Answer{Err: responder.Permanent(errBoom)}
		as[2] = responder.Answer{Err: errBoom}
		as[3] = responder.Answer{Err: responder.ErrUnsupported}
		return as, nil
	}}
	r := newRig(t, s)
	result := r.deliver(t, r.dispatches(t, 0, 5)...)
	if got := r.sizes(); !slices.Equal(got, []int{5}) {
		t.Errorf("called with batches of %v, want one of 5", got)
	}
	want := []struct {
		state dsr.AckState
		code  string
	}{{dsr.AckAnswered, ""}, {dsr.AckFailed, dsr.CodePermanent}, {dsr.Delayed, ""}, {dsr.AckFailed, dsr.CodeUnsupported}, {dsr.AckAnswered, ""}}
	for n, w := range want {
		if a := ack(t, result, n); a.State != w.state || a.ErrorCode != w.code {
			t.Errorf("person %d is %s with code %q, want %s with %q", n, a.State, a.ErrorCode, w.state, w.code)
		}
	}
	if len(result.DeadLetters) != 1 {
		t.Errorf("%d dead letters, want that of person 1", len(result.DeadLetters))
	}
}

func TestADeferredStepIsRetriedEverMoreSeldomAndThenADeadLetter(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Transient), func(c *responder.Config) { c.PollEvery = 10 * time.Second })
	m := r.Dispatch(t, person(1))
	if a := ack(t, r.deliver(t, m), 1); a.State != dsr.Delayed || a.DelayedUntil.IsZero() {
		t.Fatalf("person 1 is %s until %s", a.State, a.DelayedUntil)
	}
	tries := len(r.sizes())
	var last respondertest.Result
	for range 24 * 60 {
		r.Forward(time.Minute)
		if last = r.Due(t, r.Responder); len(last.Acknowledgements) > 0 {
			break
		}
	}
	if a := ack(t, last, 1); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeDeadline {
		t.Errorf("person 1 is %s with code %q, want failed with deadline", a.State, a.ErrorCode)
	}
	if len(last.DeadLetters) != 1 || string(last.DeadLetters[0].Value) != string(m.Value) {
		t.Fatalf("%d dead letters, want the message", len(last.DeadLetters))
	}
	if got := header(last.DeadLetters[0], "lethe_cause"); got != dsr.CodeDeadline {
		t.Errorf("cause %q, want deadline", got)
	}
	if more := (len(r.sizes()) - tries) / 2; more < 50 || more > 120 { // each turn calls twice
		t.Errorf("retried %d times in 24 hours, want about 100", more)
	}
	r.Forward(time.Hour)
	if again := r.Due(t, r.Responder); len(again.Acknowledgements) != 0 {
		t.Error("a dead letter was worked again")
	}
}

func TestAPanicIsThatOfOneDispatch(t *testing.T) {
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		for _, d := range ds {
			if d.RequestID == person(2).Request {
				panic(d.Identifiers[0].Value)
			}
		}
		return all(ds, responder.Erased("things", 1)), nil
	}}
	r := newRig(t, s)
	result := r.deliver(t, r.dispatches(t, 0, 4)...)
	for n := range 4 {
		want := dsr.AckAnswered
		if n == 2 {
			want = dsr.AckFailed
		}
		if a := ack(t, result, n); a.State != want {
			t.Errorf("person %d is %s, want %s", n, a.State, want)
		}
	}
}

func TestAnswersThatASystemCannotGiveAreRefused(t *testing.T) {
	for name, answer := range map[string]responder.Answer{
		"an_unknown_outcome":            {Collections: []dsr.Collection{{Name: "things", Outcome: "vanished"}}},
		"the_coordinators_own_outcome":  {Collections: []dsr.Collection{{Name: "things", Outcome: dsr.NoAnswer}}},
		"not_found_beside_a_count":      {Collections: []dsr.Collection{{Name: "things", Outcome: dsr.NotFound, Counts: dsr.Counts{Found: 1}}}},
		"a_collection_without_a_name":   {Collections: []dsr.Collection{{Outcome: dsr.Erased}}},
		"a_name_that_is_not_UTF8":       {Collections: []dsr.Collection{{Name: "\xff", Outcome: dsr.Erased}}},
		"a_method_that_is_not_UTF8":     {Collections: []dsr.Collection{{Name: "things", Outcome: dsr.Erased, Method: "\xff"}}},
		"a_ticket_with_a_NUL":           {Defer: &responder.Deferral{Ticket: "a\x00b"}},
		"an_identifier_that_is_no_text": {Resolved: []dsr.Identifier{{Kind: "customer_id", Value: "\xff"}}},
	} {
		t.Run(name, func(t *testing.T) {
			bad := person(1).Request
			s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
				as := all(ds, responder.Erased("things", 1))
				for i, d := range ds {
					if d.RequestID == bad {
						as[i] = answer
					}
				}
				return as, nil
			}}
			r := newRig(t, s)
			result := r.deliver(t, r.dispatches(t, 0, 3)...)
			for n := range 3 {
				want := dsr.AckAnswered
				if n == 1 {
					want = dsr.AckFailed
				}
				if a := ack(t, result, n); a.State != want {
					t.Errorf("person %d is %s, want %s", n, a.State, want)
				}
			}
		})
	}
	t.Run("fewer_answers_than_dispatches", func(t *testing.T) {
		s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			return all(ds[1:], responder.Erased("things", 1)), nil
		}}
		r := newRig(t, s)
		if a := ack(t, r.deliver(t, r.dispatches(t, 0, 2)...), 1); a.State != dsr.AckFailed {
			t.Errorf("person 1 is %s, want failed", a.State)
		}
	})
}

func TestWhatDoesNotFitAMessageFails(t *testing.T) {
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		as := all(ds, responder.Erased("things", 1))
		for i, d := range ds {
			if d.RequestID == person(1).Request {
				as[i].Keys = []responder.RowKey{{Collection: "things", Value: strings.Repeat("k", 950_000)}}
			}
		}
		return as, nil
	}}
	r := newRig(t, s)
	result := r.deliver(t, r.dispatches(t, 0, 3)...)
	if a := ack(t, result, 1); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeOversize {
		t.Errorf("person 1 is %s with code %q, want failed with oversize", a.State, a.ErrorCode)
	}
	if a := ack(t, result, 2); a.State != dsr.AckAnswered {
		t.Errorf("person 2 is %s", a.State)
	}
	if len(result.DeadLetters) != 1 {
		t.Errorf("%d dead letters, want 1", len(result.DeadLetters))
	}
}
