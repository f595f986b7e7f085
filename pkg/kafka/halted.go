package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Halt is a partition that a consumer of this client has and does not read: see [OffsetError].
type Halt struct {
	Group string
	Cause OffsetError
}

// Halted lists the partitions that this client's consumers have and do not read, sorted.
func (c *Client) Halted() []Halt {
	return slices.SortedFunc(maps.Keys(c.halted.list()), func(a, b Halt) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Cause.Topic, b.Cause.Topic), cmp.Compare(a.Cause.Partition, b.Cause.Partition))
	})
}

// halts is which partitions are halted.
type halts struct {
	mu  sync.Mutex
	are map[Halt]bool
}

// add notes a halt until the function that it returns is called.
func (h *halts) add(halt Halt) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.are == nil {
		h.are = map[Halt]bool{}
	}
	h.are[halt] = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.are, halt)
	}
}

func (h *halts) list() map[Halt]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.are)
}

// observe has a meter report how many partitions are halted, until the function that it returns is called.
func (h *halts) observe(meter metric.Meter) (end func(), err error) {
	gauge, err := meter.Int64ObservableGauge("lethe.partitions.halted",
		metric.WithUnit("{partition}"), metric.WithDescription("Partitions that are not read until a person says where they go on."))
	if err != nil {
		return nil, fmt.Errorf("make meters: %w", err)
	}
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		type place struct{ group, topic string }
		counts := map[place]int64{}
		for halt := range h.list() {
			counts[place{halt.Group, halt.Cause.Topic}]++
		}
		for p, n := range counts {
			o.ObserveInt64(gauge, n, metric.WithAttributes(
				attribute.String("messaging.consumer.group.name", p.group), attribute.String("messaging.destination.name", p.topic)))
		}
		return nil
	}, gauge)
	if err != nil {
		return nil, fmt.Errorf("make meters: %w", err)
	}
	return func() { _ = registered.Unregister() }, nil
}
