package responder_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// ordering is a system that is given an order and answers by itself, later.
func ordering(token *string, until time.Time) *scripted {
	return &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		*token = ds[0].Token()
		return all(ds, responder.Answer{Defer: &responder.Deferral{Ticket: "order-7", Until: until}}), nil
	}}
}

func TestAnAnswerIsBroughtByItsToken(t *testing.T) {
	var token string
	r := newRig(t, ordering(&token, time.Time{}))
	if a := ack(t, r.deliver(t, r.Dispatch(t, person(1))), 1); a.State != dsr.Delayed {
		t.Fatalf("person 1 is %s", a.State)
	}
	answer := responder.Erased("things", 5)
	if err := r.Complete(t.Context(), token, answer); err != nil {
		t.Fatal(err)
	}
	if a := ack(t, r.Published(t), 1); a.State != dsr.AckAnswered || a.Found() != 5 || a.Resumed {
		t.Errorf("person 1 is %s with %d found", a.State, a.Found())
	}
	if err := r.Complete(t.Context(), token, responder.Erased("things", 9)); err != nil {
		t.Errorf("brought twice: %v", err)
	}
	if again := r.Published(t); len(again.Acknowledgements) != 0 {
		t.Error("brought twice, it was acknowledged twice")
	}
	r.Forward(48 * time.Hour)
	if again := r.Due(t, r.Responder); len(again.Acknowledgements) != 0 {
		t.Error("it was acknowledged again by the due loop")
	}
	if a := ack(t, r.deliver(t, r.Dispatch(t, person(1))), 1); a.Found() != 5 {
		t.Errorf("redelivered, it is acknowledged with %d found", a.Found())
	}
}

func TestATokenOfNoDeferredStepIsRefused(t *testing.T) {
	var token string
	r := newRig(t, ordering(&token, time.Time{}))
	for name, tok := range map[string]string{"garbage": "garbage", "empty": ""} {
		if err := r.Complete(t.Context(), tok, responder.Erased("things", 1)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	unknown := responder.Dispatch{Key: dsr.Key{RequestID: person(8).Request, System: "shop", Phase: dsr.Act, Round: 1}, Attempt: 1}
	if err := r.Complete(t.Context(), unknown.Token(), responder.Erased("things", 1)); !errors.Is(err, responder.ErrNoStep) {
		t.Errorf("error %v, want ErrNoStep", err)
	}
	// The refused token has left nothing behind: the step is worked as new.
	r.scripted.erase = nil
	if a := ack(t, r.deliver(t, r.Dispatch(t, person(8))), 8); a.State != dsr.AckAnswered || a.Resumed {
		t.Errorf("person 8 is %s, resumed %v", a.State, a.Resumed)
	}
	unknown.System = "chats"
	if err := r.Complete(t.Context(), unknown.Token(), responder.Erased("things", 1)); err == nil {
		t.Error("a token of another system is accepted")
	}
}

func TestAnAnswerThatIsNeverBroughtIsADeadLetter(t *testing.T) {
	var token string
	r := newRig(t, &scripted{})
	r.scripted.erase = ordering(&token, r.Now().Add(72*time.Hour)).erase
	r.deliver(t, r.Dispatch(t, person(1)))
	for range 70 {
		r.Forward(time.Hour)
		if result := r.Due(t, r.Responder); len(result.Acknowledgements) != 0 {
			t.Fatalf("given up before its time: %+v", result.Acknowledgements[0])
		}
	}
	r.Forward(3 * time.Hour)
	result := r.Due(t, r.Responder)
	if a := ack(t, result, 1); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeDeadline || len(result.DeadLetters) != 1 {
		t.Errorf("person 1 is %s with code %q, %d dead letters", a.State, a.ErrorCode, len(result.DeadLetters))
	}
	if err := r.Complete(t.Context(), token, responder.Erased("things", 1)); err != nil {
		t.Errorf("too late: %v", err)
	}
	if again := r.Published(t); len(again.Acknowledgements) != 0 {
		t.Error("an answer after the deadline was acknowledged without a higher attempt")
	}
}

func TestAHigherAttemptOverAnOrderIsResumed(t *testing.T) {
	for name, wait := range map[string]time.Duration{"while_it_is_out": 0, "after_it_was_given_up": 30 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			var token string
			r := newRig(t, ordering(&token, time.Time{}))
			r.deliver(t, r.Dispatch(t, person(1)))
			r.Forward(wait)
			r.Due(t, r.Responder)
			r.scripted.erase = func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
				return all(ds, responder.Erased("things", 0)), nil
			}
			a := ack(t, r.deliver(t, r.Dispatch(t, person(1), respondertest.Attempt(2))), 1)
			if a.State != dsr.AckAnswered || !a.Resumed || a.Outcome() == dsr.NotFound {
				t.Errorf("person 1 is %s, resumed %v, outcome %s: the first order may have erased", a.State, a.Resumed, a.Outcome())
			}
		})
	}
}

func TestWhatTheDueLoopSettledAndCouldNotPublishIsPublishedLater(t *testing.T) {
	fail := true
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		if fail {
			return nil, responder.Transient(errBoom)
		}
		return all(ds, responder.Erased("things", 1)), nil
	}}
	r := newRig(t, s)
	r.deliver(t, r.Dispatch(t, person(1)))
	fail = false
	r.Forward(time.Hour)
	broken := r.Bench.Responder(t, s, r.ledger, func(c *responder.Config) { c.Sender = &flaky{Sender: r.Bench, fail: 1} })
	if _, err := broken.WorkDue(t.Context()); err == nil {
		t.Fatal("no error")
	}
	calls := len(r.sizes())
	if early := r.Due(t, r.Responder); len(early.Acknowledgements) != 0 {
		t.Error("published twice at once")
	}
	r.Forward(10 * time.Minute)
	if a := ack(t, r.Due(t, r.Responder), 1); a.State != dsr.AckAnswered {
		t.Errorf("person 1 is %s", a.State)
	}
	if len(r.sizes()) != calls {
		t.Error("it was worked again only to be published")
	}
	r.Forward(10 * time.Minute)
	if again := r.Due(t, r.Responder); len(again.Acknowledgements) != 0 {
		t.Error("published again")
	}
}

func TestADeadLetterOfTheDueLoopSurvivesABrokerThatIsAway(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Transient))
	m := r.Dispatch(t, person(1))
	r.deliver(t, m)
	r.scripted.erase = failingOn(1, responder.Permanent).erase
	r.Forward(time.Hour)
	broken := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) { c.Sender = &flaky{Sender: r.Bench, fail: 1} })
	if _, err := broken.WorkDue(t.Context()); err == nil {
		t.Fatal("no error")
	}
	r.Forward(10 * time.Minute)
	result := r.Due(t, r.Responder)
	if len(result.DeadLetters) != 1 || string(result.DeadLetters[0].Value) != string(m.Value) || header(result.DeadLetters[0], "lethe_topic") != m.Topic {
		t.Errorf("dead letters %v, want the message", result.DeadLetters)
	}
}

func TestDeferredAgainItIsAcknowledgedAsBefore(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Transient))
	m := r.Dispatch(t, person(1))
	first := r.deliver(t, m)
	r.Forward(time.Hour)
	r.Due(t, r.Responder)
	if again := r.deliver(t, m); string(first.BytesOf(person(1).Request)) != string(again.BytesOf(person(1).Request)) {
		t.Error("redelivered, it is acknowledged with other bytes")
	}
}

func TestADeferredStepExpires(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Transient))
	r.deliver(t, r.Dispatch(t, person(1), func(d *dsr.Dispatch) { d.NotAfter = r.Now().Add(time.Hour) }))
	calls := len(r.sizes())
	r.Forward(2 * time.Hour)
	result := r.Due(t, r.Responder)
	if a := ack(t, result, 1); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeExpired {
		t.Errorf("person 1 is %s with code %q, want failed with expired", a.State, a.ErrorCode)
	}
	if len(r.sizes()) != calls {
		t.Error("it was worked after not_after")
	}
}

func TestAHigherAttemptTakesADeferredStepOver(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Transient))
	r.deliver(t, r.Dispatch(t, person(1)))
	r.scripted.erase = nil
	m := r.Dispatch(t, person(1), func(d *dsr.Dispatch) { d.Attempt = 2 })
	if a := ack(t, r.deliver(t, m), 1); a.State != dsr.AckAnswered || a.Attempt != 2 {
		t.Errorf("person 1 is %s at attempt %d", a.State, a.Attempt)
	}
	r.Forward(48 * time.Hour)
	if again := r.Due(t, r.Responder); len(again.Acknowledgements) != 0 {
		t.Error("the deferral outlived its answer")
	}
}
