// Package storetest holds what every store must do, whatever database is behind it: one suite that PostgreSQL and SQLite both
// pass, and a benchmark. It uses the store through its contract alone; what only one engine has (a connection that is killed, a
// partition that is missing) is tested beside that engine.
package storetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Run runs the suite. open opens an empty store that the test closes by a cleanup.
func Run(t *testing.T, open func(testing.TB) store.Store) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"transaction", transactionCases},
		{"source", sourceCases},
		{"keys", keyCases},
		{"requests", requestCases},
		{"seal", sealCases},
		{"records", recordCases},
		{"gate", gateCases},
		{"bad_rows", badRowCases},
		{"clock", clockCases},
		{"outbox", outboxCases},
		{"rejections", rejectionCases},
		{"concurrency", concurrencyCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, open(t))
				})
			}
		})
	}
}

type testCase struct {
	name string
	run  func(*testing.T, store.Store)
}

// limit ends what hangs.
const limit = 60 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// run runs a transaction that must succeed.
func run(t testing.TB, s store.Store, do func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	if err := s.Tx(testContext(t), do); err != nil {
		t.Fatalf("transaction: %v", err)
	}
}

// admit puts new requests among the open ones, each after change has seen it.
func admit(t testing.TB, s store.Store, ids []lifecycle.ID, change func(*lifecycle.Request)) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error { return admitTx(ctx, tx, ids, change) })
}

func admitTx(ctx context.Context, tx store.Tx, ids []lifecycle.ID, change func(*lifecycle.Request)) error {
	rs := make([]*lifecycle.Request, len(ids))
	keys := make([]store.Key, len(ids))
	for i, id := range ids {
		rs[i], keys[i] = fresh(id, tx.Now(), 0), keyOf(id)
		if change != nil {
			change(rs[i])
		}
	}
	if err := tx.LockSubjects(ctx, subjectsOf(rs...)); err != nil {
		return err
	}
	if _, err := tx.Keys(ctx, keys); err != nil {
		return err
	}
	first, err := tx.Seq(ctx, len(ids))
	if err != nil {
		return err
	}
	for i, r := range rs {
		r.Seq = first + int64(i)
	}
	return tx.Save(ctx, store.Changes{Requests: rs})
}

// update loads one open request, changes it and saves it, with whatever else change adds.
func update(t testing.TB, s store.Store, id lifecycle.ID, change func(*lifecycle.Request, time.Time, *store.Changes)) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		r := open[id]
		if r == nil {
			t.Fatalf("request %s is not open", id.RequestID)
		}
		ch := store.Changes{Requests: []*lifecycle.Request{r}}
		r.Dirty = true
		change(r, tx.Now(), &ch)
		return tx.Save(ctx, ch)
	})
}

// reopen loads one sealed request and saves it as change leaves it.
func reopen(t testing.TB, s store.Store, id lifecycle.ID, change func(*lifecycle.Request, time.Time, *store.Changes)) {
	t.Helper()
	run(t, s, func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		if len(open) > 0 {
			t.Fatalf("request %s is open", id.RequestID)
		}
		archived, err := tx.Archived(ctx, []lifecycle.ID{id})
		if err != nil {
			return err
		}
		if archived[id] == nil {
			t.Fatalf("request %s is not archived", id.RequestID)
		}
		r := &archived[id].Request
		r.Reopened, r.Dirty = true, true
		ch := store.Changes{Requests: []*lifecycle.Request{r}}
		change(r, tx.Now(), &ch)
		return tx.Save(ctx, ch)
	})
}

// load reads open requests without changing them.
func load(t testing.TB, s store.Store, ids ...lifecycle.ID) map[lifecycle.ID]*lifecycle.Request {
	t.Helper()
	var out map[lifecycle.ID]*lifecycle.Request
	run(t, s, func(ctx context.Context, tx store.Tx) (err error) {
		out, err = tx.Requests(ctx, ids)
		return err
	})
	return out
}

func archived(t testing.TB, s store.Store, ids ...lifecycle.ID) map[lifecycle.ID]*lifecycle.Archive {
	t.Helper()
	var out map[lifecycle.ID]*lifecycle.Archive
	run(t, s, func(ctx context.Context, tx store.Tx) (err error) {
		out, err = tx.Archived(ctx, ids)
		return err
	})
	return out
}

// diff compares what was stored with what came back; flags say what is to be written and do not come back.
func diff(want, got any) string {
	large := func(a, b []byte) bool { return len(a)+len(b) > 128 } // whose difference nobody reads, and takes long to find
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.FilterValues(large, cmp.Comparer(bytes.Equal)), cmpopts.IgnoreUnexported(lifecycle.Step{}),
		cmpopts.IgnoreFields(lifecycle.Request{}, "Fresh", "Dirty", "RefsDirty", "IdentDirty", "Reopened", "Closed"),
		cmpopts.IgnoreFields(lifecycle.Step{}, "Dirty"))
}
