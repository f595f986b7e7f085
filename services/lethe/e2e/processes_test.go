package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

// TestKilledProcesses: every role is a process of its own, over a real Kafka and a real PostgreSQL, and each is killed by SIGKILL
// while 2,000 requests are under way. Then every request has exactly one record, which says what was erased, and the stores agree.
func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	const erasures, exports, bystanders = 1_800, 200, 200
	pl := newPipeline(t, real(), erasures+exports+bystanders, limits{silence: "300s", resolution: "300s"})
	procs := map[string]*process{}
	for _, role := range roleNames() {
		procs[role] = pl.spawn(t, role)
	}
	var asked []dsr.SubjectRequest
	who := map[dsr.RequestID]person{}
	for i, p := range pl.c.people[:erasures+exports] {
		kind := dsr.Erasure
		if i%10 == 9 {
			kind = dsr.Access
		}
		by := p.byMail()
		if i%2 == 0 {
			by = p.byNumber()
		}
		q := newRequest(kind, by)
		asked = append(asked, q)
		who[q.RequestID] = p
	}

	// The requests come in portions. In each, one role is killed as soon as its part in some of them is seen, and started again.
	sealed := func(w *watch, rs []dsr.SubjectRequest) (n int) {
		for _, q := range rs {
			n += min(1, len(w.records[q.RequestID]))
		}
		return n
	}
	seen := map[string]func(w *watch, rs []dsr.SubjectRequest) bool{
		"coordinator": func(w *watch, rs []dsr.SubjectRequest) bool { return sealed(w, rs) > 0 },
		"packager": func(w *watch, rs []dsr.SubjectRequest) bool {
			for _, q := range rs {
				if q.Kind == dsr.Access && len(w.records[q.RequestID]) > 0 {
					return true
				}
			}
			return false
		},
	}
	portion := len(asked) / len(roleNames())
	for n, role := range roleNames() {
		rs := asked[n*portion : (n+1)*portion]
		if err := pl.pub.Publish(t.Context(), rs...); err != nil {
			t.Fatal(err)
		}
		when := seen[role]
		if when == nil {
			when = func(w *watch, rs []dsr.SubjectRequest) bool {
				for _, q := range rs {
					if w.answered(q.RequestID, role, dsr.Act) {
						return true
					}
				}
				return false
			}
		}
		pl.until(t, "the part of "+role, func(w *watch) bool { return when(w, rs) })
		pl.lock.Lock()
		t.Logf("%s is killed when %d of %d requests of its portion have a record", role, sealed(pl.watch, rs), len(rs))
		pl.lock.Unlock()
		procs[role].kill(t)
		procs[role] = pl.spawn(t, role)
	}
	pl.until(t, "a record of every request", func(w *watch) bool { return sealed(w, asked) == len(asked) })
	for _, p := range procs {
		p.term(t)
	}
	pl.keep()

	rows := map[int]map[string]int64{}
	for _, r := range pl.c.read(t) {
		if rows[r.of] == nil {
			rows[r.of] = map[string]int64{}
		}
		rows[r.of][r.table]++
	}
	var erased []person
	for _, q := range asked {
		p := who[q.RequestID]
		r := pl.record(t, q.RequestID, 0)
		if q.Kind == dsr.Erasure {
			erased = append(erased, p)
			pl.holds(t, p, r, rows[p.id])
		} else {
			pl.packed(t, p, r)
		}
	}
	pl.lock.Lock()
	if len(pl.rejected) > 0 || len(pl.records) != len(asked) {
		t.Errorf("%d rejections; records of %d requests, %d were asked", len(pl.rejected), len(pl.records), len(asked))
	}
	t.Logf("%d records were published more than once, with the same bytes", pl.twice)
	for _, q := range asked {
		if s := pl.last(q.RequestID); s.State != dsr.Sealed || len(pl.records[q.RequestID]) != 1 {
			t.Errorf("the last status of request %s is %s, and it has %d records", q.RequestID, s.State, len(pl.records[q.RequestID]))
		}
	}
	pl.lock.Unlock()
	if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
	pl.c.othersUnchanged(t, erased...)
	pl.nothingInClear(t, erased[:5]...)
}

// holds compares the record of an erasure with what the stores held. Where the ledger stands in the system's own transaction the
// counts are exact, whatever was killed; beside it they may be lower bounds.
func (pl *pipeline) holds(t *testing.T, p person, r *completion.Record, rows map[string]int64) {
	t.Helper()
	want, got := erasureOf(p), lines(r)
	const beside = "chats.conversations"
	if l := got[beside]; l.Quality == dsr.CountsLowerBound && l.Outcome == dsr.Erased && l.Erased <= want[beside].Erased {
		got[beside] = want[beside]
	}
	if d := cmp.Diff(want, got); d != "" || r.Result != erasureResult(p) {
		t.Errorf("the erasure %s is %s (-want +got):\n%s", r.Request.ID, r.Result, d)
	}
	left := p.left()
	if len(left) == 0 {
		left = nil
	}
	if len(rows) == 0 {
		rows = nil
	}
	if d := cmp.Diff(left, rows); d != "" {
		t.Errorf("rows of an erased person (-want +got):\n%s", d)
	}
}

// packed compares the record of an export with the package that was assembled.
func (pl *pipeline) packed(t *testing.T, p person, r *completion.Record) {
	t.Helper()
	if r.Result != dsr.Complete || r.Delivery == nil {
		t.Errorf("the access %s is %s", r.Request.ID, r.Result)
		return
	}
	for name, n := range p.had() {
		if got := lines(r)[name].Exposed; got != n {
			t.Errorf("the access %s counts %d of %s, want %d", r.Request.ID, got, name, n)
		}
	}
	file, err := os.ReadFile(filepath.Join(pl.dir, "exports", "packages", string(r.Request.ID)+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); !bytes.Equal(sum[:], r.Delivery.PackageSHA256) {
		t.Errorf("the package of %s is another one than the record names", r.Request.ID)
	}
	if _, err := portability.Verify(bytes.NewReader(file), int64(len(file))); err != nil {
		t.Error(err)
	}
}
