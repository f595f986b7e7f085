package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

// TestLifeOfARequest: what becomes of requests while every service does its work.
func TestLifeOfARequest(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 60, limits{}).start(roleNames()...)
		plain, keeps, stranger := pl.c.cast(t, visitor), pl.c.cast(t, buyer), pl.c.cast(t, func(p person) bool { return p.tickets == 0 && p.orders == 0 })
		sees, carries := pl.c.cast(t, buyer), pl.c.cast(t, buyer)
		narrow, twice, conflict, other := pl.c.cast(t, buyer), pl.c.cast(t, visitor), pl.c.cast(t, visitor), pl.c.cast(t, visitor)
		refused := pl.c.cast(t, buyer)

		t.Run("cases", func(t *testing.T) {
			run := func(name string, test func(t *testing.T)) {
				t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
			}
			run("erasure_is_complete", func(t *testing.T) { pl.erases(t, plain, plain.byMail()) })
			run("erasure_that_leaves_what_the_law_keeps_is_partial", func(t *testing.T) { pl.erases(t, keeps, keeps.byMail()) })
			run("erasure_of_a_person_whom_one_system_does_not_know", func(t *testing.T) { pl.erases(t, stranger, stranger.byNumber()) })
			run("erasure_of_nobody_finds_nothing", func(t *testing.T) { pl.findsNobody(t) })
			run("erasure_in_one_system_leaves_the_others", func(t *testing.T) { pl.erasesInOneSystem(t, narrow) })
			run("access_hands_over_a_package", func(t *testing.T) { pl.handsOver(t, dsr.Access, sees) })
			run("portability_hands_over_a_package", func(t *testing.T) { pl.handsOver(t, dsr.Portability, carries) })
			run("access_of_nobody_finds_nothing", func(t *testing.T) {
				r := pl.record(t, pl.ask(t, newRequest(dsr.Access, []dsr.Identifier{{Kind: dsr.Email, Value: "nobody@post.example"}})), 0)
				if r.Result != dsr.NothingFound {
					t.Errorf("the result is %s", r.Result)
				}
			})
			run("refused_request_erases_nothing", func(t *testing.T) { pl.refuses(t, refused) })
			run("same_request_sealed_twice_gives_one_record", func(t *testing.T) { pl.takesOnce(t, twice) })
			run("other_content_under_the_same_id_is_rejected_and_the_first_completes", func(t *testing.T) { pl.tellsConflict(t, conflict, other) })
		})

		t.Run("consumer_groups_stand_under_the_prefix_as_topics_do", func(t *testing.T) {
			groups := regexp.MustCompile(`msg="partitions assigned" group=(\S+)`).FindAllStringSubmatch(pl.log.String(), -1)
			if len(groups) < 5 {
				t.Errorf("%d groups were joined", len(groups))
			}
			for _, g := range groups {
				if !strings.HasPrefix(g[1], pl.prefix) {
					t.Errorf("group %s would be shared with another pipeline on the same cluster", g[1])
				}
			}
		})
		pl.c.othersUnchanged(t, plain, keeps, stranger, narrow, twice, conflict)
		pl.nothingInClear(t, plain, keeps, stranger, sees, carries, narrow, twice, conflict, other, refused)
	})
}

// erases asks for an erasure and holds the record against what the stores held and hold.
func (pl *pipeline) erases(t *testing.T, p person, by []dsr.Identifier) {
	t.Helper()
	q := newRequest(dsr.Erasure, by)
	r := pl.record(t, pl.ask(t, q), 0)
	reports(t, r, erasureResult(p), erasureOf(p))
	pl.lock.Lock()
	resolved := pl.passed(q.RequestID, dsr.Resolving)
	pl.lock.Unlock()
	if by[0].Kind == dsr.Email && !resolved {
		t.Error("nobody was asked for the person's number, by which alone the other systems know them")
	}
	if d := cmp.Diff(p.left(), of(pl.c.read(t), p)); d != "" {
		t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"chats", "crm", "shop"}, r.Coverage.Expected); d != "" {
		t.Error(d)
	}
	if len(r.Coverage.NotCovered) != 1 || r.Coverage.NotCovered[0].Name != "Paper delivery notes" {
		t.Errorf("not covered: %v", r.Coverage.NotCovered)
	}
	for _, s := range r.Systems {
		if len(s.Looks) != 1 || s.Looks[0].Found != 0 || s.Looks[0].Action != completion.LookNone {
			t.Errorf("%s was looked at: %+v", s.Name, s.Looks)
		}
		if len(s.EvidenceSHA256) != sha256.Size || s.FirstAt == nil || s.DoneAt == nil || s.Attempts != 1 {
			t.Errorf("%s: evidence %d bytes, first at %v, done at %v, %d attempts", s.Name, len(s.EvidenceSHA256), s.FirstAt, s.DoneAt, s.Attempts)
		}
	}
	want := completion.Request{
		ID: q.RequestID, Kind: dsr.Erasure, Regulation: dsr.GDPR, Ground: completion.GroundOf(q.Ground), Channel: "web form", ReceivedAt: q.ReceivedAt, Source: "web-shop",
	}
	if d := cmp.Diff(want, r.Request); d != "" {
		t.Error(d)
	}
	if r.Environment != string(pl.p.Config.Environment) || r.Clock.TimeZone != "Europe/Berlin" || r.Clock.CalendarID != "DE-BE" || r.Clock.OnTime != completion.NotAnswered {
		t.Errorf("environment %s, clock %+v", r.Environment, r.Clock)
	}
	rule, _ := dsr.RuleFor("")
	zone := pl.p.Config.Establishments["berlin"].TimeZone
	if earliest := rule.DueAt(q.ReceivedAt, zone, nil); r.Clock.DueAt.Before(earliest) || r.Clock.DueAt.After(earliest.AddDate(0, 0, 8)) {
		t.Errorf("due at %s, without holidays it would be %s", r.Clock.DueAt, earliest)
	}
}

func (pl *pipeline) findsNobody(t *testing.T) {
	t.Helper()
	r := pl.record(t, pl.ask(t, newRequest(dsr.Erasure, []dsr.Identifier{{Kind: dsr.Email, Value: "nobody.at.all@post.example"}})), 0)
	if r.Result != dsr.NothingFound {
		t.Errorf("the result is %s, reasons %v", r.Result, codes(r))
	}
	for _, s := range r.Systems { // care was not asked: the shop, which alone could tell the number, does not know the person
		if s.Outcome() != dsr.NotFound {
			t.Errorf("%s says %s", s.Name, s.Outcome())
		}
	}
}

func (pl *pipeline) erasesInOneSystem(t *testing.T, p person) {
	t.Helper()
	q := newRequest(dsr.Erasure, p.byNumber())
	q.Scope = &dsr.Scope{Systems: []string{"crm"}}
	r := pl.record(t, pl.ask(t, q), 0)
	want := p.had()
	delete(want, "crm.contacts")
	delete(want, "crm.tickets")
	if d := cmp.Diff(want, of(pl.c.read(t), p)); d != "" {
		t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"crm"}, r.Coverage.Expected); d != "" || len(r.Systems) != 1 {
		t.Errorf("%d systems; expected %s", len(r.Systems), d)
	}
	if r.Request.Scope == nil || len(r.Request.Scope.Systems) != 1 {
		t.Errorf("the record does not say what was asked: %+v", r.Request.Scope)
	}
}

// handsOver asks for an export and holds the package against the stores.
func (pl *pipeline) handsOver(t *testing.T, kind dsr.Kind, p person) {
	t.Helper()
	id := pl.ask(t, newRequest(kind, p.byMail()))
	r := pl.record(t, id, 0)
	if r.Result != dsr.Complete {
		t.Errorf("the result is %s, reasons %v", r.Result, codes(r))
	}
	if d := cmp.Diff(p.had(), of(pl.c.read(t), p)); d != "" {
		t.Errorf("an export changed rows (-want +got):\n%s", d)
	}
	file, err := os.ReadFile(filepath.Join(pl.dir, "exports", "packages", string(id)+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); r.Delivery == nil || !bytes.Equal(r.Delivery.PackageSHA256, sum[:]) {
		t.Errorf("the record does not hold the package's hash: %+v", r.Delivery)
	}
	if _, err := portability.Verify(bytes.NewReader(file), int64(len(file))); err != nil {
		t.Error(err)
	}
	var records int64
	text := unzip(t, file)
	for name, n := range p.had() {
		system, collection, _ := strings.Cut(name, ".")
		records += n
		if got := int64(strings.Count(text["data/"+system+"/"+collection+".jsonl"], "\n")); got != n {
			t.Errorf("the package has %d records of %s, the store %d; it has %v", got, name, n, keys(text))
		}
	}
	for _, v := range []string{p.name, p.email, p.phone, p.nick, p.home} {
		if !strings.Contains(strings.Join(values(text), "\n"), v) {
			t.Error("the package lacks a value of the person")
		}
	}
	for _, stranger := range pl.c.people {
		if stranger.id != p.id && strings.Contains(strings.Join(values(text), "\n"), stranger.email) {
			t.Fatal("the package holds another person's data")
		}
	}
}

func unzip(t testing.TB, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		out[f.Name] = string(b)
	}
	return out
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func (pl *pipeline) refuses(t *testing.T, p person) {
	t.Helper()
	q := newRequest(dsr.Erasure, p.byMail())
	q.Decision = &dsr.Decision{
		Decision: dsr.Refused, ByRole: "privacy desk", At: time.Now().UTC().Truncate(time.Microsecond),
		Grounds: []dsr.Ground{{Article: "GDPR 12(5)(b)", Note: "manifestly excessive"}},
	}
	r := pl.record(t, pl.ask(t, q), 0)
	if r.Result != dsr.RefusedResult || len(r.Systems) != 0 {
		t.Errorf("the result is %s, with %d systems", r.Result, len(r.Systems))
	}
	if d := r.Responsible.Decision; d == nil || len(d.Grounds) != 1 || d.Grounds[0].Article != "GDPR 12(5)(b)" || d.ByRole != "privacy desk" {
		t.Errorf("the record does not say who refused and why: %+v", d)
	}
	if d := cmp.Diff(p.had(), of(pl.c.read(t), p)); d != "" {
		t.Errorf("a refused request changed rows (-want +got):\n%s", d)
	}
}

// takesOnce publishes the same request three times: each time its identifiers are sealed anew, so the bytes differ.
func (pl *pipeline) takesOnce(t *testing.T, p person) {
	t.Helper()
	q := newRequest(dsr.Erasure, p.byMail())
	pl.ask(t, q, q)
	r := pl.record(t, q.RequestID, 0)
	pl.ask(t, q)
	marker := newRequest(dsr.Access, []dsr.Identifier{{Kind: dsr.Email, Value: "marker@post.example"}})
	pl.ask(t, marker)
	pl.record(t, marker.RequestID, 0)
	if chain := pl.chain(t, q.RequestID); len(chain) != 1 {
		t.Errorf("the request has %d records", len(chain))
	}
	reports(t, r, erasureResult(p), erasureOf(p))
	pl.lock.Lock()
	defer pl.lock.Unlock()
	if n := len(pl.rejected[string(q.RequestID)]); n > 0 {
		t.Errorf("an honest repeat was rejected")
	}
}

// tellsConflict publishes another person's erasure under an id that is taken.
func (pl *pipeline) tellsConflict(t *testing.T, p, other person) {
	t.Helper()
	honest := newRequest(dsr.Erasure, p.byMail())
	pl.ask(t, honest)
	r := pl.record(t, honest.RequestID, 0)
	reports(t, r, erasureResult(p), erasureOf(p))

	q := newRequest(dsr.Erasure, other.byMail())
	q.RequestID = honest.RequestID
	pl.ask(t, q)
	var key string
	pl.until(t, "the rejection of the conflicting request", func(w *watch) bool {
		for k, rs := range w.rejected {
			if rs[0].Reason == dsr.ReasonConflict {
				key = k
				return true
			}
		}
		return false
	})
	rej := pl.rejection(t, key)
	if want := fmt.Sprintf("%s/%d/%d", rej.Topic, rej.Partition, rej.Offset); key != want || rej.RequestID != "" {
		t.Errorf("rejected under key %s and request id %q, want its place %s alone", key, rej.RequestID, want)
	}
	if d := cmp.Diff(other.had(), of(pl.c.read(t), other)); d != "" {
		t.Errorf("a rejected request changed rows (-want +got):\n%s", d)
	}
	if n := len(pl.chain(t, honest.RequestID)); n != 1 {
		t.Errorf("the honest request has %d records", n)
	}
	pl.lock.Lock()
	defer pl.lock.Unlock()
	if s := pl.last(honest.RequestID); s.State != dsr.Sealed || s.Result != dsr.Complete {
		t.Errorf("the honest request's status is %s %s", s.State, s.Result)
	}
}
