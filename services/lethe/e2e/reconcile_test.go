package e2e_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
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
		t.Run("questions_that_retention_removed", func(t *testing.T) {
			pl.stop(t, "crm")
			people, requests := pl.waitForCRM(t, 12) // so that each partition has some
			all, asked = append(all, people...), append(asked, requests...)
			pl.trim(t, dsr.TopicErasure)
			said := len(pl.log.String())
			pl.start("crm")
			pl.until(t, "the partitions to be halted", func(*watch) bool {
				log := pl.log.String()[said:]
				return strings.Count(log, "partition halted") == pl.p.Config.Kafka.Partitions && strings.Contains(log, "retention has removed") && strings.Contains(log, "kafka-consumer-groups")
			})
			pl.stop(t, "crm")
			pl.setGroup(t, "crm", dsr.TopicErasure, pl.ends(t, dsr.TopicErasure))
			pl.start("crm")
			pl.reconciles(t, map[string]any{"system": "crm", "phase": "act", "requests": float64(len(requests))})
			for i, q := range requests {
				pl.holds(t, people[i], pl.record(t, q.RequestID, 0), of(pl.c.read(t), people[i]))
			}
		})
		for _, grown := range []bool{false, true} {
			name := "answers"
			if grown { // past the offsets that come next
				name = "answers_of_a_topic_that_has_grown_since"
			}
			t.Run(name, func(t *testing.T) {
				pl.stop(t, "crm")
				people, requests := pl.losesAnswers(t, grown)
				all, asked = append(all, people...), append(asked, requests...)
				pl.reconciles(t, map[string]any{"system": "crm", "phase": "act", "requests": float64(len(requests))})
				for i, q := range requests {
					pl.holds(t, people[i], pl.record(t, q.RequestID, 0), of(pl.c.read(t), people[i]))
				}
			})
		}
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

// losesAnswers has crm answer while no coordinator reads, and the topic deleted and made anew. The coordinator halts every
// partition of which it had read something, and goes on where a person says.
func (pl *pipeline) losesAnswers(t *testing.T, grown bool) (people []person, requests []dsr.SubjectRequest) {
	t.Helper()
	people, requests = pl.waitForCRM(t, 4)
	pl.stop(t, "coordinator")
	before, read := pl.acknowledgements(t), pl.ends(t, dsr.TopicAcknowledgement)
	maps.DeleteFunc(read, func(_ int, end int64) bool { return end == 0 })
	pl.start("crm")
	pl.until(t, "the answers of crm", func(*watch) bool { return pl.acknowledgements(t) >= before+int64(len(requests)) })
	old := slices.DeleteFunc(pl.messages(t, dsr.TopicAcknowledgement), func(m kafka.Message) bool { return m.Offset >= read[m.Partition] })
	pl.remake(t, dsr.TopicAcknowledgement)
	if grown {
		for range 2 { // of answers that were taken in long ago
			if err := pl.p.Producer.Send(t.Context(), old); err != nil {
				t.Fatal(err)
			}
		}
	}
	said := len(pl.log.String())
	pl.start("coordinator")
	halted := regexp.MustCompile(`goes on.* topic=(\S+) partition=(\d+) from=(\d+) first=(\d+) end=`)
	var places [][]string
	pl.until(t, "the partitions to be halted", func(*watch) bool {
		places = halted.FindAllStringSubmatch(pl.log.String()[said:], -1)
		return len(places) == len(read)
	})
	if cause := strings.Contains(pl.log.String()[said:], "other messages than those that were read"); cause != grown {
		t.Errorf("the log says that other messages stand there: %t", cause)
	}
	pl.stop(t, "coordinator")
	for _, p := range places {
		pl.ok(t, "offsets", "set", p[1], p[2], "--from", p[3], "--to", p[4])
	}
	pl.start("coordinator")
	return people, requests
}

// messages is everything that a topic holds, to be published again, by offset.
func (pl *pipeline) messages(t *testing.T, name string) (out []kafka.Message) {
	t.Helper()
	for m, err := range pl.p.Kafka.Tail(context.WithoutCancel(t.Context()), kafka.TailConfig{Topics: []string{pl.prefix + name}}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: m.Headers, Partition: m.Partition, Offset: m.Offset})
	}
	slices.SortFunc(out, func(a, b kafka.Message) int { return int(a.Offset - b.Offset) })
	return out
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
