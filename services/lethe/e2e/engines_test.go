package e2e_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestThreeEngines: one company has its systems in PostgreSQL, MariaDB and SQLite, each role is a process of its own, customers and
// employees ask for erasure and access, and the responder of MariaDB dies twice: after a commit, before anybody knows of it, and
// by SIGKILL while work is under way. Every record's counts are those of the stores, exactly.
func TestThreeEngines(t *testing.T) {
	t.Parallel()
	const customers, erased, sees, staff, staffErased, staffSees = 300, 200, 60, 40, leaving, 10
	c, pl := newLender(t, customers, erased, staff)
	procs := map[string]*process{}
	for _, role := range []string{"coordinator", "packager", "shop", "post"} {
		procs[role] = pl.spawn(t, role)
	}
	desk := pl.spawn(t, "desk", "LETHE_CRASH_AT=responder.committed:2")
	desk.expected.Store(true)

	type asked struct {
		person   person
		employee bool
	}
	who := map[dsr.RequestID]asked{}
	gone := map[string]bool{}
	var requests []dsr.SubjectRequest
	ask := func(p person, kind dsr.Kind, employee bool, by []dsr.Identifier) {
		q := newRequest(kind, by)
		if employee {
			q.Capacity = "employee"
		}
		requests, who[q.RequestID] = append(requests, q), asked{p, employee}
		if kind == dsr.Erasure {
			gone[fmt.Sprint(p.id)] = true
		}
	}
	for i, p := range c.customers[:erased+sees] {
		kind, by := dsr.Erasure, p.byMail()
		if i >= erased {
			kind = dsr.Access
		}
		if i%2 == 0 {
			by = p.byNumber()
		}
		ask(p, kind, false, by)
	}
	for i, p := range c.staff[:staffErased+staffSees] {
		kind := dsr.Erasure
		if i >= staffErased {
			kind = dsr.Access
		}
		ask(p, kind, true, p.byMail())
	}
	half := len(requests) / 2
	pl.ask(t, requests[half:]...)
	<-desk.done
	if !desk.killedBy9() {
		t.Fatalf("the responder of MariaDB did not die at its point: %v", desk.err)
	}
	desk = pl.spawn(t, "desk")
	pl.ask(t, requests[:half]...)
	pl.until(t, "answers of MariaDB", func(w *watch) bool {
		for _, q := range requests[:half] {
			if w.answered(q.RequestID, "desk", dsr.Act) {
				return true
			}
		}
		return false
	})
	desk.kill(t)
	procs["desk"] = pl.spawn(t, "desk")

	for _, q := range requests {
		a := who[q.RequestID]
		r := pl.record(t, q.RequestID, 0)
		c.tells(t, r, a.person, a.employee)
		want := []string{"desk", "post", "shop"}
		if a.employee {
			want = []string{"desk", "post"}
		}
		if d := cmp.Diff(want, r.Coverage.Expected); d != "" {
			t.Errorf("the systems that had to answer (-want +got):\n%s", d)
		}
	}
	for _, p := range procs {
		p.term(t)
	}
	pl.keep()
	if d := cmp.Diff(c.without(gone), c.read(t)); d != "" {
		t.Errorf("the stores hold something else than they must (-want +got):\n%s", d)
	}
	pl.lock.Lock()
	if len(pl.rejected) > 0 || len(pl.records) != len(requests) {
		t.Errorf("%d rejections; records of %d requests, %d were asked", len(pl.rejected), len(pl.records), len(requests))
	}
	for _, q := range requests {
		if n := len(pl.records[q.RequestID]); n != 1 {
			t.Errorf("request %s has %d records", q.RequestID, n)
		}
	}
	pl.lock.Unlock()
	if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
		t.Errorf("dead letters: %v", letters)
	}
	pl.nothingInClear(t, append(c.customers[:5:5], c.staff[:5]...)...)
}
