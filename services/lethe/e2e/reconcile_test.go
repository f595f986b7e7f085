package e2e_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestLostTopics: a topic is deleted and made anew while requests are under way, once with questions that were not read and once with
// answers. The offsets of those who read on are set by a person, `lethe reconcile` asks again, and every request ends with what was
// erased, counted once.
func TestLostTopics(t *testing.T) { // not beside others: members come and go, and the time that a session may be silent is short
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 80, limits{silence: "300s", resolution: "300s"}).start("coordinator", "packager", "shop", "chats")
		var all []person
		var asked []dsr.SubjectRequest
		t.Run("questions", func(t *testing.T) {
			people, requests := pl.waitForCRM(t, 4)
			all, asked = append(all, people...), append(asked, requests...)
			pl.remake(t, dsr.TopicErasure)
			for _, role := range []string{"shop", "chats"} { // they have read it, and would stand still
				pl.stop(t, role)
				pl.rewind(t, role, dsr.TopicErasure)
				pl.start(role)
			}
			pl.start("crm")
			pl.warm(t)
			pl.lock.Lock()
			for _, q := range requests {
				if s := pl.last(q.RequestID); s.State != dsr.Acting {
					t.Errorf("request %s is %s although its question was lost", q.RequestID, s.State)
				}
			}
			pl.lock.Unlock()
			pl.reconciles(t, map[string]any{"system": "crm", "phase": "act", "requests": float64(len(requests))})
			for i, q := range requests {
				pl.holds(t, people[i], pl.record(t, q.RequestID, 0), of(pl.c.read(t), people[i]))
			}
		})
		if t.Failed() {
			return
		}
		pl.stop(t, "crm")
		t.Run("answers", func(t *testing.T) {
			people, requests := pl.waitForCRM(t, 4)
			all, asked = append(all, people...), append(asked, requests...)
			pl.stop(t, "coordinator")
			before := pl.acknowledgements(t)
			pl.start("crm")
			pl.until(t, "the answers of crm", func(*watch) bool { return pl.acknowledgements(t) >= before+int64(len(requests)) })
			pl.remake(t, dsr.TopicAcknowledgement)
			said := len(pl.log.String())
			pl.start("coordinator")
			halted := regexp.MustCompile(`goes on.* topic=(\S+) partition=(\d+) from=(\d+) first=(\d+) end=0`)
			var places [][]string
			pl.until(t, "the partitions to be halted", func(*watch) bool {
				places = halted.FindAllStringSubmatch(pl.log.String()[said:], -1)
				return len(places) == pl.p.Config.Kafka.Partitions
			})
			pl.stop(t, "coordinator")
			for _, p := range places {
				pl.ok(t, "offsets", "set", p[1], p[2], "--from", p[3], "--to", p[4])
			}
			pl.start("coordinator")
			pl.reconciles(t, map[string]any{"system": "crm", "phase": "act", "requests": float64(len(requests))})
			for i, q := range requests {
				pl.holds(t, people[i], pl.record(t, q.RequestID, 0), of(pl.c.read(t), people[i]))
			}
		})
		pl.settled(t) // so have the answers that came twice
		for _, q := range asked {
			if n := len(pl.chain(t, q.RequestID)); n != 1 {
				t.Errorf("request %s has %d records", q.RequestID, n)
			}
		}
		if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
		pl.c.othersUnchanged(t, all...)
		pl.nothingInClear(t, all...)
	})
}

// waitForCRM asks for erasures while nobody serves crm, and waits until all others have answered.
func (pl *pipeline) waitForCRM(t *testing.T, n int) (people []person, requests []dsr.SubjectRequest) {
	t.Helper()
	for range n {
		p := pl.c.cast(t, buyer)
		people, requests = append(people, p), append(requests, newRequest(dsr.Erasure, p.byNumber()))
	}
	pl.ask(t, requests...)
	for _, q := range requests {
		pl.until(t, "the other systems to answer", func(w *watch) bool {
			return w.answered(q.RequestID, "shop", dsr.Act) && w.answered(q.RequestID, "chats", dsr.Act)
		})
	}
	return people, requests
}

// acknowledgements is how many were ever published on the topic as it stands.
func (pl *pipeline) acknowledgements(t *testing.T) (n int64) {
	t.Helper()
	extents, err := pl.p.Kafka.Extents(context.WithoutCancel(t.Context()), pl.prefix+dsr.TopicAcknowledgement)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range extents {
		n += e.End
	}
	return n
}

// reconciles runs the command twice, and demands what the first run says. A file of SQLite has one user at a time.
func (pl *pipeline) reconciles(t *testing.T, want map[string]any) {
	t.Helper()
	alone := !strings.HasPrefix(pl.store, "postgres")
	if alone {
		pl.stop(t, "coordinator")
	}
	if d := cmp.Diff([]map[string]any{want}, pl.jsonLines(t, "reconcile")); d != "" {
		t.Errorf("asked again (-want +got):\n%s", d)
	}
	pl.ok(t, "reconcile")
	if alone {
		pl.start("coordinator")
	}
}
