package responder_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

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
