package responder_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// patient is a system that can be away.
type patient struct {
	*scripted
	down   atomic.Bool
	checks atomic.Int64
}

func newPatient() *patient {
	p := &patient{scripted: &scripted{}}
	p.down.Store(true)
	p.check = func() error {
		p.checks.Add(1)
		if p.down.Load() {
			return errBoom
		}
		return nil
	}
	p.erase = func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		if p.down.Load() {
			return nil, responder.Unavailable(errBoom)
		}
		return all(ds, responder.Erased("things", 1)), nil
	}
	return p
}

func TestWhileTheSystemIsAwayNothingIsStepped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		reader, meter := metered(t)
		r := newRig(t, p.scripted, meter)
		away := func() int64 { return collect(t, reader)["lethe.responder.unavailable system=shop"] }
		done := make(chan int)
		go func() {
			n, err := r.Handle(t.Context(), batchOf(r.dispatches(t, 0, 3)...))
			if err != nil {
				t.Errorf("handle: %v", err)
			}
			done <- n
		}()
		time.Sleep(3 * time.Minute) // the bubble's time: nothing is waited for
		synctest.Wait()
		select {
		case n := <-done:
			t.Fatalf("returned with %d settled while the system was away", n)
		default:
		}
		if got := r.sizes(); !slices.Equal(got, []int{3}) {
			t.Errorf("Erase was called with %v while Check failed, want once", got)
		}
		if away() != 1 {
			t.Error("the metric does not say that the system is away")
		}
		p.down.Store(false)
		if n := <-done; n != 3 {
			t.Errorf("%d settled after the system came back, want 3", n)
		}
		if away() != 0 {
			t.Error("the metric says that the system is away still")
		}
		result := r.Published(t)
		for n := range 3 {
			if a := ack(t, result, n); a.State != dsr.AckAnswered {
				t.Errorf("person %d is %s", n, a.State)
			}
		}
	})
}

func TestWaitingForTheSystemEndsWithTheAssignment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newPatient().scripted)
		b := batchOf(r.dispatches(t, 0, 3)...)
		ended := make(chan struct{})
		b.Ended = ended
		go func() {
			time.Sleep(time.Minute)
			close(ended)
		}()
		begun := time.Now()
		n, err := r.Handle(t.Context(), b)
		if n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d settled, error %v, want none and the end of the context", n, err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("returned after %s, want when the assignment ended", took)
		}
		if p := r.Published(t); len(p.Acknowledgements)+len(p.DeadLetters) != 0 {
			t.Error("something was published")
		}
	})
}

func TestAnAwayOfOnePartitionHoldsUpTheOthersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		r := newRig(t, p.scripted)
		serve := func(from int) {
			if n, err := r.Handle(t.Context(), batchOf(r.dispatches(t, from, from+2)...)); n != 2 || err != nil {
				t.Errorf("the partition from %d: %d settled, %v", from, n, err)
			}
		}
		for i := range 4 {
			go serve(i * 10)
		}
		time.Sleep(2 * time.Minute)
		go serve(90) // one that comes now is not tried at all
		synctest.Wait()
		if calls := len(r.sizes()); calls > 4 {
			t.Errorf("a system that is down was called %d times", calls)
		}
		if n := p.checks.Load(); n > 40 {
			t.Errorf("a system that is down was checked %d times in two minutes", n)
		}
		p.down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(r.Published(t).Acknowledgements); got != 10 {
			t.Errorf("%d acknowledgements after the system came back, want 10", got)
		}
	})
}

func TestEachWaitsForASystemThatGoesAwayInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient()
		p.erase = func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			return responder.Each(ctx, ds, func(_ context.Context, d responder.Dispatch) (responder.Answer, error) {
				if p.down.Load() && d.RequestID == person(1).Request {
					return responder.Answer{}, responder.Unavailable(errBoom)
				}
				return responder.Erased("things", 1), nil
			})
		}
		r := newRig(t, p.scripted)
		go func() {
			time.Sleep(20 * time.Second)
			p.down.Store(false)
		}()
		result := r.deliver(t, r.dispatches(t, 0, 3)...)
		for n := range 3 {
			if a := ack(t, result, n); a.State != dsr.AckAnswered {
				t.Errorf("person %d is %s, want answered: the system was away, not the person at fault", n, a.State)
			}
		}
	})
}

func TestASystemThatOnlySaysItIsAwayIsBisectedAndDeferred(t *testing.T) {
	r := newRig(t, failingOn(1, responder.Unavailable)) // Check passes
	result := r.deliver(t, r.dispatches(t, 0, 3)...)
	if a := ack(t, result, 1); a.State != dsr.Delayed {
		t.Errorf("person 1 is %s, want delayed", a.State)
	}
	for _, n := range []int{0, 2} {
		if a := ack(t, result, n); a.State != dsr.AckAnswered {
			t.Errorf("person %d is %s, want answered", n, a.State)
		}
	}
}

func TestWorkThatTakesTooLongIsDeferredAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.erase = func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			if slices.ContainsFunc(ds, func(d responder.Dispatch) bool { return d.RequestID == person(1).Request }) {
				if err := sleep(ctx, 25*time.Minute); err != nil {
					return nil, err
				}
			}
			return all(ds, responder.Erased("things", 1)), nil
		}
		r := newRig(t, s, func(c *responder.Config) { c.RebalanceTimeout = 30 * time.Second })
		begun := time.Now()
		result := r.deliver(t, r.dispatches(t, 0, 3)...)
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("the partition was held up for %s", took)
		}
		for n := range 3 {
			if a := ack(t, result, n); a.State != dsr.Delayed {
				t.Errorf("person %d is %s, want delayed", n, a.State)
			}
		}
		time.Sleep(time.Minute)
		result = r.Due(t, r.Responder) // deferred work may take long
		for n := range 3 {
			if a := ack(t, result, n); a.State != dsr.AckAnswered || !a.Resumed {
				t.Errorf("person %d is %s, resumed %v, want answered and resumed: the first call may have acted", n, a.State, a.Resumed)
			}
		}
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func TestEachLeavesForLaterWhatDidNotBeginInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.erase = func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			return responder.Each(ctx, ds, func(ctx context.Context, _ responder.Dispatch) (responder.Answer, error) {
				if err := sleep(ctx, 4*time.Second); err != nil {
					return responder.Answer{}, err
				}
				return responder.Erased("things", 1), nil
			})
		}
		r := newRig(t, s, func(c *responder.Config) { c.RebalanceTimeout = 30 * time.Second })
		result := r.deliver(t, r.dispatches(t, 0, 5)...)
		for n, want := range []dsr.AckState{dsr.AckAnswered, dsr.AckAnswered, dsr.Delayed, dsr.Delayed, dsr.Delayed} {
			if a := ack(t, result, n); a.State != want {
				t.Errorf("person %d is %s, want %s", n, a.State, want)
			}
		}
		time.Sleep(time.Minute)
		result = r.Due(t, r.Responder)
		for n, resumed := range map[int]bool{2: true, 3: false, 4: false} { // the third had begun
			if a := ack(t, result, n); a.State != dsr.AckAnswered || a.Resumed != resumed {
				t.Errorf("person %d is %s, resumed %v, want answered, %v", n, a.State, a.Resumed, resumed)
			}
		}
	})
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

func TestTheRateIsHeldOverAllPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, meter := metered(t)
		r := newRig(t, &scripted{}, meter, func(c *responder.Config) { c.RatePerSecond = 10 })
		begun := time.Now()
		for i := range 5 {
			go func() {
				for j := range 4 { // the consumer gives batches of ten at most
					ms := r.dispatches(t, i*100+j*10, i*100+j*10+10)
					if n, err := r.Handle(t.Context(), batchOf(ms...)); n != 10 || err != nil {
						t.Errorf("%d settled, %v", n, err)
					}
				}
			}()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(r.Published(t).Acknowledgements); n < 80 || n > 120 {
			t.Errorf("%d dispatches in 10 s at 10 a second and a burst of 10", n)
		}
		time.Sleep(time.Minute - time.Since(begun))
		// Each of five partitions waits for nearly as long as 190 requests take.
		if waited := collect(t, reader)["lethe.responder.throttled system=shop"]; waited < 60 || waited > 5*19 {
			t.Errorf("the metric says that batches waited for %d s", waited)
		}
	})
}
