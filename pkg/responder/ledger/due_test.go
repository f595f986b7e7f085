package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

func TestDue(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		deferFor := func(d time.Duration) func(*responder.Entry) {
			return func(e *responder.Entry) {
				e.State, e.Ack, e.Source, e.Ticket = dsr.Delayed, []byte("d"), []byte{0, 1, 2}, "job"
				e.DueAt, e.DeferredAt, e.Deadline = epoch.Add(d), epoch, epoch.Add(24*time.Hour)
			}
		}
		step(t, l, epoch, responder.Deliver, claims(1, 1), settleAs(deferFor(2*time.Minute)))
		step(t, l, epoch, responder.Deliver, claims(1, 2), settleAs(deferFor(time.Minute)))
		step(t, l, epoch, responder.Deliver, claims(1, 3), settleAs(deferFor(time.Hour)))
		other := claims(1, 4)
		other[0].Key.System = "chats"
		step(t, l, epoch, responder.Deliver, other, settleAs(deferFor(time.Minute)))
		step(t, l, epoch, responder.Deliver, claims(1, 5), settleAs(func(e *responder.Entry) {
			e.State, e.Ack, e.Source, e.DueAt = dsr.AckAnswered, []byte("a"), []byte("m"), epoch.Add(time.Minute) // settled, not yet published
		}))
		at := epoch.Add(10 * time.Minute)

		due := func(at time.Time, limit int) []int {
			t.Helper()
			es, err := l.Due(t.Context(), "shop", at, 5*time.Minute, limit)
			if err != nil {
				t.Fatal(err)
			}
			var ns []int
			for _, e := range es {
				var n int
				_, _ = fmt.Sscanf(string(e.Key.RequestID[24:]), "%d", &n)
				ns = append(ns, n)
				if e.State == dsr.Delayed && (e.Ticket != "job" || !slices.Equal(e.Source, []byte{0, 1, 2}) || !e.DeferredAt.Equal(epoch) || !e.Deadline.Equal(epoch.Add(24*time.Hour))) {
					t.Errorf("due entry %+v lost what it was deferred with", e)
				}
			}
			slices.Sort(ns)
			return ns
		}
		if got := due(at, 2); !slices.Equal(got, []int{2, 5}) {
			t.Errorf("the two longest due: %v, want 2 and 5", got)
		}
		if got := due(at, 10); !slices.Equal(got, []int{1}) {
			t.Errorf("due while the others are leased: %v, want 1", got)
		}
		if got := due(at.Add(6*time.Minute), 10); !slices.Equal(got, []int{1, 2, 5}) {
			t.Errorf("due after the lease: %v, want 1, 2 and 5", got)
		}
		if err := l.Published(t.Context(), []dsr.Key{key(5), key(1)}); err != nil {
			t.Fatal(err)
		}
		if got := due(at.Add(20*time.Minute), 10); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("due after the settled one was published: %v, want 1 and 2", got)
		}
		if n := count(t, db, "lethe_ledger WHERE source IS NOT NULL AND state = 'answered'"); n != 0 {
			t.Error("a published step keeps its message")
		}
	})
}

func TestDueLeavesOutWhatIsBeingWorked(t *testing.T) {
	for _, d := range []ledger.Dialect{ledger.Postgres, ledger.MySQL} { // SQLite has one writer: Due waits there
		t.Run(string(d), func(t *testing.T) {
			p := place{dialect: d, open: opener(t, d)}
			l, _ := p.ledger(t)
			step(t, l, epoch, responder.Deliver, claims(1, 1, 2), settleAs(func(e *responder.Entry) { e.State, e.Ack, e.DueAt = dsr.Delayed, []byte("d"), epoch }))
			step(t, l, epoch, responder.Retry, claims(1, 1), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
				due, err := l.Due(ctx, "shop", epoch, time.Minute, 10)
				if err != nil || len(due) != 1 || due[0].Key != key(2) {
					t.Errorf("due %+v (%v), want step 2 alone", due, err)
				}
				return es, nil
			})
		})
	}
}

func TestTrim(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		day := 24 * time.Hour
		answered := settleAs(func(e *responder.Entry) { e.State, e.Ack = dsr.AckAnswered, []byte("a") })
		step(t, l, epoch, responder.Deliver, claims(1, 1), answered)
		step(t, l, epoch.Add(2*day), responder.Deliver, claims(1, 2), answered)
		step(t, l, epoch, responder.Deliver, claims(1, 3), settleAs(func(e *responder.Entry) { e.State, e.Ack, e.DueAt = dsr.Delayed, []byte("d"), epoch }))
		step(t, l, epoch, responder.Deliver, claims(1, 4), settleAs(func(e *responder.Entry) { e.State, e.Ack, e.DueAt = dsr.AckAnswered, []byte("a"), epoch }))
		n, err := l.Trim(t.Context(), "shop", epoch.Add(day))
		if err != nil || n != 1 {
			t.Errorf("trimmed %d (%v), want the one that is old, settled and published", n, err)
		}
		if left := count(t, db, "lethe_ledger"); left != 3 {
			t.Errorf("%d steps left, want 3", left)
		}
		if n, err := l.Trim(t.Context(), "chats", epoch.Add(9*day)); err != nil || n != 0 {
			t.Errorf("trimmed %d of another system (%v)", n, err)
		}
	})
}
