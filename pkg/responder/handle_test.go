package responder_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

func TestAnAcknowledgementSaysWhatItAnswersAndHow(t *testing.T) {
	hash := bytes.Repeat([]byte{7}, 32)
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		a := responder.Erased("things", 3)
		a.Keys = []responder.RowKey{{Collection: "things", Value: `{"id":7}`}}
		a.PhysicalBy, a.AttestedBy, a.AttestationRef = &until, "processor", "DOC-1"
		return all(ds, a), nil
	}}
	r := newRig(t, s, func(c *responder.Config) { c.MapHash, c.Version, c.Instance = hash, "v1.2.3", "pod-7" })
	p := person(1)
	m := r.Dispatch(t, p, func(d *dsr.Dispatch) {
		d.Tenant, d.Round, d.Attempt, d.Number, d.Priority, d.ParentRequestID = "acme", 2, 3, 4, 5, person(9).Request
		d.Scope = &dsr.Scope{Categories: []string{"user.contact"}}
	})
	d, err := r.Codec.DecodeDispatch(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	got := ack(t, r.deliver(t, m), 1)
	if keys := r.OpenKeys(t, got); !slices.Equal(keys, []responder.RowKey{{Collection: "things", Value: `{"id":7}`}}) {
		t.Errorf("row keys %v", keys)
	}
	key := d.KeyFor("shop")
	want := dsr.Acknowledgement{
		Key: key, Kind: dsr.Erasure, Attempt: 3, State: dsr.AckAnswered, AckID: responder.AckID(key, 3, dsr.AckAnswered),
		Collections: []dsr.Collection{{
			Name: "things", Outcome: dsr.Erased, Method: "delete", CountQuality: dsr.CountsExact, Counts: dsr.Counts{Found: 3, Erased: 3},
		}},
		IdentifierKinds: []string{"email"}, SealedKeys: got.SealedKeys, KeyID: r.Keys.KeyID(),
		SystemVersion: "v1.2.3", EvidenceSHA256: got.EvidenceSHA256, PhysicalBy: &until, FirstAt: got.FirstAt, DoneAt: got.DoneAt,
		AttestedBy: "processor", AttestationRef: "DOC-1", MapHash: hash, AsOf: d.AsOf, NotAfter: d.NotAfter, Priority: 5,
		ParentRequestID: person(9).Request, Number: 4, Scope: d.Scope, Instance: "pod-7", Environment: "test",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("acknowledged, -want +got:\n%s", d)
	}
	if in := s.calls[0][0]; in.Key != key || in.Attempt != 3 || in.Capacity != d.Capacity || !slices.Equal(in.Identifiers, p.Identifiers) ||
		!in.AsOf.Equal(d.AsOf) || in.SubjectRef != d.SubjectRef || in.Resumed {
		t.Errorf("the system was given %+v", in)
	}
}

func TestRowKeysOfThisSystemComeBackOpened(t *testing.T) {
	s := &scripted{}
	var saw []responder.RowKey
	s.erase = func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		a := responder.Erased("things", 1)
		a.Keys = []responder.RowKey{{Collection: "things", Value: "7"}, {Collection: "things", Value: "8"}}
		return all(ds, a), nil
	}
	s.verify = func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		saw = ds[0].Keys
		return all(ds, responder.Remaining("things", 0)), nil
	}
	r := newRig(t, s)
	p := person(1)
	p.Keys = ack(t, r.deliver(t, r.Dispatch(t, p)), 1).SealedKeys
	r.deliver(t, r.Dispatch(t, p, respondertest.Look(1)))
	if want := []responder.RowKey{{Collection: "things", Value: "7"}, {Collection: "things", Value: "8"}}; !slices.Equal(saw, want) {
		t.Errorf("the look was given %v, want %v", saw, want)
	}
}

func TestBytesThatCannotBeReadAreADeadLetterAndHoldUpNothing(t *testing.T) {
	r := newRig(t, &scripted{})
	for name, value := range map[string][]byte{
		"garbage": []byte("garbage"), "nothing": nil, "cut_off": r.Dispatch(t, person(1)).Value[:40],
		"trailing_bytes": append(slices.Clone(r.Dispatch(t, person(1)).Value), 0),
	} {
		t.Run(name, func(t *testing.T) {
			ms := r.dispatches(t, 10, 12)
			bad := kafka.Message{Topic: ms[0].Topic, Partition: 3, Key: []byte("some key"), Value: value, Headers: []kafka.Header{
				{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}, {Key: "lethe_cause", Value: []byte("forged")},
			}}
			n, err := r.Handle(t.Context(), batchOf(ms[0], bad, ms[1]))
			if n != 3 || err != nil {
				t.Fatalf("%d settled, %v", n, err)
			}
			result := r.Published(t)
			if len(result.Acknowledgements) != 2 || len(result.DeadLetters) != 1 {
				t.Fatalf("%d acknowledgements, %d dead letters", len(result.Acknowledgements), len(result.DeadLetters))
			}
			dead := result.DeadLetters[0]
			if !bytes.Equal(dead.Value, value) || string(dead.Key) != "some key" {
				t.Errorf("parked %q under %q", dead.Value, dead.Key)
			}
			got := map[string]string{}
			for _, h := range dead.Headers {
				if _, twice := got[h.Key]; twice {
					t.Errorf("header %s twice", h.Key)
				}
				got[h.Key] = string(h.Value)
			}
			delete(got, "lethe_sha256")
			want := map[string]string{
				"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "lethe_cause": "undecodable", "lethe_class": "permanent",
				"lethe_service": "responder", "lethe_system": "shop", "lethe_attempt": "0", "lethe_topic": "lethe.subject-requests.erasure",
				"lethe_partition": "3", "lethe_offset": "1",
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("headers, -want +got:\n%s", d)
			}
		})
	}
}

func TestAnUnknownSchemaHaltsThePartitionRightBeforeIt(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, &scripted{}, func(c *responder.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ms := r.dispatches(t, 0, 4)
	ms[2].Value = append([]byte{0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}, ms[2].Value[10:]...)
	n, err := r.Handle(t.Context(), batchOf(ms...))
	var unknown *event.UnknownSchemaError
	var place *event.DecodeError
	if n != 2 || !errors.As(err, &unknown) || !errors.As(err, &place) || place.Offset != 2 {
		t.Errorf("%d settled, error %v, want 2 and one that names offset 2", n, err)
	}
	result := r.Published(t)
	if len(result.Acknowledgements) != 2 || len(result.DeadLetters) != 0 {
		t.Errorf("%d acknowledgements and %d dead letters, want 2 and 0", len(result.Acknowledgements), len(result.DeadLetters))
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "halted") {
		t.Error("the halt is not logged as an error")
	}
}

func TestIdentifiersThatCannotBeOpenedFail(t *testing.T) {
	r := newRig(t, &scripted{})
	foreign := respondertest.NewBench(t, "shop") // with keys of its own
	swapped := r.Dispatch(t, person(3))
	// Identifiers of one request do not open for another: they are bound to it.
	d, err := r.Codec.DecodeDispatch(swapped.Value)
	if err != nil {
		t.Fatal(err)
	}
	d.RequestID = person(4).Request
	if swapped.Value, err = r.Codec.EncodeDispatch(d); err != nil {
		t.Fatal(err)
	}
	none := r.Dispatch(t, person(5))
	if d, err = r.Codec.DecodeDispatch(none.Value); err != nil {
		t.Fatal(err)
	}
	d.SealedIdentifiers = nil
	if none.Value, err = r.Codec.EncodeDispatch(d); err != nil {
		t.Fatal(err)
	}
	p := person(6)
	p.Keys = []byte("not keys that this system sealed")
	result := r.deliver(t, r.Dispatch(t, person(1)), foreign.Dispatch(t, person(2)), swapped, none, r.Dispatch(t, p, respondertest.Act(2)))
	if a := ack(t, result, 1); a.State != dsr.AckAnswered {
		t.Errorf("the good one is %s", a.State)
	}
	for _, n := range []int{2, 4, 5, 6} {
		if a := ack(t, result, n); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeIdentifiers {
			t.Errorf("person %d is %s with code %q, want failed with identifiers", n, a.State, a.ErrorCode)
		}
	}
	if len(result.DeadLetters) != 4 {
		t.Errorf("%d dead letters, want 4", len(result.DeadLetters))
	}
	if sizes := r.sizes(); !slices.Equal(sizes, []int{1}) {
		t.Errorf("the system was called with %v, want the good one alone", sizes)
	}
}

func TestTheSameStepTwiceInOneBatchIsWorkedOnceAtItsHighestAttempt(t *testing.T) {
	r := newRig(t, &scripted{})
	first, second := r.Dispatch(t, person(1)), r.Dispatch(t, person(1), respondertest.Attempt(2))
	n, err := r.Handle(t.Context(), batchOf(first, second, first, r.Dispatch(t, person(2))))
	if n != 4 || err != nil {
		t.Fatalf("%d settled, %v", n, err)
	}
	result := r.Published(t)
	if len(result.Acknowledgements) != 2 || ack(t, result, 1).Attempt != 2 {
		t.Errorf("%d acknowledgements, attempt %d of person 1", len(result.Acknowledgements), ack(t, result, 1).Attempt)
	}
	if sizes := r.sizes(); !slices.Equal(sizes, []int{2}) {
		t.Errorf("the system was called with %v", sizes)
	}
}

func TestABrokenKeyNeverReachesTheLedger(t *testing.T) {
	r := newRig(t, &scripted{})
	for name, change := range map[string]respondertest.Option{
		"an_endless_tenant": func(d *dsr.Dispatch) { d.Tenant = strings.Repeat("t", 300) },
		"an_endless_phase":  func(d *dsr.Dispatch) { d.Phase = dsr.Phase(strings.Repeat("p", 300)) },
	} {
		t.Run(name, func(t *testing.T) {
			result := r.deliver(t, r.Dispatch(t, person(1), change), r.Dispatch(t, person(2)))
			if len(result.DeadLetters) != 1 || header(result.DeadLetters[0], "lethe_cause") != "invalid" {
				t.Errorf("dead letters %v", result.DeadLetters)
			}
			if a := ack(t, result, 2); a.State != dsr.AckAnswered {
				t.Errorf("the one beside it is %s", a.State)
			}
		})
	}
}

// flaky is a sender that fails, or finds messages too large.
type flaky struct {
	kafka.Sender
	fail     int // so many calls
	maxBytes int
}

func (f *flaky) Send(ctx context.Context, ms []kafka.Message) error {
	if f.fail > 0 {
		f.fail--
		return errors.New("the broker is away")
	}
	var small []kafka.Message
	var partial kafka.SendError
	for i, m := range ms {
		if f.maxBytes > 0 && len(m.Value) > f.maxBytes {
			partial.Failed = append(partial.Failed, kafka.MessageError{Index: i, Topic: m.Topic, Err: &kafka.TooLargeError{Topic: m.Topic, Size: len(m.Value), Limit: f.maxBytes}})
			continue
		}
		small = append(small, m)
	}
	if err := f.Sender.Send(ctx, small); err != nil || len(partial.Failed) == 0 {
		return err
	}
	partial.Sent = len(small)
	return &partial
}

func TestWhatCouldNotBePublishedComesAgainFromTheLedger(t *testing.T) {
	r := newRig(t, &scripted{})
	f := &flaky{Sender: r.Bench, fail: 1}
	i := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) { c.Sender = f })
	ms := r.dispatches(t, 0, 3)
	if n, err := i.Handle(t.Context(), batchOf(ms...)); n != 0 || err == nil {
		t.Errorf("%d settled, error %v, want none and an error", n, err)
	}
	if n, err := i.Handle(t.Context(), batchOf(ms...)); n != 3 || err != nil {
		t.Errorf("%d settled, error %v", n, err)
	}
	if len(r.Published(t).Acknowledgements) != 3 || len(r.sizes()) != 1 {
		t.Errorf("the system was called %d times, want once", len(r.sizes()))
	}
}

func TestAnAcknowledgementThatTheBrokerFindsTooLargeSaysFailed(t *testing.T) {
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		a := responder.Erased("things", 1)
		a.Keys = []responder.RowKey{{Collection: "things", Value: strings.Repeat("k", 5000)}}
		return all(ds, a), nil
	}}
	r := newRig(t, s)
	i := r.Bench.Responder(t, s, r.ledger, func(c *responder.Config) { c.Sender = &flaky{Sender: r.Bench, maxBytes: 2000} })
	result := r.Deliver(t, i, r.dispatches(t, 0, 1)...)
	if a := ack(t, result, 0); a.State != dsr.AckFailed || a.ErrorCode != dsr.CodeOversize {
		t.Errorf("person 0 is %s with code %q, want failed with oversize", a.State, a.ErrorCode)
	}
}

func TestAFailureIsParkedAgainWithItsAcknowledgement(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Permanent))
	m := r.Dispatch(t, person(1))
	first, again := r.deliver(t, m), r.deliver(t, m)
	if len(first.DeadLetters) != 1 || len(again.DeadLetters) != 1 || !bytes.Equal(first.BytesOf(person(1).Request), again.BytesOf(person(1).Request)) {
		t.Error("a redelivered failure is not repeated as it was: a crash between the ledger and the broker would lose its dead letter")
	}
}

func TestWrongConfigurationIsNamedWhole(t *testing.T) {
	_, err := responder.New(responder.Config{System: "my shop", MapHash: []byte{1}, BatchSize: -1}, &scripted{}, nil)
	for _, want := range []string{"system name", "topic keys", "map hash", "batch size", "brokers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
