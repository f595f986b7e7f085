package coordinator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

const (
	hearEvery  = 200 * time.Millisecond // how often it is asked at most
	hearWithin = 5 * time.Second        // for one answer of the brokers
)

// hearing knows up to which instant, on the database's clock, every acknowledgement has been taken in, by this instance or
// another. It is the difference between a system that was silent and a coordinator that did not listen: one that was away for
// days, or a partition that is halted.
type hearing struct {
	heard atomic.Pointer[time.Time] // read inside of transactions, which must never wait for one who waits for the database

	mu      sync.Mutex
	asked   time.Time            // on this machine's clock, when it was looked last
	pending time.Time            // the brokers' ends below were asked for after this instant
	ends    map[int]kafka.Extent // nil: nothing is pending
}

// upTo is the instant.
func (h *hearing) upTo() time.Time {
	if at := h.heard.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// listen moves the instant on. Ends that were not reached when they were asked for are compared again the next time: under
// load the backlog is never empty, and yet every message is taken in at some time.
func (c *Coordinator) listen(ctx context.Context) error {
	h := c.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) < hearEvery {
		return nil
	}
	h.asked = time.Now()
	topic := c.cfg.TopicPrefix + dsr.TopicAcknowledgement
	next, now, err := c.store.Offsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if h.ends != nil && reached(next, h.ends) {
		at := h.pending
		h.heard.Store(&at)
		h.ends = nil
	}
	if h.ends != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hearWithin)
	defer cancel()
	ends, err := c.cfg.Kafka.Extents(ctx, topic)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	switch {
	case beyond(next, ends): // that partition is halted
	case reached(next, ends):
		h.heard.Store(&now)
	default:
		h.pending, h.ends = now, ends
	}
	return nil
}

// beyond reports whether a partition ends before what was taken in of it: it was made anew, or has lost its end, and what it holds is
// read by nobody until a person says where. What was taken in is asked for before the ends.
func beyond(next map[int]int64, ends map[int]kafka.Extent) bool {
	for p, e := range ends {
		if next[p] > e.End {
			return true
		}
	}
	return false
}

// reached reports whether everything that the partitions hold was taken in.
func reached(next map[int]int64, ends map[int]kafka.Extent) bool {
	for p, e := range ends {
		n, ok := next[p]
		if !ok {
			n = e.First // read from its beginning
		}
		if n < e.End {
			return false
		}
	}
	return true
}
