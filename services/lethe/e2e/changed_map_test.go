package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// TestTheMapChangesWhileRequestsAreOpen: a system leaves the data map, and comes back, while requests are under way. Who must answer was
// frozen when a request was admitted.
func TestTheMapChangesWhileRequestsAreOpen(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 40, limits{}).start("coordinator", "packager", "shop", "crm")
		pl.warm2(t, "shop", "crm")
		without := pl.withMap(t, withoutChats(t))
		before, resolving, during := pl.c.cast(t, buyer), pl.c.cast(t, buyer), pl.c.cast(t, buyer)
		first := newRequest(dsr.Erasure, before.byNumber())
		pl.ask(t, first)
		pl.until(t, "all but chats", func(w *watch) bool {
			return w.answered(first.RequestID, "shop", dsr.Act) && w.answered(first.RequestID, "crm", dsr.Act)
		})
		pl.stop(t, "shop")
		second := newRequest(dsr.Erasure, resolving.byMail())
		pl.ask(t, second)
		pl.until(t, "a resolution under way", func(w *watch) bool { return w.last(second.RequestID).State == dsr.Resolving })

		pl.stop(t, "coordinator")
		pl.run("coordinator", without)
		third := newRequest(dsr.Erasure, during.byNumber())
		pl.ask(t, third)
		pl.until(t, "the third to be under way", func(w *watch) bool { return w.answered(third.RequestID, "crm", dsr.Act) })

		pl.start("shop")
		t.Run("a_request_admitted_without_a_system_does_not_wait_for_it", func(t *testing.T) {
			r := pl.record(t, third.RequestID, 0)
			pl.expected(t, r, "crm", "shop")
			if left := of(pl.c.read(t), during); left["chats.conversations"] != during.had()["chats.conversations"] {
				t.Errorf("a system that was not asked holds %v", left)
			}
		})
		t.Run("a_request_that_only_the_map_could_bring_to_a_system_says_that_it_was_not_searched", func(t *testing.T) {
			r := pl.record(t, second.RequestID, 0)
			pl.expected(t, r, "chats", "crm", "shop")
			if got := lines(r)["chats."+completion.AllCollections].Outcome; got != dsr.NotSearched || r.Result != dsr.Incomplete {
				t.Errorf("it is %s, chats %s", r.Result, got)
			}
		})
		t.Run("a_request_that_was_dispatched_waits_for_a_system_that_left", func(t *testing.T) {
			pl.lock.Lock()
			s := pl.last(first.RequestID)
			pl.lock.Unlock()
			if s.State != dsr.Acting {
				t.Fatalf("it is %s", s.State)
			}
			pl.start("chats")
			r := pl.record(t, first.RequestID, 0)
			pl.expected(t, r, "chats", "crm", "shop")
			got := lines(r)["chats.conversations"]
			if want := erasureOf(before)["chats.conversations"]; got != want {
				t.Errorf("chats says %+v, want %+v", got, want)
			}
			if d := cmp.Diff(before.left(), of(pl.c.read(t), before)); d != "" {
				t.Errorf("rows of the person afterwards (-want +got):\n%s", d)
			}
		})
		t.Run("a_system_that_comes_back_is_asked_from_then_on", func(t *testing.T) {
			late := pl.c.cast(t, buyer)
			pl.stop(t, "crm")
			open := newRequest(dsr.Erasure, late.byNumber()) // under the map without chats
			pl.ask(t, open)
			pl.until(t, "the shop", func(w *watch) bool { return w.answered(open.RequestID, "shop", dsr.Act) })
			pl.stop(t, "coordinator")
			pl.start("coordinator", "crm")
			pl.expected(t, pl.record(t, open.RequestID, 0), "crm", "shop")
			after := pl.c.cast(t, buyer)
			r := pl.record(t, pl.ask(t, newRequest(dsr.Erasure, after.byMail())), 0)
			reports(t, r, dsr.Partial, erasureOf(after))
		})
	})
}

// expected holds the list of systems that a record rests on.
func (pl *pipeline) expected(t *testing.T, r *completion.Record, systems ...string) {
	t.Helper()
	if d := cmp.Diff(systems, r.Coverage.Expected); d != "" || len(r.Systems) != len(systems) {
		t.Errorf("the record names %d systems; expected (-want +got):\n%s", len(r.Systems), d)
	}
}

// warm2 waits until these systems serve.
func (pl *pipeline) warm2(t *testing.T, systems ...string) {
	t.Helper()
	q := newRequest(dsr.Erasure, []dsr.Identifier{{Kind: "customer_id", Value: "4711"}})
	q.Scope = &dsr.Scope{Systems: systems}
	pl.record(t, pl.ask(t, q), 0)
}

// withoutChats is the data map of the suite without one of its systems.
func withoutChats(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/datamap.yml")
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for _, cut := range [][2]string{{"- fides_key: chat_logs\n", "system:\n"}, {"- fides_key: chats\n", ""}} {
		before, rest, found := strings.Cut(out, cut[0])
		if !found {
			t.Fatalf("the map has no %q", cut[0])
		}
		_, after, _ := strings.Cut(rest, cut[1])
		if cut[1] == "" {
			after = ""
		}
		out = before + cut[1] + after
	}
	file := filepath.Join(t.TempDir(), "datamap.yml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withMap is a second process, whose data map is another one.
func (pl *pipeline) withMap(t *testing.T, file string) *roles.Process {
	t.Helper()
	p := pl.another(t, pl.logger())
	var err error
	if p.Map, err = datamap.Load(file); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, s := range p.Map.Systems {
		names = append(names, s.Name)
	}
	if slices.Contains(names, "chats") || len(names) != 2 {
		t.Fatalf("the map has %v", names)
	}
	return p
}
