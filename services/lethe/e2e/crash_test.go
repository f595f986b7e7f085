package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestCrashPoints: each process dies once at points between two of its steps, in the middle of a batch, and is started
// again; scripts/torture has every point. Each request has one logical outcome all the same.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	t.Run("coordinator", func(t *testing.T) {
		t.Parallel()
		pl := newPipeline(t, real(), 240, limits{silence: "300s", resolution: "300s"}).start("packager", "shop", "crm", "chats")
		for _, point := range []string{"fetched", "saved", "saved:3", "committed", "committed:3", "relay.fetched", "relay.published", "relay.published:3"} {
			t.Run(strings.ReplaceAll(point, ":", "_on_visit_"), func(t *testing.T) {
				pl.crashes(t, map[string]string{"coordinator": "coordinator." + point})
			})
		}
		pl.keep()
		pl.nothingInClear(t, pl.c.people[:5]...)
	})
	// The ledger of shop and customer care stands in the transaction of the erasure, that of the conversations beside it.
	t.Run("responders", func(t *testing.T) {
		t.Parallel()
		pl := newPipeline(t, real(), 240, limits{silence: "300s", resolution: "300s"}).start("coordinator")
		points := []string{"fetched", "claimed", "effected", "committed", "acknowledged"}
		for i, point := range points {
			t.Run(point, func(t *testing.T) {
				next := points[(i+1)%len(points)]
				pl.crashes(t, map[string]string{"shop": "responder." + point, "crm": "responder." + next + ":2", "chats": "responder." + point, "packager": "responder." + point})
			})
		}
		pl.keep()
		pl.nothingInClear(t, pl.c.people[:5]...)
	})
}

// crashes runs roles as processes that die at their points, asks for the erasure of ten people and the data of two, starts what
// has died again and holds every outcome. Roles that the test runs itself go on.
func (pl *pipeline) crashes(t *testing.T, points map[string]string) {
	t.Helper()
	procs := map[string]*process{}
	for role, point := range points {
		procs[role] = pl.spawn(t, role, "LETHE_CRASH_AT="+point)
		procs[role].expected.Store(true)
	}
	for role := range points {
		pl.prints(t, procs[role], "is running")
	}
	var people, sees []person
	var erasures, exports []dsr.SubjectRequest
	for range 10 {
		p := pl.c.cast(t, buyer)
		people, erasures = append(people, p), append(erasures, newRequest(dsr.Erasure, p.byMail()))
	}
	for range 2 {
		p := pl.c.cast(t, visitor)
		sees, exports = append(sees, p), append(exports, newRequest(dsr.Access, p.byMail()))
	}
	all := append(append([]dsr.SubjectRequest{}, erasures...), exports...)
	pl.ask(t, all...)
	pl.restarts(t, procs)
	for i, q := range erasures {
		pl.holds(t, people[i], pl.record(t, q.RequestID, 0), of(pl.c.read(t), people[i]))
	}
	for i, q := range exports {
		pl.packed(t, sees[i], pl.record(t, q.RequestID, 0))
	}
	for role := range points {
		procs[role].term(t)
	}
	pl.lock.Lock()
	defer pl.lock.Unlock()
	for _, q := range all {
		if n := len(pl.records[q.RequestID]); n != 1 {
			t.Errorf("request %s has %d records", q.RequestID, n)
		}
		if s := pl.last(q.RequestID); s.Result != completionOf(pl.records[q.RequestID]) {
			t.Errorf("the last status of request %s is %s %s", q.RequestID, s.State, s.Result)
		}
	}
}

func completionOf(all []dsr.Completion) dsr.Result {
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].Result
}

// restarts waits until each process has died at its point, in whatever order, and starts it again without one.
func (pl *pipeline) restarts(t *testing.T, procs map[string]*process) {
	t.Helper()
	dead := make(chan string)
	for role, p := range procs {
		go func() {
			select {
			case <-p.done:
			case <-time.After(within):
			}
			dead <- role
		}()
	}
	for range len(procs) {
		role := <-dead
		p := procs[role]
		select {
		case <-p.done:
		default:
			t.Errorf("%s did not come to its point", role)
			continue
		}
		if !p.killedBy9() {
			t.Errorf("%s did not die at its point, it ended with %v", role, p.err)
		}
		procs[role] = pl.spawn(t, role)
	}
	if t.Failed() {
		t.FailNow()
	}
}
