package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

var transactionCases = []testCase{
	{"now_is_one_instant_in_utc_microseconds", func(t *testing.T, s store.Store) {
		before := time.Now().Add(-time.Minute)
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			now := tx.Now()
			if now.Before(before) || now.After(time.Now().Add(time.Minute)) {
				t.Errorf("now is %v", now)
			}
			if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
				t.Errorf("now is %v, want UTC in microseconds", now)
			}
			if _, err := tx.Sources(ctx, "t", []int{0}); err != nil {
				return err
			}
			if again := tx.Now(); !again.Equal(now) {
				t.Errorf("now moved from %v to %v", now, again)
			}
			return nil
		})
	}},
	{"later_transactions_have_later_instants", func(t *testing.T, s store.Store) {
		var last time.Time
		for range 3 {
			run(t, s, func(_ context.Context, tx store.Tx) error {
				if tx.Now().Before(last) {
					t.Errorf("%v comes after %v", tx.Now(), last)
				}
				last = tx.Now()
				return nil
			})
		}
	}},
	{"an_error_of_do_is_returned_as_it_is_and_rolls_back", func(t *testing.T, s store.Store) {
		id := newID()
		mine := errors.New("mine")
		err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
			if err := admitTx(ctx, tx, []lifecycle.ID{id}, nil); err != nil {
				return err
			}
			return mine
		})
		if !errors.Is(err, mine) {
			t.Errorf("got %v", err)
		}
		if got := load(t, s, id); len(got) != 0 {
			t.Errorf("the request was stored: %v", got)
		}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			taken, err := tx.Keys(ctx, []store.Key{keyOf(id)})
			if len(taken) != 0 {
				t.Errorf("the key was stored: %v", taken)
			}
			return err
		})
	}},
	{"one_that_does_nothing_commits", func(t *testing.T, s store.Store) {
		run(t, s, func(context.Context, store.Tx) error { return nil })
		run(t, s, func(ctx context.Context, tx store.Tx) error { return tx.Save(ctx, store.Changes{}) })
	}},
	{"asking_for_nothing_gives_nothing", func(t *testing.T, s store.Store) {
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			refs, err := tx.Refs(ctx, nil)
			must(t, err)
			must(t, tx.LockSubjects(ctx, nil))
			keys, err := tx.Keys(ctx, nil)
			must(t, err)
			open, err := tx.Requests(ctx, nil)
			must(t, err)
			sealed, err := tx.Archived(ctx, nil)
			must(t, err)
			neighbours, err := tx.Neighbours(ctx, nil)
			must(t, err)
			if len(refs)+len(keys)+len(open)+len(sealed)+len(neighbours) != 0 {
				t.Error("something came back")
			}
			return tx.Save(ctx, store.Changes{})
		})
	}},
	{"what_is_unknown_is_absent", func(t *testing.T, s store.Store) {
		id := newID()
		unknown := store.Subject{Ref: ref("nobody")}
		run(t, s, func(ctx context.Context, tx store.Tx) error {
			refs, err := tx.Refs(ctx, []lifecycle.ID{id})
			must(t, err)
			open, err := tx.Requests(ctx, []lifecycle.ID{id})
			must(t, err)
			sealed, err := tx.Archived(ctx, []lifecycle.ID{id})
			must(t, err)
			neighbours, err := tx.Neighbours(ctx, []store.Subject{unknown})
			must(t, err)
			if len(refs)+len(open)+len(sealed)+len(neighbours) != 0 {
				t.Error("something came back")
			}
			return nil
		})
	}},
	{"a_context_that_is_done_starts_nothing", func(t *testing.T, s store.Store) {
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		err := s.Tx(ctx, func(context.Context, store.Tx) error {
			t.Error("do was run")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}},
	{"saving_what_is_not_under_lock_is_refused", func(t *testing.T, s store.Store) {
		id := newID()
		admit(t, s, []lifecycle.ID{id}, nil)
		r := load(t, s, id)[id]
		r.Dirty = true
		for name, change := range map[string]func(){
			"open":     func() {},
			"fresh":    func() { r.Fresh = true },
			"reopened": func() { r.Fresh, r.Reopened = false, true },
		} {
			change()
			err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
				return tx.Save(ctx, store.Changes{Requests: []*lifecycle.Request{r}})
			})
			if err == nil {
				t.Errorf("%s: was saved", name)
			}
			r.Fresh, r.Reopened = false, false
		}
	}},
	{"an_error_swallowed_by_do_does_not_commit", func(t *testing.T, s store.Store) {
		id := newID()
		err := s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
			r := fresh(id, tx.Now(), 1)
			_ = tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "t", Next: 5}}, Requests: []*lifecycle.Request{r}}) // its key was not claimed
			return nil
		})
		if err == nil {
			t.Error("the transaction was committed")
		}
		if from, _, err := s.Offset(testContext(t), "t", 0); err != nil || from.Next != 0 {
			t.Errorf("offset %d, %v", from.Next, err)
		}
	}},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
