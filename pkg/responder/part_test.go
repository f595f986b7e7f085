package responder_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// parts is a system whose work on each person takes so many parts. It remembers what came before in the progress alone.
func parts(n int) *scripted {
	return &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		as := make([]responder.Answer, len(ds))
		for i, d := range ds {
			done := 0
			if len(d.Progress) > 0 {
				var err error
				if done, err = strconv.Atoi(string(bytes.TrimPrefix(d.Progress, []byte("secret rows: ")))); err != nil {
					return nil, responder.Permanent(err)
				}
			}
			if done++; done == n {
				as[i] = responder.Erased("things", int64(n))
				continue
			}
			as[i].Defer = &responder.Deferral{More: true, Progress: []byte("secret rows: " + strconv.Itoa(done))}
		}
		return as, nil
	}}
}

func TestWorkInPartsIsOneAnswer(t *testing.T) {
	r := newRig(t, parts(3))
	first := r.deliver(t, r.Dispatch(t, person(1)), r.Dispatch(t, person(2)))
	for n := 1; n <= 2; n++ {
		if a := ack(t, first, n); a.State != dsr.Delayed || a.DelayedUntil.After(r.Now()) {
			t.Fatalf("person %d is %s until %s, want delayed, and due at once", n, a.State, a.DelayedUntil)
		}
	}
	if second := r.Due(t, r.Responder); len(second.Acknowledgements) != 0 { // without a moment having passed
		t.Fatalf("the second of three parts is acknowledged: %+v", second.Acknowledgements[0])
	}
	last := r.Due(t, r.Responder)
	for n := 1; n <= 2; n++ {
		if a := ack(t, last, n); a.State != dsr.AckAnswered || a.Found() != 3 || a.Resumed {
			t.Errorf("person %d is %s with %d found, resumed %v", n, a.State, a.Found(), a.Resumed)
		}
	}
	if want := []int{2, 1, 1, 1, 1}; !slices.Equal(r.sizes(), want) {
		t.Errorf("the system was called with %v, want %v: what is begun is worked alone", r.sizes(), want)
	}
}

func TestProgressIsSealed(t *testing.T) {
	r := newRig(t, parts(2))
	path := filepath.Join(t.TempDir(), "ledger.db")
	i := r.Bench.Responder(t, r.scripted, ledger.Beside(openSQLite(t, path), ledger.SQLite))
	r.Deliver(t, i, r.Dispatch(t, person(1)))
	var held []byte
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		held = append(held, b...)
	}
	if len(held) == 0 || bytes.Contains(held, []byte("secret rows")) {
		t.Errorf("the ledger's %d bytes hold the progress in clear, or nothing", len(held))
	}
	if a := ack(t, r.Due(t, i), 1); a.State != dsr.AckAnswered || a.Found() != 2 {
		t.Errorf("person 1 is %s with %d found", a.State, a.Found())
	}
}

func TestAHigherAttemptGoesOnFromTheProgress(t *testing.T) {
	r := newRig(t, parts(3))
	work := r.scripted.erase
	r.deliver(t, r.Dispatch(t, person(1)))
	r.scripted.erase = func(context.Context, []responder.Dispatch) ([]responder.Answer, error) {
		return nil, responder.Permanent(errBoom)
	}
	if a := ack(t, r.Due(t, r.Responder), 1); a.State != dsr.AckFailed {
		t.Fatalf("person 1 is %s", a.State)
	}
	r.scripted.erase = work
	r.deliver(t, r.Dispatch(t, person(1), respondertest.Attempt(2)))
	if a := ack(t, r.Due(t, r.Responder), 1); a.State != dsr.AckAnswered || a.Found() != 3 || a.Attempt != 2 {
		t.Errorf("attempt %d of person 1 is %s with %d found", a.Attempt, a.State, a.Found())
	}
	if n := len(r.sizes()); n != 4 {
		t.Errorf("the system was called %d times, want 4: one part, a failure, two parts", n)
	}
}

func TestEachPartHasItsOwnTime(t *testing.T) {
	const n = 12
	r := newRig(t, parts(n), func(c *responder.Config) { c.DeferLimit = time.Hour })
	r.deliver(t, r.Dispatch(t, person(1)))
	for range n - 2 {
		r.Forward(50 * time.Minute)
		if again := r.Due(t, r.Responder); len(again.Acknowledgements) != 0 {
			t.Fatalf("acknowledged as %s before the last part", again.Acknowledgements[0].State)
		}
	}
	if a := ack(t, r.Due(t, r.Responder), 1); a.State != dsr.AckAnswered || a.Found() != n {
		t.Errorf("person 1 is %s with %d found", a.State, a.Found())
	}
}

func TestABatchThatIsTooLargeIsHalvedAtOnce(t *testing.T) {
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		if len(ds) > 2 {
			return nil, responder.ErrTooLarge
		}
		return all(ds, responder.Erased("things", 1)), nil
	}}
	r := newRig(t, s)
	result := r.deliver(t, r.dispatches(t, 0, 7)...)
	for n := range 7 {
		if a := ack(t, result, n); a.State != dsr.AckAnswered {
			t.Errorf("person %d is %s", n, a.State)
		}
	}
	if want := []int{7, 3, 1, 2, 4, 2, 2}; !slices.Equal(r.sizes(), want) {
		t.Errorf("the system was called with %v, want %v", r.sizes(), want)
	}
}
