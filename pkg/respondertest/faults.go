package respondertest

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

// A fault stands between the runtime and the system under test. The optional interfaces of the system must not be lost on
// the way, for the runtime looks for them: wrap chooses the type that has the same ones.
type fault struct {
	responder.System
	before func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) // nil answers and error: go on
	after  func()
}

func (f *fault) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	if f.before != nil {
		if as, err := f.before(ctx, ds); as != nil || err != nil {
			return as, err
		}
	}
	as, err := f.System.Erase(ctx, ds)
	if f.after != nil {
		f.after()
	}
	return as, err
}

// polled is a fault whose answers come late.
type polled struct {
	*fault
	poll func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error)
}

func (p polled) Poll(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	return p.poll(ctx, ds)
}

// dies runs f in a goroutine that ends in the middle, as a killed process would: nothing after that point happens, except
// that transactions are rolled back.
func (t *trial) dies(f func(die func())) {
	t.Helper()
	var mu sync.Mutex
	died := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(func() {
			mu.Lock()
			died = true
			mu.Unlock()
			runtime.Goexit()
		})
	}()
	<-done
	mu.Lock()
	defer mu.Unlock()
	if !died {
		t.Fatal("the instance was to die and did not: Erase was not called, or nothing was published")
	}
}

// crash delivers a batch to an instance that dies in Erase: before the system has done anything, or after.
func (t *trial) crash(afterEffect bool, msgs ...kafka.Message) {
	t.Helper()
	t.dies(func(die func()) {
		r := t.instance(func(s responder.System) responder.System {
			f := &fault{System: s}
			if afterEffect {
				f.after = die
			} else {
				f.before = func(context.Context, []responder.Dispatch) ([]responder.Answer, error) { die(); return nil, nil }
			}
			return f
		})
		_, _ = r.Handle(t.Context(), t.batch(msgs))
	})
	if r := t.Published(t.T); len(r.Acknowledgements) != 0 {
		t.Errorf("an instance that died acknowledged %d steps", len(r.Acknowledgements))
	}
}

// poison fails every batch that has one of the requests in it.
func poison(class func(error) error, ids ...dsr.RequestID) func(responder.System) responder.System {
	return func(s responder.System) responder.System {
		return &fault{System: s, before: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			for _, d := range ds {
				for _, id := range ids {
					if d.RequestID == id {
						return nil, class(errors.New("poison"))
					}
				}
			}
			return nil, nil
		}}
	}
}
