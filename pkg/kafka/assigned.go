package kafka

import (
	"cmp"
	"slices"
	"sync"
)

// Assignment is a partition that a consumer of this client is to work.
type Assignment struct {
	Group     string
	Topic     string
	Partition int
}

// Assigned lists the partitions that this client's consumers have at this moment, halted ones included, sorted. Together with
// [Client.Lag] it says whether they get on.
func (c *Client) Assigned() []Assignment { return c.assigned.list() }

// assignments is what consumers have.
type assignments struct {
	mu  sync.Mutex
	has map[Assignment]int // by how many generations: one may begin before the last has ended
}

// add notes an assignment until the function that it returns is called.
func (a *assignments) add(p Assignment) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.has == nil {
		a.has = map[Assignment]int{}
	}
	a.has[p]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.has[p]--; a.has[p] == 0 {
			delete(a.has, p)
		}
	}
}

func (a *assignments) list() []Assignment {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Assignment, 0, len(a.has))
	for p := range a.has {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Assignment) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}
