package kafka

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// together is a handler whose calls last until they are released.
type together struct {
	calls   chan []int // partitions of each call that begins
	release chan struct{}
}

func (h *together) HandleAll(ctx context.Context, bs []Batch) []Outcome {
	var ps []int
	out := make([]Outcome, len(bs))
	for i, b := range bs {
		ps = append(ps, b.Partition)
		out[i].Settled = b.Partition // tells the outcomes apart
	}
	slices.Sort(ps)
	h.calls <- ps
	select {
	case <-h.release:
	case <-ctx.Done():
		for i := range out {
			out[i] = Outcome{Err: ctx.Err()}
		}
	}
	return out
}

// mute is a handler that says nothing.
type mute struct{}

func (mute) HandleAll(context.Context, []Batch) []Outcome { return nil }

func TestGathering(t *testing.T) {
	const wait = 10 * time.Millisecond
	type rig struct {
		*together
		g     *gathering
		ended chan struct{}
		give  func(ctx context.Context, partition, messages int) <-chan Outcome
	}
	in := func(t *testing.T, test func(*testing.T, rig)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			h := &together{calls: make(chan []int, 10), release: make(chan struct{})}
			r := rig{together: h, g: &gathering{handler: h, most: 10, wait: wait}, ended: make(chan struct{})}
			r.give = func(ctx context.Context, partition, messages int) <-chan Outcome {
				out := make(chan Outcome, 1)
				go func() {
					settled, err := r.g.Handle(ctx, Batch{Partition: partition, Messages: make([]Message, messages), Ended: r.ended})
					out <- Outcome{settled, err}
				}()
				synctest.Wait()
				return out
			}
			test(t, r)
		})
	}
	begun := func(t *testing.T, r rig, want ...int) {
		t.Helper()
		synctest.Wait()
		select {
		case got := <-r.calls:
			if !slices.Equal(got, want) {
				t.Errorf("a call has partitions %v, want %v", got, want)
			}
		default:
			t.Errorf("no call has begun, want one with %v", want)
		}
	}
	none := func(t *testing.T, r rig) {
		t.Helper()
		synctest.Wait()
		select {
		case got := <-r.calls:
			t.Errorf("a call has begun with %v", got)
		default:
		}
	}

	t.Run("one_alone_does_not_wait", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			out := r.give(t.Context(), 3, 1)
			begun(t, r, 3)
			r.release <- struct{}{}
			if o := <-out; o.Settled != 3 || o.Err != nil {
				t.Errorf("got %+v", o)
			}
		})
	})
	t.Run("what_comes_during_a_call_is_worked_together_after_it", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			r.give(t.Context(), 1, 1)
			begun(t, r, 1)
			two, three := r.give(t.Context(), 2, 1), r.give(t.Context(), 3, 1)
			none(t, r)
			r.release <- struct{}{}
			begun(t, r, 2, 3)
			r.release <- struct{}{}
			if a, b := <-two, <-three; a.Settled != 2 || b.Settled != 3 {
				t.Errorf("got %+v and %+v: each has its own outcome", a, b)
			}
		})
	})
	t.Run("a_call_that_takes_long_holds_up_nobody", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			r.give(t.Context(), 1, 1)
			begun(t, r, 1)
			r.give(t.Context(), 2, 1)
			time.Sleep(wait / 2)
			r.give(t.Context(), 3, 1)
			none(t, r)
			time.Sleep(wait / 2)
			begun(t, r, 2, 3)
			time.Sleep(2 * wait)
			none(t, r)
			r.release <- struct{}{}
			r.release <- struct{}{}
		})
	})
	t.Run("a_full_batch_does_not_wait_and_takes_no_more_than_fits", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			r.give(t.Context(), 1, 1)
			begun(t, r, 1)
			r.give(t.Context(), 2, 6)
			none(t, r)
			r.give(t.Context(), 3, 6)
			begun(t, r, 2)
			r.release <- struct{}{}
			r.release <- struct{}{}
			begun(t, r, 3)
			r.release <- struct{}{}
		})
	})
	t.Run("what_did_not_fit_beside_others_waits_no_longer_than_they", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			r.give(t.Context(), 1, 1)
			begun(t, r, 1)
			r.give(t.Context(), 2, 6)
			r.give(t.Context(), 3, 6)
			begun(t, r, 2)
			none(t, r)
			time.Sleep(wait) // neither call has come back
			begun(t, r, 3)
			for range 3 {
				r.release <- struct{}{}
			}
		})
	})
	t.Run("a_batch_of_which_nothing_is_said_is_not_settled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := &gathering{handler: mute{}, most: 10, wait: wait}
			if settled, err := g.Handle(t.Context(), Batch{Messages: make([]Message, 1)}); settled != 0 || !errors.Is(err, errNoOutcome) {
				t.Errorf("%d settled, %v", settled, err)
			}
		})
	})
	t.Run("nothing_is_begun_once_the_assignment_has_ended", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			one := r.give(t.Context(), 1, 1)
			begun(t, r, 1)
			two := r.give(t.Context(), 2, 1)
			close(r.ended)
			r.release <- struct{}{}
			if o := <-one; o.Settled != 1 || o.Err != nil {
				t.Errorf("what had begun: %+v", o)
			}
			if o := <-two; o.Settled != 0 || o.Err == nil {
				t.Errorf("what had not begun: %+v", o)
			}
			none(t, r)
		})
	})
	t.Run("a_watchdog_ends_its_call", func(t *testing.T) {
		in(t, func(t *testing.T, r rig) {
			ctx, cancel := context.WithCancel(t.Context())
			out := r.give(ctx, 1, 1)
			begun(t, r, 1)
			cancel()
			if o := <-out; o.Err == nil {
				t.Errorf("got %+v", o)
			}
		})
	})
}
