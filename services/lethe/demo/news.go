package demo

import (
	"slices"
	"sync"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// news is everything that the services have published so far, as anybody could read it. One goroutine adds, others ask.
type news struct {
	prefix string
	codec  *event.Codec

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew with every piece of news
	statuses map[dsr.RequestID][]dsr.Status
	rejected map[dsr.RequestID]*dsr.Rejection
	records  map[dsr.RequestID][]dsr.Completion
}

func newNews(prefix string, codec *event.Codec) *news {
	return &news{
		prefix: prefix, codec: codec, changed: make(chan struct{}),
		statuses: map[dsr.RequestID][]dsr.Status{}, rejected: map[dsr.RequestID]*dsr.Rejection{}, records: map[dsr.RequestID][]dsr.Completion{},
	}
}

func (n *news) topics() []string {
	return []string{n.prefix + dsr.TopicStatus, n.prefix + dsr.TopicRejected, n.prefix + dsr.TopicCompletions}
}

// add takes one message. What came before is dropped.
func (n *news) add(m kafka.Message) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch m.Topic {
	case n.prefix + dsr.TopicStatus:
		v, err := n.codec.DecodeStatus(m.Value)
		if err != nil {
			return err
		}
		if all := n.statuses[v.RequestID]; len(all) == 0 || v.Version > all[len(all)-1].Version {
			n.statuses[v.RequestID] = append(all, v)
		}
	case n.prefix + dsr.TopicRejected:
		v, err := n.codec.DecodeRejection(m.Value)
		if err != nil {
			return err
		}
		n.rejected[v.RequestID] = &v
	default:
		v, err := n.codec.DecodeCompletion(m.Value)
		if err != nil {
			return err
		}
		all := n.records[v.RequestID]
		if slices.ContainsFunc(all, func(have dsr.Completion) bool { return have.RecordID == v.RecordID }) {
			return nil
		}
		n.records[v.RequestID] = append(all, v)
	}
	close(n.changed)
	n.changed = make(chan struct{})
	return nil
}

// next returns a channel that is closed when more is known than now.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// passed reports whether a request was ever in a state.
func (n *news) passed(id dsr.RequestID, state dsr.State) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.statuses[id], func(s dsr.Status) bool { return s.State == state })
}

// admitted reports whether anything is known of a request.
func (n *news) admitted(id dsr.RequestID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.statuses[id]) > 0
}

// answered reports whether a system has answered, beyond giving identifiers.
func (n *news) answered(id dsr.RequestID, system string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.statuses[id]
	return len(all) > 0 && slices.ContainsFunc(all[len(all)-1].Systems, func(s dsr.SystemStatus) bool {
		return s.Name == system && s.State == string(dsr.AckAnswered) && s.Phase != dsr.Resolve
	})
}

// rejection returns why a request was rejected, nil if it was not.
func (n *news) rejection(id dsr.RequestID) *dsr.Rejection {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rejected[id]
}

// chain returns the records of a request, the addenda last.
func (n *news) chain(id dsr.RequestID) []dsr.Completion {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.records[id])
}

// sealed reports whether a request has a record of at least this number.
func (n *news) sealed(id dsr.RequestID, number int32) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.records[id], func(c dsr.Completion) bool { return c.Number >= number })
}
