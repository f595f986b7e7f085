package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

const (
	every  = 5 * time.Second // how often everything is looked at: so old an answer may be
	within = 4 * time.Second // for one look
)

// Check reports what keeps the process from working, nil for nothing. What its error says is read by people who may see the
// process's logs.
type Check func(ctx context.Context) error

// Health keeps what was found out last. A nil *Health takes checks and does nothing.
type Health struct {
	log   *slog.Logger
	clock func() time.Time

	mu       sync.Mutex
	checks   map[string]Check // nil: the part has yet to come up
	progress *Progress
	found    map[string]error // of the last look
	told     string           // what was logged of it
	looked   bool
	halted   []kafka.Halt
	stalled  []Stalled

	news chan struct{} // something was set
}

// New returns a Health that knows of nothing yet, and is not ready. The log says when the process becomes ready and when it is no more.
func New(log *slog.Logger) *Health {
	return &Health{log: log, clock: time.Now, checks: map[string]Check{}, news: make(chan struct{}, 1)}
}

// Expect says that a part of the process has to come up before it is ready: until Set is called for it.
func (h *Health) Expect(part string) { h.Set(part, nil) }

// Set says how to find out whether a part is ready; it replaces what was said of it before.
func (h *Health) Set(part string, check Check) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[part] = check
	h.looked = false // the next answer knows of it
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// Watch has the progress of partitions watched.
func (h *Health) Watch(p *Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress = p
}

// Run looks again and again until ctx ends, and at once when something is set: whoever waits for a process to be ready waits no longer than it takes.
func (h *Health) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		h.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-h.news:
		}
	}
}

var errStarting = errors.New("has not come up yet")

// look asks everything at once.
func (h *Health) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	h.mu.Lock()
	checks, progress := maps.Clone(h.checks), h.progress
	h.mu.Unlock()
	var mu sync.Mutex
	var all sync.WaitGroup
	found := map[string]error{}
	for part, check := range checks {
		all.Go(func() {
			err := errStarting
			if check != nil {
				err = check(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			found[part] = err
		})
	}
	all.Wait()
	away := slices.ContainsFunc(slices.Collect(maps.Values(found)), func(err error) bool { return err != nil })
	var stalled []Stalled
	var halted []kafka.Halt
	if progress != nil {
		stalled, halted = progress.look(ctx, h.clock(), away), progress.from.Halted()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found, h.stalled, h.halted, h.looked = found, stalled, halted, len(checks) == len(h.checks)
	h.tell(ctx)
}

// tell logs what has changed.
func (h *Health) tell(ctx context.Context) {
	text := "ready"
	if err := h.unready(); err != nil {
		text = err.Error()
	}
	switch {
	case text == h.told:
	case text == "ready":
		h.log.InfoContext(ctx, "process is ready")
	case h.told == "ready":
		h.log.WarnContext(ctx, "process is not ready", "error", text)
	}
	h.told = text
	for _, s := range h.stalled {
		if s.fresh {
			h.log.ErrorContext(ctx, "a partition lies still although something waits in it: the process counts as dead", "group", s.Group, "topic", s.Topic,
				"partition", s.Partition, "offset", s.Offset, "records", s.Records, "seconds", s.For.Seconds())
		}
	}
}

// unready is why the process is not ready, as of the last look.
func (h *Health) unready() error {
	if len(h.checks) < 2 || !h.looked { // a process has brokers and a role
		return errStarting
	}
	var errs []error
	for _, part := range slices.Sorted(maps.Keys(h.found)) {
		if err := h.found[part]; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part, err))
		}
	}
	for _, p := range h.halted {
		errs = append(errs, fmt.Errorf("%s/%d is not read by group %s until a person says where it goes on: %w", p.Cause.Topic, p.Cause.Partition, p.Group, p.Cause.Unwrap()))
	}
	return errors.Join(errs...)
}

// Ready returns nil when everything that the process needs answered at the last look, else what did not.
func (h *Health) Ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unready()
}

// Alive returns nil unless partitions lie still.
func (h *Health) Alive() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, s := range h.stalled {
		errs = append(errs, fmt.Errorf("%s/%d of group %s lies still at offset %d for %s, with %d records behind it", s.Topic, s.Partition, s.Group, s.Offset, s.For.Round(time.Second), s.Records))
	}
	return errors.Join(errs...)
}
