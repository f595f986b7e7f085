package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// internalTopics are those between services: what may be delivered again, and what is looked at as it passes.
var internalTopics = []string{
	dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification, dsr.TopicPackaging, dsr.TopicAcknowledgement,
}

// watch is somebody outside, who reads what passes on the topics.
type watch struct {
	proc     *roles.Process
	answered func(a *dsr.Acknowledgement) // an act that was acknowledged for the first time in its round

	mu      sync.Mutex
	high    map[string]int64 // by topic and partition, what was seen
	known   map[dsr.RequestID]bool
	sealed  map[dsr.RequestID]int32 // the highest number of a record
	acts    map[dsr.Key]bool
	passing []kafka.Message // a sample of what services said to each other
	passed  int
	again   context.CancelFunc // has it look for new partitions
	err     error
}

func newWatch(p *roles.Process) *watch {
	return &watch{proc: p, high: map[string]int64{}, known: map[dsr.RequestID]bool{}, sealed: map[dsr.RequestID]int32{}, acts: map[dsr.Key]bool{}, again: func() {}}
}

// sampleSize bounds what is kept of the messages that pass.
const sampleSize = 4000

// run reads until ctx ends.
func (w *watch) run(ctx context.Context) {
	from := kafka.Position{}
	topics := []string{prefix + dsr.TopicStatus, prefix + dsr.TopicCompletions}
	for _, t := range internalTopics {
		topics = append(topics, prefix+t)
	}
	for ctx.Err() == nil {
		part, cancel := context.WithCancel(ctx)
		w.mu.Lock()
		w.again = cancel
		w.mu.Unlock()
		since := time.Now()
		for m, err := range w.proc.Kafka.Tail(part, kafka.TailConfig{Topics: topics, From: from, Follow: true}) {
			if err == nil {
				err = w.take(m)
			}
			if err != nil && part.Err() == nil {
				w.mu.Lock()
				w.err = errors.Join(w.err, err)
				w.mu.Unlock()
			}
		}
		cancel()
		from = kafka.At(since.Add(-time.Minute)) // what was seen already is passed over
		pause(ctx, 100*time.Millisecond)
	}
}

// partitionsAdded has the topics read by all their partitions.
func (w *watch) partitionsAdded() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.again()
}

func (w *watch) take(m kafka.Message) error {
	w.mu.Lock()
	at := fmt.Sprintf("%s/%d", m.Topic, m.Partition)
	if next, ok := w.high[at]; ok && m.Offset < next {
		w.mu.Unlock()
		return nil
	}
	w.high[at] = m.Offset + 1
	topic := m.Topic[len(prefix):]
	if slices.Contains(internalTopics, topic) {
		w.sample(m)
	}
	w.mu.Unlock()
	switch topic {
	case dsr.TopicStatus:
		s, err := w.proc.Codec.DecodeStatus(m.Value)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.known[s.RequestID] = true
		return err
	case dsr.TopicCompletions:
		c, err := w.proc.Codec.DecodeCompletion(m.Value)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sealed[c.RequestID] = max(w.sealed[c.RequestID], c.Number)
		return err
	case dsr.TopicAcknowledgement:
		a, err := w.proc.Codec.DecodeAcknowledgement(m.Value)
		if err != nil {
			return err
		}
		if a.Phase != dsr.Act || a.State != dsr.AckAnswered || w.acts[a.Key] {
			return nil
		}
		w.acts[a.Key] = true // this goroutine alone reads it
		w.answered(&a)
	}
	return nil
}

// sample keeps a message, in place of an older one where there are too many.
func (w *watch) sample(m kafka.Message) {
	if w.passed++; len(w.passing) < sampleSize {
		w.passing = append(w.passing, m)
		return
	}
	w.passing[w.passed%sampleSize] = m
}

// admitted reports whether a status of the request was seen.
func (w *watch) admitted(id dsr.RequestID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[id]
}

// missing lists the requests that have no record yet.
func (w *watch) missing(all []*asked) (out []*asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range all {
		if _, ok := w.sealed[a.RequestID]; !ok {
			out = append(out, a)
		}
	}
	return out
}

// numbered reports whether each request has a record of this number or a later one.
func (w *watch) numbered(all []*asked, number int32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range all {
		if n, ok := w.sealed[a.RequestID]; !ok || n < number {
			return false
		}
	}
	return true
}
