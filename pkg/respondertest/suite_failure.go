package respondertest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

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
