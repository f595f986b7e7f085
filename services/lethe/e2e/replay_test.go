package e2e_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestReplay: every message that moves a request is published once more, as a broker that was restored or an operator who resets
// a group would have it. Twice is once: no record, no status and no row changes.
func TestReplay(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 80, limits{}).start(roleNames()...)
		erased := pl.crowd(t, 20, nil)
		pl.settled(t)
		rows, statuses := pl.c.read(t), pl.versions()
		pl.lock.Lock()
		records := len(pl.records)
		pl.lock.Unlock()

		var again []kafka.Message
		var topics []string
		for _, name := range []string{
			dsr.TopicRequests, dsr.TopicResolution, dsr.TopicErasure, dsr.TopicAccess, dsr.TopicPortability, dsr.TopicVerification, dsr.TopicPackaging, dsr.TopicAcknowledgement,
		} {
			topics = append(topics, pl.prefix+name)
		}
		for msg, err := range pl.p.Kafka.Tail(context.WithoutCancel(t.Context()), kafka.TailConfig{Topics: topics}) {
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, kafka.Message{Topic: msg.Topic, Key: msg.Key, Value: msg.Value, Headers: msg.Headers})
		}
		if len(again) < 20*6 {
			t.Fatalf("there are %d messages only", len(again))
		}
		if err := pl.p.Producer.Send(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		pl.settled(t)
		if d := cmp.Diff(rows, pl.c.read(t), cmp.AllowUnexported(row{})); d != "" {
			t.Errorf("rows have changed (-before +now):\n%s", d)
		}
		now := pl.versions()
		for id, v := range statuses {
			if now[id] != v {
				t.Errorf("request %s went on from version %d to %d", id, v, now[id])
			}
		}
		pl.lock.Lock()
		if len(pl.records) != records+markers || len(pl.rejected) > 0 {
			t.Errorf("records of %d requests and %d rejections, there were %d records", len(pl.records), len(pl.rejected), records)
		}
		for id, all := range pl.records {
			if len(all) != 1 {
				t.Errorf("request %s has %d records", id, len(all))
			}
		}
		pl.lock.Unlock()
		if letters := pl.jsonLines(t, "deadletters", "list", "--all"); len(letters) > 0 {
			t.Errorf("dead letters: %v", letters)
		}
		pl.c.othersUnchanged(t, erased...)
	})
}

// markers is how many requests of nobody show that everything published before has been worked: enough that each partition of
// each topic has some.
const markers = 40

// settled waits until all that was published so far has been worked by everybody.
func (pl *pipeline) settled(t *testing.T) {
	t.Helper()
	var rs []dsr.SubjectRequest
	for i := range markers {
		kind := []dsr.Kind{dsr.Erasure, dsr.Access}[i%2]
		rs = append(rs, newRequest(kind, []dsr.Identifier{{Kind: "customer_id", Value: "4711"}}))
	}
	pl.ask(t, rs...)
	for _, q := range rs {
		if r := pl.record(t, q.RequestID, 0); r.Result != dsr.NothingFound {
			t.Fatalf("the %s of nobody is %s", q.Kind, r.Result)
		}
	}
}

// versions is how far the status of each request is.
func (pl *pipeline) versions() map[dsr.RequestID]int64 {
	pl.lock.Lock()
	defer pl.lock.Unlock()
	out := map[dsr.RequestID]int64{}
	for id := range pl.statuses {
		out[id] = pl.last(id).Version
	}
	return out
}
