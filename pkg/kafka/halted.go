package kafka

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Halt is a partition that a consumer of this client has and does not read: see [OffsetError].
type Halt struct {
	Group string
	OffsetError
}

// Halted lists the partitions that this client's consumers have and do not read, sorted.
func (c *Client) Halted() []Halt {
	return slices.SortedFunc(maps.Keys(c.halted.list()), func(a, b Halt) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
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
