package e2e_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestInWhichOrder: what one person asks for twice, and what an application writes in between. A role that is not running
// holds a request where the case wants it.
func TestInWhichOrder(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 60, limits{}).start("coordinator", "shop", "crm", "chats")
		var erased []person
		one := func(p person) person { erased = append(erased, p); return p }
		for _, by := range []struct {
			name        string
			first, then func(person) []dsr.Identifier
		}{
			{"both_by_mail", person.byMail, person.byMail},
			{"access_by_mail_and_erasure_by_number", person.byMail, person.byNumber},
			{"access_by_number_and_erasure_by_mail", person.byNumber, person.byMail},
		} {
			t.Run("erasure_waits_for_an_earlier_access/"+by.name, func(t *testing.T) {
				p := one(pl.c.cast(t, visitor))
				pl.erasureWaits(t, p, by.first(p), by.then(p))
			})
		}
		pl.start("packager")
		for _, by := range []struct {
			name        string
			first, then func(person) []dsr.Identifier
		}{
			{"both_by_mail", person.byMail, person.byMail},
			{"erasure_by_mail_and_access_by_number", person.byMail, person.byNumber},
			{"both_by_number", person.byNumber, person.byNumber},
		} {
			t.Run("access_waits_for_an_earlier_erasure/"+by.name, func(t *testing.T) {
				p := one(pl.c.cast(t, visitor))
				pl.accessWaits(t, p, by.first(p), by.then(p))
			})
		}
		t.Run("data_that_comes_after_the_erasure_is_erased_by_the_look", func(t *testing.T) { pl.erasesLateData(t, one(pl.c.cast(t, visitor))) })
		t.Run("somebody_who_signs_up_anew_is_reported_and_left", func(t *testing.T) { pl.leavesNewcomer(t, one(pl.c.cast(t, visitor))) })

		pl.c.othersUnchanged(t, erased...)
		pl.nothingInClear(t, erased...)
	})
}

func (pl *pipeline) erasureWaits(t *testing.T, p person, first, then []dsr.Identifier) {
	t.Helper()
	access := newRequest(dsr.Access, first)
	pl.ask(t, access)
	pl.until(t, "the access to want its package", func(w *watch) bool { return w.last(access.RequestID).State == dsr.Packaging })
	erasure := newRequest(dsr.Erasure, then)
	pl.ask(t, erasure)
	pl.until(t, "the erasure to wait", func(w *watch) bool { return w.last(erasure.RequestID).State == dsr.Waiting })
	pl.lock.Lock()
	waits := pl.last(erasure.RequestID).WaitsFor
	pl.lock.Unlock()
	if waits != access.RequestID {
		t.Errorf("the erasure waits for %q, want %s", waits, access.RequestID)
	}
	if d := cmp.Diff(p.had(), of(pl.c.read(t), p)); d != "" {
		t.Errorf("an erasure that waits has erased (-want +got):\n%s", d)
	}
	pl.start("packager")
	r := pl.record(t, access.RequestID, 0)
	if r.Result != dsr.Complete {
		t.Errorf("the access is %s", r.Result)
	}
	for name, n := range p.had() {
		if got := lines(r)[name].Exposed; got != n {
			t.Errorf("the access exported %d of %s, want %d", got, name, n)
		}
	}
	gone := pl.record(t, erasure.RequestID, 0)
	reports(t, gone, dsr.Complete, erasureOf(p))
	if !gone.AsOf.After(r.AsOf) {
		t.Errorf("the erasure was sealed at %s, before the access at %s", gone.AsOf, r.AsOf)
	}
	pl.stop(t, "packager")
}

func (pl *pipeline) accessWaits(t *testing.T, p person, first, then []dsr.Identifier) {
	t.Helper()
	pl.stop(t, "crm")
	erasure := newRequest(dsr.Erasure, first)
	pl.ask(t, erasure)
	pl.until(t, "the shop to erase", func(w *watch) bool { return w.answered(erasure.RequestID, "shop", dsr.Act) })
	access := newRequest(dsr.Access, then)
	pl.ask(t, access)
	pl.until(t, "the access to wait", func(w *watch) bool { return w.last(access.RequestID).State == dsr.Waiting })
	pl.lock.Lock()
	waits := pl.last(access.RequestID).WaitsFor
	pl.lock.Unlock()
	if waits != erasure.RequestID {
		t.Errorf("the access waits for %q, want %s", waits, erasure.RequestID)
	}
	pl.start("crm")
	r := pl.record(t, erasure.RequestID, 0)
	reports(t, r, dsr.Complete, erasureOf(p))
	after := pl.record(t, access.RequestID, 0)
	if after.Result != dsr.NothingFound || !after.AsOf.After(r.AsOf) {
		t.Errorf("the access is %s as of %s; the erasure was sealed at %s", after.Result, after.AsOf, r.AsOf)
	}
}

// erasesLateData: after the shop has erased, its application writes the person's rows back, as a cache or a queue would.
func (pl *pipeline) erasesLateData(t *testing.T, p person) {
	t.Helper()
	pl.stop(t, "crm")
	id := pl.ask(t, newRequest(dsr.Erasure, p.byMail()))
	pl.until(t, "the shop to erase", func(w *watch) bool { return w.answered(id, "shop", dsr.Act) })
	must(t, pl.c.shop, fmt.Sprintf("insert into customers values (%d, '%s', '%s', '%s')", p.id, p.email, p.name, p.phone))
	must(t, pl.c.shop, fmt.Sprintf("insert into orders values (%d, %d, '%s')", p.id*10+7, p.id, p.home))
	pl.start("crm")
	r := pl.record(t, id, 0)
	want := erasureOf(p)
	want["shop.customers"] = line{Outcome: dsr.Erased, Found: 2, Erased: 2, Quality: dsr.CountsExact}
	want["shop.orders"] = line{Outcome: dsr.Erased, Found: 1, Erased: 1, Quality: dsr.CountsExact}
	reports(t, r, dsr.Complete, want)
	if d := cmp.Diff(map[string]int64{}, of(pl.c.read(t), p)); d != "" {
		t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
	}
	looks := system(t, r, "shop").Looks
	if len(looks) != 2 || looks[0].Found != 2 || looks[0].Action != completion.LookErasedAgain || looks[1].Found != 0 || looks[1].Action != completion.LookNone {
		t.Errorf("the shop was looked at: %+v", looks)
	}
	if looks := system(t, r, "crm").Looks; len(looks) != 1 || looks[0].Found != 0 {
		t.Errorf("care was looked at: %+v", looks)
	}
}

// leavesNewcomer: before the look a new customer registers with the address of the one who was erased.
func (pl *pipeline) leavesNewcomer(t *testing.T, p person) {
	t.Helper()
	pl.stop(t, "crm")
	id := pl.ask(t, newRequest(dsr.Erasure, p.byMail()))
	pl.until(t, "the shop to erase", func(w *watch) bool { return w.answered(id, "shop", dsr.Act) })
	anew := person{id: p.id + 500_000, name: p.name, email: p.email, phone: p.phone}
	must(t, pl.c.shop, fmt.Sprintf("insert into customers values (%d, '%s', '%s', '%s')", anew.id, anew.email, anew.name, anew.phone))
	pl.start("crm")
	r := pl.record(t, id, 0)
	reports(t, r, dsr.Complete, erasureOf(p))
	if d := cmp.Diff([]string{completion.ReasonDataOfNewSignUp}, codes(r)); d != "" {
		t.Errorf("the reasons: %s", d)
	}
	looks := system(t, r, "shop").Looks
	if len(looks) != 1 || looks[0].Action != completion.LookNone || looks[0].Found != 0 {
		t.Errorf("the shop was looked at: %+v", looks)
	}
	if got := of(pl.c.read(t), anew); got["shop.customers"] != 1 {
		t.Error("somebody who signed up anew was erased")
	}
	must(t, pl.c.shop, "delete from customers where id = "+strconv.Itoa(anew.id))
}
