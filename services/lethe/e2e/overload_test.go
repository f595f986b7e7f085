package e2e_test

import (
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestASlowSystemSlowsNoOther: customer care takes two requests a second, everybody else works on.
func TestASlowSystemSlowsNoOther(t *testing.T) {
	t.Parallel()
	const people = 40
	pl := newPipeline(t, real(), people, limits{silence: "300s"}).start("coordinator", "packager", "shop", "chats")
	crm := pl.spawn(t, "crm", "LETHE_SYSTEMS_CRM_RATE_PER_SECOND=2")
	pl.warm(t)
	var asked []dsr.SubjectRequest
	for _, p := range pl.c.people {
		asked = append(asked, newRequest(dsr.Erasure, p.byNumber()))
	}
	pl.ask(t, asked...)
	slow := 0
	pl.until(t, "all answers of the others", func(w *watch) bool {
		slow = 0
		for _, q := range asked {
			if !w.answered(q.RequestID, "shop", dsr.Act) || !w.answered(q.RequestID, "chats", dsr.Act) {
				return false
			}
			if w.answered(q.RequestID, "crm", dsr.Act) {
				slow++
			}
		}
		return true
	})
	t.Logf("when the others had answered all %d requests, the slow one had answered %d", people, slow)
	if slow > people/2 {
		t.Errorf("the others had answered all %d requests only when the slow one had answered %d", people, slow)
	}
	crm.term(t)
	pl.spawn(t, "crm") // at full speed, so that the test ends
	for i, q := range asked {
		p := pl.c.people[i]
		pl.holds(t, p, pl.record(t, q.RequestID, 0), of(pl.c.read(t), p))
	}
	pl.c.othersUnchanged(t, pl.c.people...)
}

// TestAHotSubject: one request comes 10,000 times and its subject asks 300 times more, under ever new ids. Each of these requests has one record,
// the rows are counted once, and whoever asks behind all of them is served.
func TestAHotSubject(t *testing.T) {
	t.Parallel()
	const repeats, again, others = 10_000, 300, 40
	pl := newPipeline(t, real(), 2*others+3, limits{silence: "300s"}).start(roleNames()...)
	pl.warm(t)
	hot, rest := pl.c.people[1], pl.c.people[2:]
	serve := func(people []person) time.Duration {
		began := time.Now()
		var asked []dsr.SubjectRequest
		for _, p := range people {
			asked = append(asked, newRequest(dsr.Erasure, p.byMail()))
		}
		pl.ask(t, asked...)
		for i, q := range asked {
			pl.holds(t, people[i], pl.record(t, q.RequestID, 0), people[i].left())
		}
		return time.Since(began)
	}
	alone := serve(rest[:others])

	first := newRequest(dsr.Erasure, hot.byMail())
	pl.ask(t, first)
	found := pl.record(t, first.RequestID, 0)
	same := make([]dsr.SubjectRequest, 500)
	for i := range same {
		same[i] = first
	}
	for range repeats / len(same) {
		pl.ask(t, same...)
	}
	var more []dsr.SubjectRequest
	for range again {
		more = append(more, newRequest(dsr.Erasure, hot.byNumber()))
	}
	pl.ask(t, more...)
	behind := serve(rest[others : 2*others])
	t.Logf("%d requests took %s alone, and %s behind %d repeats and %d requests of one subject", others, alone.Round(time.Millisecond), behind.Round(time.Millisecond), repeats, again)
	if behind > 20*max(alone, time.Second) {
		t.Errorf("%d requests took %s alone, and %s behind those of one subject", others, alone, behind)
	}

	pl.holds(t, hot, found, of(pl.c.read(t), hot))
	for _, q := range more { // the first one has left only what the law keeps
		for name, l := range lines(pl.record(t, q.RequestID, 0)) {
			if l.Erased != 0 {
				t.Errorf("a later request of the same subject counts %d rows of %s as erased", l.Erased, name)
			}
		}
	}
	pl.lock.Lock()
	defer pl.lock.Unlock()
	if n := len(pl.rejected); n != 0 {
		t.Errorf("%d rejections", n)
	}
	for id, all := range pl.records {
		if len(all) != 1 {
			t.Errorf("request %s has %d records", id, len(all))
		}
	}
}
