package responder_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

// scripted is a system that does what a test says and remembers how it was called.
type scripted struct {
	erase  func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error)
	verify func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error)
	check  func() error

	mu    sync.Mutex
	calls [][]responder.Dispatch // of Erase
}

func (s *scripted) Erase(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	s.mu.Lock()
	s.calls = append(s.calls, ds)
	s.mu.Unlock()
	if s.erase == nil {
		return all(ds, responder.Erased("things", 1)), nil
	}
	return s.erase(ctx, ds)
}

func (s *scripted) Verify(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
	if s.verify == nil {
		return all(ds, responder.Remaining("things", 0)), nil
	}
	return s.verify(ctx, ds)
}

func (s *scripted) Check(context.Context) error {
	if s.check == nil {
		return nil
	}
	return s.check()
}

// sizes are the sizes of the batches that Erase was called with, in order.
func (s *scripted) sizes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ns []int
	for _, c := range s.calls {
		ns = append(ns, len(c))
	}
	return ns
}

func all(ds []responder.Dispatch, a responder.Answer) []responder.Answer {
	as := make([]responder.Answer, len(ds))
	for i := range as {
		as[i] = a
	}
	return as
}

// rig is a scripted system, a ledger beside it and a bench.
type rig struct {
	*respondertest.Bench
	*scripted
	ledger *ledger.Ledger
	*responder.Responder
}

func newRig(t *testing.T, s *scripted, change ...func(*responder.Config)) *rig {
	t.Helper()
	r := &rig{Bench: respondertest.NewBench(t, "shop"), scripted: s}
	r.ledger = ledger.Beside(openSQLite(t, filepath.Join(t.TempDir(), "ledger.db")), ledger.SQLite)
	r.Responder = r.Bench.Responder(t, s, r.ledger, change...)
	return r
}

func (r *rig) deliver(t *testing.T, ms ...kafka.Message) respondertest.Result {
	t.Helper()
	return r.Deliver(t, r.Responder, ms...)
}

func person(n int) respondertest.Person {
	return respondertest.Person{
		Request:     dsr.RequestID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)),
		Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: fmt.Sprintf("person-%d@example.org", n)}},
	}
}

func (r *rig) dispatches(t *testing.T, from, to int, options ...respondertest.Option) []kafka.Message {
	t.Helper()
	var ms []kafka.Message
	for n := from; n < to; n++ {
		ms = append(ms, r.Dispatch(t, person(n), options...))
	}
	return ms
}

func batchOf(ms ...kafka.Message) kafka.Batch {
	for i := range ms {
		ms[i].Offset = int64(i)
	}
	return kafka.Batch{Topic: ms[0].Topic, Messages: ms, Next: int64(len(ms))}
}

func header(m kafka.Message, key string) string {
	return kafka.HeaderCarrier{Headers: &m.Headers}.Get(key)
}

// ack returns what was acknowledged last for a person.
func ack(t *testing.T, r respondertest.Result, n int) dsr.Acknowledgement {
	t.Helper()
	a, ok := r.Of(person(n).Request)
	if !ok {
		t.Fatalf("no acknowledgement for person %d", n)
	}
	return a
}
