package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

func TestStepSettlesOnceAndReturnsStoredBytes(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		var saw []responder.Entry
		first := step(t, l, epoch, responder.Deliver, claims(1, 3, 1, 2), answer("first", &saw))
		want := []responder.Entry{
			{Key: key(3), Attempt: 1, State: dsr.AckAnswered, FirstAt: epoch, DoneAt: epoch, Ack: []byte("000003 by first")},
			{Key: key(1), Attempt: 1, State: dsr.AckAnswered, FirstAt: epoch, DoneAt: epoch, Ack: []byte("000001 by first")},
			{Key: key(2), Attempt: 1, State: dsr.AckAnswered, FirstAt: epoch, DoneAt: epoch, Ack: []byte("000002 by first")},
		}
		if d := cmp.Diff(want, first); d != "" {
			t.Errorf("settled, -want +got:\n%s", d)
		}
		if len(saw) != 3 || saw[0].Key != key(3) || saw[0].State != responder.Claimed || saw[0].Resumed {
			t.Errorf("do was given %+v", saw)
		}

		saw = nil
		second := step(t, l, epoch.Add(time.Hour), responder.Deliver, claims(7, 2, 4, 1), answer("second", &saw))
		if d := cmp.Diff([]string{"000002 by first", "000004 by second", "000001 by first"}, acks(second)); d != "" {
			t.Errorf("redelivered, -want +got:\n%s", d)
		}
		if len(saw) != 1 || saw[0].Key != key(4) || saw[0].Attempt != 7 {
			t.Errorf("do was given %+v, want step 4 alone", saw)
		}
	})
}

func TestStepCallsNobodyWhenNothingIsOpen(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		var saw []responder.Entry
		step(t, l, epoch, responder.Deliver, claims(1, 1), answer("first", &saw))
		step(t, l, epoch, responder.Deliver, claims(1, 1), func(context.Context, []responder.Entry) ([]responder.Entry, error) {
			t.Error("do was called for a settled step")
			return nil, nil
		})
	})
}

func TestAnErrorSettlesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		exec(t, db, "CREATE TABLE effect (n integer)")
		boom := errors.New("boom")
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1, 2), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
			if tx := ledger.Tx(ctx); tx != nil {
				if _, err := tx.ExecContext(ctx, "INSERT INTO effect VALUES (1)"); err != nil {
					return nil, err
				}
			}
			return nil, boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("error %v, want that of do", err)
		}
		if n := count(t, db, "effect"); n != 0 {
			t.Errorf("%d effects survived", n)
		}
		var saw []responder.Entry
		step(t, l, epoch, responder.Deliver, claims(1, 1, 2), answer("second", &saw))
		for _, e := range saw {
			if e.Resumed != p.beside {
				t.Errorf("resumed %v after a failed try, want %v", e.Resumed, p.beside)
			}
		}
		if len(saw) != 2 {
			t.Errorf("%d steps were open, want 2", len(saw))
		}
	})
}

// dies runs f in a goroutine that ends in the middle, as a killed process would: deferred rollbacks run, nothing else.
func dies(t *testing.T, f func(die func())) {
	t.Helper()
	survived := true
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(func() { survived = false; runtime.Goexit() })
	}()
	<-done
	if survived {
		t.Fatal("the instance was to die and did not")
	}
}

func TestADeathBetweenEffectAndSettlement(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		exec(t, db, "CREATE TABLE effect (n integer)")
		dies(t, func(die func()) {
			_, _ = l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1), func(ctx context.Context, _ []responder.Entry) ([]responder.Entry, error) {
				if tx := ledger.Tx(ctx); tx != nil {
					_, _ = tx.ExecContext(ctx, "INSERT INTO effect VALUES (1)")
				}
				die()
				return nil, nil
			})
		})
		if n := count(t, db, "effect"); n != 0 {
			t.Errorf("%d effects survived in the transaction", n)
		}
		other, _ := p.ledger(t)
		var saw []responder.Entry
		got := step(t, other, epoch.Add(time.Minute), responder.Deliver, claims(1, 1), answer("second", &saw))
		wantFirst := epoch
		if !p.beside {
			wantFirst = epoch.Add(time.Minute) // the first claim was undone with everything else
		}
		if len(saw) != 1 || saw[0].Resumed != p.beside || !got[0].FirstAt.Equal(wantFirst) {
			t.Errorf("after the death the step came as %+v and is %+v", saw, got)
		}
	})
}

func TestARivalWaitsAndFindsWhatTheFirstLeft(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		rival, _ := p.ledger(t)
		inside, release := make(chan struct{}), make(chan struct{})
		var g errgroup.Group
		var first, second []responder.Entry
		g.Go(func() (err error) {
			first, err = l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1, 2), func(_ context.Context, es []responder.Entry) ([]responder.Entry, error) {
				close(inside)
				<-release
				return answer("first", new([]responder.Entry))(t.Context(), es)
			})
			return err
		})
		<-inside
		started := make(chan struct{})
		g.Go(func() (err error) {
			close(started)
			second, err = rival.Step(t.Context(), epoch, responder.Deliver, claims(1, 2, 1), func(_ context.Context, es []responder.Entry) ([]responder.Entry, error) {
				return nil, fmt.Errorf("the rival was given %d steps", len(es))
			})
			return err
		})
		<-started
		close(release)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(acks(first), []string{string(second[1].Ack), string(second[0].Ack)}); d != "" {
			t.Errorf("the two acknowledge differently:\n%s", d)
		}
	})
}

func TestOverlappingBatchesInOppositeOrderAllEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		var mu sync.Mutex
		worked := map[dsr.Key]int{}
		var g errgroup.Group
		for w := range 4 {
			g.Go(func() error {
				for round := range 5 {
					var ns []int
					for n := range 20 {
						ns = append(ns, round*10+n)
					}
					if w%2 == 1 {
						slices.Reverse(ns)
					}
					_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, ns...), func(_ context.Context, es []responder.Entry) ([]responder.Entry, error) {
						mu.Lock()
						defer mu.Unlock()
						for i := range es {
							worked[es[i].Key]++
							es[i].State, es[i].Ack = dsr.AckAnswered, []byte("x")
						}
						return es, nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		for k, n := range worked {
			if n != 1 {
				t.Errorf("step %v was worked %d times", k, n)
			}
		}
		if len(worked) != 60 {
			t.Errorf("%d steps were worked, want 60", len(worked))
		}
	})
}

func TestWhatIsOpen(t *testing.T) {
	states := map[string]func(*responder.Entry){
		"answered": func(e *responder.Entry) { e.State, e.Ack = dsr.AckAnswered, []byte("a") },
		"failed":   func(e *responder.Entry) { e.State, e.Ack = dsr.AckFailed, []byte("f") },
		"deferred": func(e *responder.Entry) {
			e.State, e.Ack, e.Source, e.Ticket = dsr.Delayed, []byte("d"), []byte("message"), "job-7"
			e.DueAt, e.DeferredAt, e.Deadline = epoch.Add(time.Minute), epoch, epoch.Add(time.Hour)
		},
	}
	for _, test := range []struct {
		state   string
		mode    responder.Mode
		attempt int32
		open    bool
	}{
		{"answered", responder.Deliver, 2, false},
		{"answered", responder.Deliver, 3, false},
		{"answered", responder.Retry, 2, false},
		{"answered", responder.Poll, 2, false},
		{"failed", responder.Deliver, 1, false},
		{"failed", responder.Deliver, 2, false},
		{"failed", responder.Deliver, 3, true},
		{"failed", responder.Retry, 2, false},
		{"failed", responder.Poll, 2, false},
		{"deferred", responder.Deliver, 2, false},
		{"deferred", responder.Deliver, 3, true},
		{"deferred", responder.Retry, 2, true},
		{"deferred", responder.Poll, 2, true},
	} {
		t.Run(fmt.Sprintf("%s_mode_%d_attempt_%d", test.state, test.mode, test.attempt), func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				l, _ := p.ledger(t)
				before := step(t, l, epoch, responder.Deliver, claims(2, 1), settleAs(states[test.state]))
				var saw []responder.Entry
				after := step(t, l, epoch, test.mode, claims(test.attempt, 1), answer("second", &saw))
				if (len(saw) == 1) != test.open {
					t.Fatalf("given to do: %v, want %v", len(saw) == 1, test.open)
				}
				if !test.open {
					if d := cmp.Diff(before, after); d != "" {
						t.Errorf("a closed step changed:\n%s", d)
					}
					return
				}
				want := before[0]
				want.Attempt = max(2, test.attempt)
				if d := cmp.Diff(want, saw[0]); d != "" {
					t.Errorf("given to do, -want +got:\n%s", d)
				}
			})
		})
	}
}

func TestAnUnsettledRetryIsResumedAndAnUnsettledPollIsNot(t *testing.T) {
	for _, mode := range []responder.Mode{responder.Retry, responder.Poll} {
		t.Run(fmt.Sprintf("mode_%d", mode), func(t *testing.T) {
			everywhere(t, func(t *testing.T, p place) {
				l, _ := p.ledger(t)
				step(t, l, epoch, responder.Deliver, claims(1, 1), settleAs(func(e *responder.Entry) { e.State, e.Ack = dsr.Delayed, []byte("d") }))
				step(t, l, epoch, responder.Deliver, claims(1, 1), answer("", new([]responder.Entry))) // redelivered meanwhile: no try
				_, err := l.Step(t.Context(), epoch, mode, claims(1, 1), func(context.Context, []responder.Entry) ([]responder.Entry, error) {
					return nil, errors.New("boom")
				})
				if err == nil {
					t.Fatal("no error")
				}
				var saw []responder.Entry
				step(t, l, epoch, mode, claims(1, 1), answer("third", &saw))
				if want := p.beside && mode == responder.Retry; len(saw) != 1 || saw[0].Resumed != want {
					t.Errorf("third try %+v, want resumed %v", saw, want)
				}
			})
		})
	}
}

func TestAPollAfterAnUnsettledHigherAttemptIsResumed(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		step(t, l, epoch, responder.Deliver, claims(1, 1), settleAs(func(e *responder.Entry) { e.State, e.Ack, e.Ticket = dsr.Delayed, []byte("d"), "job" }))
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(2, 1), func(context.Context, []responder.Entry) ([]responder.Entry, error) {
			return nil, errors.New("boom")
		})
		if err == nil {
			t.Fatal("no error")
		}
		var saw []responder.Entry
		step(t, l, epoch, responder.Poll, claims(1, 1), answer("third", &saw))
		if len(saw) != 1 || saw[0].Resumed != p.beside {
			t.Errorf("poll %+v, want resumed %v", saw, p.beside)
		}
	})
}

func TestResumedIsRememberedBesideAndNeverInTheTransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		step(t, l, epoch, responder.Deliver, claims(1, 1), settleAs(func(e *responder.Entry) {
			e.State, e.Ack, e.Resumed = dsr.AckFailed, []byte("f"), true
		}))
		var saw []responder.Entry
		step(t, l, epoch, responder.Deliver, claims(2, 1), answer("second", &saw))
		if len(saw) != 1 || saw[0].Resumed != p.beside {
			t.Errorf("second try %+v, want resumed %v", saw, p.beside)
		}
	})
}

func TestTheSameStepTwiceInOneBatchIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, _ := p.ledger(t)
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1, 2, 1), answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("error %v of class %q, want permanent", err, responder.Classify(err))
		}
	})
}
