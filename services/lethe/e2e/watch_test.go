package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// watch is somebody outside, who reads what is published of requests.
type watch struct {
	ended chan error

	lock     sync.Mutex
	news     chan struct{} // closed and made anew with every piece of news
	statuses map[dsr.RequestID][]*dsr.Status
	rejected map[string][]dsr.Rejection // by message key
	records  map[dsr.RequestID][]dsr.Completion
	twice    int // completions that were published again

	restored    bool // the coordinator's database: what was sealed since the backup is sealed again, at another instant
	sealedAgain map[dsr.RequestID][]dsr.Completion
}

func newWatch(ctx context.Context, p *roles.Process) *watch {
	w := &watch{
		ended: make(chan error, 1), news: make(chan struct{}), statuses: map[dsr.RequestID][]*dsr.Status{},
		rejected: map[string][]dsr.Rejection{}, records: map[dsr.RequestID][]dsr.Completion{}, sealedAgain: map[dsr.RequestID][]dsr.Completion{},
	}
	go func() { w.ended <- w.run(ctx, p) }()
	return w
}

func (w *watch) run(ctx context.Context, p *roles.Process) error {
	prefix := p.Config.Kafka.TopicPrefix
	for m, err := range p.Kafka.Tail(ctx, kafka.TailConfig{Topics: []string{prefix + dsr.TopicStatus, prefix + dsr.TopicRejected, prefix + dsr.TopicCompletions}, Follow: true}) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.take(p, m); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) take(p *roles.Process, m kafka.Message) error {
	w.lock.Lock()
	defer w.lock.Unlock()
	switch m.Topic[len(p.Config.Kafka.TopicPrefix):] {
	case dsr.TopicStatus:
		s, err := p.Codec.DecodeStatus(m.Value)
		if err != nil {
			return err
		}
		if old := w.statuses[s.RequestID]; len(old) == 0 || s.Version > old[len(old)-1].Version {
			w.statuses[s.RequestID] = append(old, &s)
		}
	case dsr.TopicRejected:
		r, err := p.Codec.DecodeRejection(m.Value)
		if err != nil {
			return err
		}
		w.rejected[string(m.Key)] = append(w.rejected[string(m.Key)], r)
	default:
		c, err := p.Codec.DecodeCompletion(m.Value)
		if err != nil {
			return err
		}
		if string(m.Key) != string(c.RequestID) {
			return fmt.Errorf("the completion of request %s has the key %q", c.RequestID, m.Key)
		}
		all := w.records[c.RequestID]
		if i := slices.IndexFunc(all, func(have dsr.Completion) bool { return have.RecordID == c.RecordID }); i >= 0 {
			if string(all[i].SHA256) == string(c.SHA256) {
				w.twice++
				return nil
			}
			if !w.restored {
				return fmt.Errorf("record %s was published twice, with other bytes", c.RecordID)
			}
			w.sealedAgain[c.RequestID] = append(w.sealedAgain[c.RequestID], c)
		} else {
			w.records[c.RequestID] = append(all, c)
		}
	}
	close(w.news)
	w.news = make(chan struct{})
	return nil
}

// until waits for the news to make the condition true. The condition is asked under the lock.
func (pl *pipeline) until(t testing.TB, what string, condition func(w *watch) bool) {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		pl.lock.Lock()
		ok, news := condition(pl.watch), pl.news
		pl.lock.Unlock()
		if ok {
			return
		}
		if err := pl.failed(); err != nil {
			t.Fatalf("while waiting for %s: %v", what, err)
		}
		tick := time.NewTimer(time.Second) // a role that ends makes no news
		select {
		case <-news:
		case <-tick.C:
		case <-timer.C:
			tick.Stop()
			t.Fatalf("%s did not come about within %s", what, within)
		}
		tick.Stop()
	}
}

// passed reports whether the request was ever in the state.
func (w *watch) passed(id dsr.RequestID, s dsr.State) bool {
	return slices.ContainsFunc(w.statuses[id], func(v *dsr.Status) bool { return v.State == s })
}

// last is the newest status of the request, an empty one before the first.
func (w *watch) last(id dsr.RequestID) dsr.Status {
	if all := w.statuses[id]; len(all) > 0 {
		return *all[len(all)-1]
	}
	return dsr.Status{}
}

// answered reports whether a system's answer in the phase was ever seen.
func (w *watch) answered(id dsr.RequestID, system string, phase dsr.Phase) bool {
	return slices.ContainsFunc(w.statuses[id], func(v *dsr.Status) bool {
		return slices.ContainsFunc(v.Systems, func(s dsr.SystemStatus) bool {
			return s.Name == system && s.Phase == phase && s.State == string(dsr.AckAnswered)
		})
	})
}

// record waits for the record of this number, verifies the chain up to it with the public key alone, and returns the last.
func (pl *pipeline) record(t testing.TB, id dsr.RequestID, number int32) *completion.Record {
	t.Helper()
	pl.until(t, fmt.Sprintf("record %d of request %s", number, id), func(w *watch) bool {
		return slices.ContainsFunc(w.records[id], func(c dsr.Completion) bool { return c.Number == number })
	})
	chain := pl.chain(t, id)
	return chain[number].Record
}

// chain verifies all records of a request that were published so far.
func (pl *pipeline) chain(t testing.TB, id dsr.RequestID) []*completion.Verified {
	t.Helper()
	pl.lock.Lock()
	all := slices.Clone(pl.records[id])
	pl.lock.Unlock()
	slices.SortFunc(all, func(a, b dsr.Completion) int { return int(a.Number) - int(b.Number) })
	chain := make([]*completion.Verified, len(all))
	for i, c := range all {
		v, err := completion.Verify(c.Envelope, pl.verify)
		if err != nil {
			t.Fatalf("record %d of request %s: %v", c.Number, id, err)
		}
		if c.Result != v.Record.Result || c.RecordID != v.Record.RecordID || c.Type != v.Record.Type {
			t.Errorf("the completion of request %s says other things than its envelope", id)
		}
		followsSchema(t, c.Envelope)
		chain[i] = v
	}
	if err := completion.VerifyChain(chain); err != nil {
		t.Fatal(err)
	}
	return chain
}

// rejection waits for the rejection with this message key.
func (pl *pipeline) rejection(t testing.TB, key string) dsr.Rejection {
	t.Helper()
	pl.until(t, "a rejection under "+key, func(w *watch) bool { return len(w.rejected[key]) > 0 })
	pl.lock.Lock()
	defer pl.lock.Unlock()
	return pl.rejected[key][0]
}
