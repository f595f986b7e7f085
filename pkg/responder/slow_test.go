package responder_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

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
