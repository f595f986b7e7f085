package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

var epoch = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// place is a fresh database and a way to open the ledger in it once more, as another instance would.
type place struct {
	dialect ledger.Dialect
	beside  bool
	open    func(t *testing.T) *sql.DB
}

func (p place) ledger(t *testing.T) (*ledger.Ledger, *sql.DB) {
	db := p.open(t)
	if p.beside {
		return ledger.Beside(db, p.dialect), db
	}
	return ledger.InTransaction(db, p.dialect), db
}

// everywhere runs a test on every database, with the ledger in the transaction and beside it.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	for _, d := range []ledger.Dialect{ledger.SQLite, ledger.Postgres, ledger.MySQL} {
		for _, beside := range []bool{false, true} {
			name := string(d) + "_in_transaction"
			if beside {
				name = string(d) + "_beside"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, place{dialect: d, beside: beside, open: opener(t, d)})
			})
		}
	}
}

func opener(t *testing.T, d ledger.Dialect) func(t *testing.T) *sql.DB {
	if d == ledger.MySQL {
		address := freshDatabase(t)
		return func(t *testing.T) *sql.DB {
			t.Helper()
			db, err := ledger.OpenMySQL(address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return db
		}
	}
	driver, dsn := "sqlite", ""
	if d == ledger.Postgres {
		driver, dsn = "pgx", freshSchema(t)
	} else {
		dsn = "file:" + filepath.Join(t.TempDir(), "ledger.db") + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	}
	return func(t *testing.T) *sql.DB {
		t.Helper()
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

// freshDatabase makes a database in the MariaDB of the tests.
func freshDatabase(t *testing.T) string {
	t.Helper()
	base := os.Getenv("LETHE_TEST_MARIADB")
	if base == "" {
		t.Fatal("LETHE_TEST_MARIADB is not set: start one with `go run ./scripts/servers mariadb`")
	}
	admin, err := ledger.OpenMySQL(base + "mysql")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("ledger_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name)
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	return base + name
}

func freshSchema(t *testing.T) string {
	t.Helper()
	base := os.Getenv("LETHE_TEST_POSTGRES")
	if base == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: start one with `go run ./scripts/servers postgres`")
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("ledger_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func key(n int) dsr.Key {
	return dsr.Key{RequestID: dsr.RequestID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)), System: "shop", Phase: dsr.Act, Round: 1}
}

func claims(attempt int32, ns ...int) []responder.Entry {
	es := make([]responder.Entry, len(ns))
	for i, n := range ns {
		es[i] = responder.Entry{Key: key(n), Attempt: attempt}
	}
	return es
}

// answer settles whatever is open with bytes that name the step and the worker.
func answer(worker string, saw *[]responder.Entry) func(context.Context, []responder.Entry) ([]responder.Entry, error) {
	return func(_ context.Context, open []responder.Entry) ([]responder.Entry, error) {
		*saw = append(*saw, slices.Clone(open)...)
		for i := range open {
			open[i].State = dsr.AckAnswered
			open[i].Ack = fmt.Appendf(nil, "%s by %s", open[i].Key.RequestID[30:], worker)
		}
		return open, nil
	}
}

func step(t *testing.T, l *ledger.Ledger, at time.Time, mode responder.Mode, es []responder.Entry, do func(context.Context, []responder.Entry) ([]responder.Entry, error)) []responder.Entry {
	t.Helper()
	out, err := l.Step(t.Context(), at, mode, es, do)
	if err != nil {
		t.Fatalf("step: %v", err)
	}
	return out
}

func acks(es []responder.Entry) []string {
	var out []string
	for _, e := range es {
		out = append(out, string(e.Ack))
	}
	return out
}

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

func settleAs(f func(*responder.Entry)) func(context.Context, []responder.Entry) ([]responder.Entry, error) {
	return func(_ context.Context, es []responder.Entry) ([]responder.Entry, error) {
		for i := range es {
			f(&es[i])
		}
		return es, nil
	}
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

func TestSeveralInstancesStartAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		var g errgroup.Group
		for i := range 6 {
			l, _ := p.ledger(t)
			g.Go(func() error {
				for {
					_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, i), answer("x", new([]responder.Entry)))
					busy := err != nil && p.dialect == ledger.SQLite && strings.Contains(err.Error(), "SQLITE_BUSY")
					if !busy && responder.Classify(err) != responder.ClassUnavailable || t.Context().Err() != nil {
						return err // a file that is busy or away: the runtime tries again, and so does this
					}
				}
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTheClockIsTheDatabases, whatever time zone a session has.
func TestTheClockIsTheDatabases(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		if p.dialect != ledger.SQLite {
			db.SetMaxOpenConns(1)
			if _, err := db.ExecContext(t.Context(), map[ledger.Dialect]string{ledger.Postgres: "SET TimeZone = 'Asia/Kolkata'", ledger.MySQL: "SET time_zone = '+05:30'"}[p.dialect]); err != nil {
				t.Fatal(err)
			}
		}
		before := time.Now()
		got, err := l.Now(t.Context())
		if after := time.Now(); err != nil || got.Before(before.Add(-time.Second)) || got.After(after.Add(time.Second)) { // on one machine it is the same one
			t.Errorf("it is %s (%v), asked between %s and %s", got, err, before, after)
		}
	})
}

func TestTablesMadeBeforehandAreUsed(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		schema(t, db, p.dialect)
		schema(t, db, p.dialect) // twice changes nothing
		step(t, l, epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
	})
}

func TestTablesOfALaterBuildAreRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		schema(t, db, p.dialect)
		exec(t, db, "INSERT INTO lethe_ledger_version VALUES (99)")
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
		if err == nil || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("error %v, want one that names version 99", err)
		}
	})
}

func TestOneConnectionIsEnough(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		l, db := p.ledger(t)
		db.SetMaxOpenConns(1)
		step(t, l, epoch, responder.Deliver, claims(1, 1, 2), answer("x", new([]responder.Entry)))
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

func TestErrorsAreClassified(t *testing.T) {
	t.Run("a_NUL_that_PostgreSQL_refuses_is_permanent", func(t *testing.T) {
		p := place{dialect: ledger.Postgres, open: opener(t, ledger.Postgres)}
		l, _ := p.ledger(t)
		es := claims(1, 1)
		es[0].Key.Tenant = "a\x00b"
		_, err := l.Step(t.Context(), epoch, responder.Deliver, es, answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("error %v of class %q, want permanent", err, responder.Classify(err))
		}
	})
	t.Run("a_transaction_that_the_system_broke_and_kept_is_permanent", func(t *testing.T) {
		p := place{dialect: ledger.Postgres, open: opener(t, ledger.Postgres)}
		l, _ := p.ledger(t)
		_, err := l.Step(t.Context(), epoch, responder.Deliver, claims(1, 1), func(ctx context.Context, es []responder.Entry) ([]responder.Entry, error) {
			_, _ = ledger.Tx(ctx).ExecContext(ctx, "SELECT 1/0")
			return answer("x", new([]responder.Entry))(ctx, es)
		})
		if responder.Classify(err) != responder.ClassPermanent || !strings.Contains(err.Error(), "savepoint") {
			t.Errorf("error %v of class %q, want a permanent one that names the savepoint", err, responder.Classify(err))
		}
	})
	t.Run("a_tenant_that_is_too_long_for_MySQL_is_permanent", func(t *testing.T) {
		l, _ := place{dialect: ledger.MySQL, open: opener(t, ledger.MySQL)}.ledger(t)
		es := claims(1, 1)
		es[0].Key.Tenant = strings.Repeat("a", 256)
		_, err := l.Step(t.Context(), epoch, responder.Deliver, es, answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("error %v of class %q, want permanent", err, responder.Classify(err))
		}
	})
	t.Run("a_MySQL_that_is_away_is_unavailable", func(t *testing.T) {
		db, err := ledger.OpenMySQL("mysql://nobody@127.0.0.1:1/none")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = ledger.Beside(db, ledger.MySQL).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
		if responder.Classify(err) != responder.ClassUnavailable {
			t.Errorf("error %v of class %q, want unavailable", err, responder.Classify(err))
		}
	})
	t.Run("a_database_that_is_away_is_unavailable", func(t *testing.T) {
		for dialect, dsn := range map[ledger.Dialect][2]string{
			ledger.Postgres: {"pgx", "postgres://nobody@127.0.0.1:1/none?sslmode=disable"},
			ledger.SQLite:   {"sqlite", "file:" + filepath.Join(t.TempDir(), "missing", "ledger.db")},
		} {
			db, err := sql.Open(dsn[0], dsn[1])
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			_, err = ledger.Beside(db, dialect).Step(t.Context(), epoch, responder.Deliver, claims(1, 1), answer("x", new([]responder.Entry)))
			if responder.Classify(err) != responder.ClassUnavailable {
				t.Errorf("%s: error %v of class %q, want unavailable", dialect, err, responder.Classify(err))
			}
		}
	})
}

// schema runs the statements one by one, as every driver can.
func schema(t *testing.T, db *sql.DB, d ledger.Dialect) {
	t.Helper()
	for statement := range strings.SplitSeq(strings.TrimSuffix(ledger.Schema(d), ";\n"), ";\n") {
		exec(t, db, statement)
	}
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestALedgerSaysOnceThatItsTablesAreNew(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		made := func(l *ledger.Ledger, want bool) {
			t.Helper()
			if got, err := l.Made(t.Context()); err != nil || got != want {
				t.Errorf("made %v (%v), want %v", got, err, want)
			}
		}
		l, _ := p.ledger(t)
		made(l, true)
		made(l, false)
		other, _ := p.ledger(t)
		made(other, false)
	})
}
