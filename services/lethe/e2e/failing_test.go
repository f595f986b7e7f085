package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestFailingSystems: a system that cannot do what it is asked, for a while or for one person.
func TestFailingSystems(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 60, limits{}).start(roleNames()...)
		var erased []person
		one := func(fits func(person) bool) person {
			p := pl.c.cast(t, fits)
			erased = append(erased, p)
			return p
		}
		pl.warm(t)
		t.Run("migration_that_the_map_does_not_fit_is_waited_for", func(t *testing.T) { pl.migrates(t, one(visitor)) })
		t.Run("system_that_fails_and_recovers_is_waited_for", func(t *testing.T) { pl.recovers(t, one(visitor)) })
		t.Run("directory_that_is_away_is_waited_for", func(t *testing.T) {
			pl.waitsForDirectory(t, one(func(p person) bool { return visitor(p) && p.chats > 0 }))
		})
		t.Run("one_person_at_fault_holds_up_nobody", func(t *testing.T) {
			stuck := one(buyer)
			good := []person{one(visitor), one(buyer), one(visitor), one(buyer), one(visitor)}
			id := pl.sticks(t, stuck, good...)
			t.Run("dead_letter_is_redriven_and_the_record_gets_an_addendum", func(t *testing.T) { pl.redrives(t, stuck, id) })
		})
		t.Run("dead_letter_is_discarded_with_a_reason", func(t *testing.T) {
			stuck := one(visitor)
			id := pl.sticks(t, stuck)
			pl.discards(t, id)
			pl.unstick(t, stuck)
		})
		t.Run("no_line_of_the_log_says_its_system_twice", func(t *testing.T) {
			n := 0
			for line := range strings.Lines(pl.log.String()) {
				switch strings.Count(line, " system=") {
				case 0:
				case 1:
					n++
				default:
					t.Error(line)
				}
			}
			if n == 0 {
				t.Error("no line names a system")
			}
		})
		pl.c.othersUnchanged(t, erased...)
		pl.nothingInClear(t, erased...)
	})
}

func roleNames() []string { return []string{"coordinator", "packager", "shop", "crm", "chats"} }

// migrates: a table of customer care is being moved, so that the data map does not fit; the request waits for it in place.
func (pl *pipeline) migrates(t *testing.T, p person) {
	t.Helper()
	const misfit = "the data map does not fit the database any more"
	must(t, pl.c.crm, "alter table tickets rename to tickets_away")
	id := pl.ask(t, newRequest(dsr.Erasure, p.byMail()))
	pl.until(t, "the shop to erase, and care to say why it waits", func(w *watch) bool {
		return w.answered(id, "shop", dsr.Act) && strings.Contains(pl.log.String(), misfit)
	})
	pl.lock.Lock()
	answered := pl.answered(id, "crm", dsr.Act)
	pl.lock.Unlock()
	if answered {
		t.Error("a system that the data map does not fit has answered")
	}
	must(t, pl.c.crm, "alter table tickets_away rename to tickets")
	reports(t, pl.record(t, id, 0), dsr.Complete, erasureOf(p))
	if n := strings.Count(pl.log.String(), misfit); n != 1 {
		t.Errorf("it said so %d times", n)
	}
	if letters := pl.jsonLines(t, "deadletters", "list"); len(letters) != 0 {
		t.Errorf("dead letters: %v", letters)
	}
}

// recovers: a rule of customer care keeps everybody's tickets for a while, so nothing can be erased there.
func (pl *pipeline) recovers(t *testing.T, p person) {
	t.Helper()
	end := []string{"drop trigger keeping"}
	if pl.mode.name == "embedded" {
		must(t, pl.c.crm, "create trigger keeping before delete on tickets begin select raise(ignore); end")
	} else {
		must(t, pl.c.crm, "create function keeping() returns trigger language plpgsql as $$ begin return null; end $$")
		must(t, pl.c.crm, "create trigger keeping before delete on tickets for each row execute function keeping()")
		end = []string{"drop trigger keeping on tickets", "drop function keeping()"}
	}
	id := pl.ask(t, newRequest(dsr.Erasure, p.byMail()))
	pl.until(t, "the shop to erase, and care to say that it is delayed", func(w *watch) bool {
		return w.answered(id, "shop", dsr.Act) && slices.ContainsFunc(w.last(id).Systems, func(s dsr.SystemStatus) bool {
			return s.Name == "crm" && s.State == string(dsr.Delayed)
		})
	})
	for _, q := range end {
		must(t, pl.c.crm, q)
	}
	r := pl.record(t, id, 0)
	reports(t, r, dsr.Complete, erasureOf(p))
	if letters := pl.jsonLines(t, "deadletters", "list"); len(letters) != 0 {
		t.Errorf("dead letters: %v", letters)
	}
}

// waitsForDirectory: the disk with the conversations is gone for a while.
func (pl *pipeline) waitsForDirectory(t *testing.T, p person) {
	t.Helper()
	if err := os.Rename(pl.c.chats, pl.c.chats+"-unplugged"); err != nil {
		t.Fatal(err)
	}
	id := pl.ask(t, newRequest(dsr.Erasure, p.byMail()))
	pl.until(t, "the other systems to erase", func(w *watch) bool { return w.answered(id, "shop", dsr.Act) && w.answered(id, "crm", dsr.Act) })
	pl.lock.Lock()
	answered := pl.answered(id, "chats", dsr.Act)
	pl.lock.Unlock()
	if answered {
		t.Error("a system that is away has answered")
	}
	if err := os.Rename(pl.c.chats+"-unplugged", pl.c.chats); err != nil {
		t.Fatal(err)
	}
	want := erasureOf(p)
	lower := want["chats.conversations"]
	lower.Quality = dsr.CountsLowerBound // files have no transactions: the try that failed may have erased, for all that is known
	want["chats.conversations"] = lower
	reports(t, pl.record(t, id, 0), dsr.Complete, want)
}

// sticks asks for the erasure of somebody whom customer care refuses to erase, and of others in the same batch.
func (pl *pipeline) sticks(t *testing.T, stuck person, good ...person) dsr.RequestID {
	t.Helper()
	pl.stick(t, stuck)
	q := newRequest(dsr.Erasure, stuck.byMail())
	batch := []dsr.SubjectRequest{q}
	for _, p := range good {
		batch = append(batch, newRequest(dsr.Erasure, p.byMail()))
	}
	pl.ask(t, batch...)
	for i, p := range good {
		reports(t, pl.record(t, batch[i+1].RequestID, 0), erasureResult(p), erasureOf(p))
	}
	r := pl.record(t, q.RequestID, 0)
	want := erasureOf(stuck)
	delete(want, "crm.contacts")
	delete(want, "crm.tickets")
	want["crm."+completion.AllCollections] = line{Outcome: dsr.Failed, Quality: dsr.CountsUnknown}
	reports(t, r, dsr.Incomplete, want)
	names(t, r, completion.ReasonFailed, "crm")
	if code := system(t, r, "crm").ErrorCode; string(code) != dsr.CodePermanent {
		t.Errorf("the error code is %q", code)
	}
	return q.RequestID
}

// stick makes the database refuse to delete a person's tickets, as a rule of the application's own would.
func (pl *pipeline) stick(t *testing.T, p person) {
	t.Helper()
	if pl.mode.name == "embedded" {
		must(t, pl.c.crm, fmt.Sprintf("create trigger stuck before delete on tickets when old.customer_id = %d begin select raise(abort, 'refused: %s'); end", p.id, p.email))
		return
	}
	must(t, pl.c.crm, fmt.Sprintf(`create function refuse() returns trigger language plpgsql as $$ begin
		if old.customer_id = %d then raise 'refused: %s' using errcode = 'check_violation'; end if; return old; end $$`, p.id, p.email))
	must(t, pl.c.crm, "create trigger stuck before delete on tickets for each row execute function refuse()")
}

func (pl *pipeline) unstick(t *testing.T, _ person) {
	t.Helper()
	if pl.mode.name == "embedded" {
		must(t, pl.c.crm, "drop trigger stuck")
		return
	}
	must(t, pl.c.crm, "drop trigger stuck on tickets")
	must(t, pl.c.crm, "drop function refuse()")
}

// deadLetter is the one that is open, of the request.
func (pl *pipeline) deadLetter(t *testing.T, request dsr.RequestID) map[string]any {
	t.Helper()
	letters := pl.jsonLines(t, "deadletters", "list")
	if len(letters) != 1 {
		t.Fatalf("%d dead letters are listed: %v", len(letters), letters)
	}
	l := letters[0]
	for name, want := range map[string]any{
		"request_id": string(request), "system": "crm", "service": "responder", "cause": dsr.CodePermanent, "attempt": "1", "state": "open", "topic": pl.prefix + dsr.TopicErasure,
	} {
		if l[name] != want {
			t.Errorf("the dead letter's %s is %v, want %v", name, l[name], want)
		}
	}
	if !strings.Contains(pl.ok(t, "deadletters", "list"), string(request)) {
		t.Error("the table does not name the request")
	}
	return l
}

func (pl *pipeline) redrives(t *testing.T, p person, request dsr.RequestID) {
	t.Helper()
	id := pl.deadLetter(t, request)["id"].(string)
	shown := pl.jsonLines(t, "deadletters", "show", id)[0]
	dispatch, ok := shown["dispatch"].(map[string]any)
	if !ok || dispatch["phase"] != string(dsr.Act) || dispatch["kind"] != string(dsr.Erasure) {
		t.Errorf("the dead letter is shown as %v", shown)
	}
	if text := pl.ok(t, "deadletters", "show", id); !strings.Contains(text, string(request)) {
		t.Errorf("the dead letter is shown to people as %q", text)
	}
	pl.unstick(t, p)
	if out := pl.ok(t, "deadletters", "redrive", id); !strings.Contains(out, id+" is redriven") {
		t.Errorf("redriven: %q", out)
	}
	r := pl.record(t, request, 1)
	reports(t, r, dsr.Partial, erasureOf(p))
	if s := system(t, r, "crm"); s.Attempts != 2 || s.ErrorCode != "" || len(s.Looks) != 1 {
		t.Errorf("care: %d attempts, error code %q, %d looks", s.Attempts, s.ErrorCode, len(s.Looks))
	}
	if d := cmp.Diff(p.left(), of(pl.c.read(t), p)); d != "" {
		t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
	}
	if letters := pl.jsonLines(t, "deadletters", "list"); len(letters) != 0 {
		t.Errorf("still open: %v", letters)
	}
	if again := pl.lethe(t, "deadletters", "redrive", id); again.code != 1 || !strings.Contains(again.stderr, "redriven before") {
		t.Errorf("redriven again: %d %q", again.code, again.stderr)
	}
}

func (pl *pipeline) discards(t *testing.T, request dsr.RequestID) {
	t.Helper()
	id := pl.deadLetter(t, request)["id"].(string)
	for _, args := range [][]string{{"deadletters", "discard", id}, {"deadletters", "discard", id, "--reason", "  "}} {
		if r := pl.lethe(t, args...); r.code != 2 || !strings.Contains(r.stderr, "--reason") {
			t.Errorf("discarded without a reason: %d %q", r.code, r.stderr)
		}
	}
	if r := pl.lethe(t, "deadletters", "discard", "0/4711", "--reason", "none"); r.code != 1 || !strings.Contains(r.stderr, "no dead letter 0/4711") {
		t.Errorf("discarded what is not there: %d %q", r.code, r.stderr)
	}
	pl.ok(t, "deadletters", "discard", id, "--reason", "answered by hand, see letter of today")
	if letters := pl.jsonLines(t, "deadletters", "list"); len(letters) != 0 {
		t.Errorf("still open: %v", letters)
	}
	for _, l := range pl.jsonLines(t, "deadletters", "list", "--all") {
		if l["id"] == id && (l["state"] != "discarded" || l["reason"] != "answered by hand, see letter of today") {
			t.Errorf("recorded as %v", l)
		}
	}
	if n := len(pl.chain(t, request)); n != 1 {
		t.Errorf("the request has %d records", n)
	}
}
