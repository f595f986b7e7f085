package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// backup copies a database of PostgreSQL, to which nobody may be connected, and restore puts the copy in its place.
func backup(t *testing.T, dsn string) (restore func()) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("not a URL")
	}
	name := strings.TrimPrefix(u.Path, "/")
	admin := openDB(t, "pgx", variable(t, "LETHE_TEST_POSTGRES"))
	copied := name + "_yesterday"
	clone(t, admin, copied, name)
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "drop database "+copied+" with (force)"); err != nil {
			t.Errorf("drop the backup: %v", err)
		}
	})
	return func() {
		t.Helper()
		must(t, admin, "drop database "+name+" with (force)")
		clone(t, admin, name, copied)
	}
}

// clone waits for connections that are being closed: those of the test and of roles that have just stopped.
func clone(t *testing.T, admin *sql.DB, name, from string) {
	t.Helper()
	must(t, admin, "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+from+"'")
	deadline := time.Now().Add(within)
	for {
		_, err := admin.ExecContext(t.Context(), "create database "+name+" template "+from)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestTheCoordinatorsDatabaseIsRestored: it is yesterday's. What the topics know is taken in again, and every request ends with a record
// that says what the first one said, at another instant; nothing is erased twice.
func TestTheCoordinatorsDatabaseIsRestored(t *testing.T) {
	t.Parallel()
	pl := newPipeline(t, real(), 40, limits{}).start(roleNames()...)
	var erased []person
	ask := func(fits func(person) bool) dsr.SubjectRequest {
		p := pl.c.cast(t, fits)
		erased = append(erased, p)
		q := newRequest(dsr.Erasure, p.byMail())
		pl.ask(t, q)
		return q
	}
	old := ask(buyer) // sealed before the backup
	pl.record(t, old.RequestID, 0)
	pl.stop(t, "crm")
	half := []dsr.SubjectRequest{ask(buyer), ask(visitor)} // under way in the backup
	for _, q := range half {
		pl.until(t, "the others", func(w *watch) bool {
			return w.answered(q.RequestID, "shop", dsr.Act) && w.answered(q.RequestID, "chats", dsr.Act)
		})
	}
	serving := []string{"coordinator", "packager"} // who has the database open
	stop := func() {
		for _, role := range serving {
			pl.stop(t, role)
		}
	}
	stop()
	restore := backup(t, pl.store)
	pl.start(append(serving, "crm")...)
	today := []dsr.SubjectRequest{ask(buyer), ask(visitor), ask(buyer)} // not in the backup at all
	for _, q := range append(half, today...) {
		pl.record(t, q.RequestID, 0)
	}
	pl.settled(t)
	pl.stop(t, "crm")
	open := ask(buyer) // under way when the database was lost
	pl.until(t, "the shop", func(w *watch) bool { return w.answered(open.RequestID, "shop", dsr.Act) })
	stop()
	rows := pl.c.read(t)
	pl.lock.Lock()
	pl.restored = true
	pl.lock.Unlock()
	restore()
	pl.start(append(serving, "crm")...)

	for _, q := range append(half, today...) {
		pl.until(t, "a record of "+string(q.RequestID)+" once more", func(w *watch) bool { return len(w.sealedAgain[q.RequestID]) > 0 })
	}
	i := len(erased) - 1
	pl.holds(t, erased[i], pl.record(t, open.RequestID, 0), of(pl.c.read(t), erased[i]))
	pl.lock.Lock()
	if n := len(pl.sealedAgain[old.RequestID]); n != 0 {
		t.Errorf("what was sealed before the backup was sealed %d times again", n)
	}
	for _, q := range append(half, today...) {
		first, again := pl.records[q.RequestID], pl.sealedAgain[q.RequestID]
		if len(first) != 1 || len(again) != 1 {
			t.Errorf("request %s has %d records, and %d after the restore", q.RequestID, len(first), len(again))
			continue
		}
		if d := cmp.Diff(pl.timeless(t, first[0]), pl.timeless(t, again[0])); d != "" {
			t.Errorf("the record of request %s says something else after the restore (-first +now):\n%s", q.RequestID, d)
		}
		if s := pl.last(q.RequestID); s.State != dsr.Sealed {
			t.Errorf("request %s is %s", q.RequestID, s.State)
		}
	}
	if len(pl.rejected) > 0 {
		t.Errorf("%d rejections", len(pl.rejected))
	}
	pl.lock.Unlock()
	before := rowsOf(rows, erased[:i]...)
	if d := cmp.Diff(before, rowsOf(pl.c.read(t), erased[:i]...), cmp.AllowUnexported(row{})); d != "" {
		t.Errorf("rows have changed (-before +now):\n%s", d)
	}
	// Answers were read once more before their questions had been asked once more. The systems gave them again.
	letters := pl.jsonLines(t, "deadletters", "list")
	for _, l := range letters {
		if cause := l["cause"]; cause != "unasked" && cause != "unknown_request" {
			t.Errorf("dead letter: %v", l)
		}
	}
	for _, cause := range []string{"unasked", "unknown_request"} {
		pl.ok(t, "deadletters", "discard", "--cause", cause, "--reason", "the database was restored")
	}
	if left := pl.jsonLines(t, "deadletters", "list"); len(letters) == 0 || len(left) != 0 {
		t.Errorf("of %d dead letters %d are left", len(letters), len(left))
	}
	pl.c.othersUnchanged(t, erased...)
}

// timeless is a record without the instants at which it was sealed, which are all that a second seal may change.
func (pl *pipeline) timeless(t *testing.T, c dsr.Completion) completion.Record {
	t.Helper()
	v, err := completion.Verify(c.Envelope, pl.verify)
	if err != nil {
		t.Fatal(err)
	}
	r := *v.Record
	r.AsOf = time.Time{}
	return r
}

func rowsOf(rows []row, people ...person) (out []row) {
	for _, p := range people {
		for _, r := range rows {
			if r.of == p.id {
				out = append(out, r)
			}
		}
	}
	return out
}

// TestASystemsDatabaseIsRestored: a system is yesterday's, its ledger with it. Whoever is under way is found by the look and erased
// again; whom the coordinator thought done is erased when what was dispatched is read once more, or when somebody asks anew.
func TestASystemsDatabaseIsRestored(t *testing.T) {
	t.Parallel()
	pl := newPipeline(t, real(), 20, limits{settle: "6s"}).start(roleNames()...)
	pl.warm(t)
	pl.stop(t, "crm")
	pl.c.crm.SetMaxIdleConns(0) // the test has no connection open either
	restore := backup(t, pl.dsn["crm"])
	pl.start("crm")
	done, replayed, looked := pl.c.cast(t, buyer), pl.c.cast(t, visitor), pl.c.cast(t, buyer)
	erased := []person{done, replayed, looked}
	first := []dsr.RequestID{pl.ask(t, newRequest(dsr.Erasure, done.byNumber())), pl.ask(t, newRequest(dsr.Erasure, replayed.byNumber()))}
	for i, id := range first {
		pl.holds(t, erased[i], pl.record(t, id, 0), of(pl.c.read(t), erased[i]))
	}
	open := pl.ask(t, newRequest(dsr.Erasure, looked.byNumber()))
	pl.until(t, "the settle time", func(w *watch) bool { return w.last(open).State == dsr.Settling })
	pl.stop(t, "crm")
	restore()
	for _, p := range erased {
		if n := of(pl.c.read(t), p)["crm.tickets"]; n == 0 {
			t.Fatal("the backup does not hold the person")
		}
	}
	statuses := pl.versions()

	pl.start("crm")
	t.Run("the_look_finds_what_came_back", func(t *testing.T) {
		r := pl.record(t, open, 0)
		looks := system(t, r, "crm").Looks
		if r.Result != dsr.Partial || len(looks) != 2 || looks[0].Found == 0 || looks[0].Action != completion.LookErasedAgain || looks[1].Found != 0 {
			t.Errorf("it is %s, the looks are %+v", r.Result, looks)
		}
		if d := cmp.Diff(looked.left(), of(pl.c.read(t), looked)); d != "" {
			t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
		}
	})
	t.Run("what_is_asked_anew_is_erased", func(t *testing.T) {
		r := pl.record(t, pl.ask(t, newRequest(dsr.Erasure, done.byNumber())), 0)
		if got := lines(r)["crm.tickets"]; got.Outcome != dsr.Erased || got.Erased != int64(done.tickets) {
			t.Errorf("care says %+v", got)
		}
		if d := cmp.Diff(done.left(), of(pl.c.read(t), done)); d != "" {
			t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
		}
	})
	t.Run("what_is_read_once_more_is_erased_and_the_record_stands", func(t *testing.T) {
		pl.stop(t, "crm")
		pl.rewind(t, "crm", dsr.TopicErasure)
		pl.start("crm")
		pl.until(t, "the person to be erased", func(*watch) bool { return len(of(pl.c.read(t), replayed)) == 0 })
		var markers []dsr.SubjectRequest // of nobody, and of different ones: none waits for another
		for i := range 12 {
			markers = append(markers, newRequest(dsr.Erasure, []dsr.Identifier{{Kind: "customer_id", Value: fmt.Sprint(4711 + i)}}))
		}
		pl.ask(t, markers...)
		for _, q := range markers {
			pl.record(t, q.RequestID, 0)
		}
		now := pl.versions()
		for _, id := range first {
			if now[id] != statuses[id] {
				t.Errorf("request %s went on from version %d to %d", id, statuses[id], now[id])
			}
		}
	})
	if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
	pl.c.othersUnchanged(t, erased...)
}
